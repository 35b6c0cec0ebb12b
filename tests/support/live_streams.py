"""What people and sites do around live streams, through a stepped dispatcher."""

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker.errors import Fault, JobError, Reason
from worker.form import Form
from worker.protocol import (
    AnswerButton,
    Download,
    Explain,
    Progress,
    Stage,
)
from worker.protocol.effects import ChooseForm, Press, StopRecording
from worker.protocol.notices import Notice, Topic

LINK, OTHER_LINK = "https://site.example/live", "https://site.example/other"
ME, OTHER = 7, 8
LIVE = JobError(Reason.LIVE, Fault.PERMANENT)
SOON = JobError(Reason.NOT_STARTED, Fault.PERMANENT)
DOWN = JobError(Reason.NETWORK, Fault.RETRYABLE)
SETTINGS = {"LIVE_MAX_MINUTES": "30", "USER_MAX_RUNNING": "5", "CHAT_MAX_RUNNING": "5"}
TEN = Form(record_minutes=10)
STATUS, NEXT_STATUS = 50, 60


def refused(
    bot: SteppedDispatcher, why: JobError = LIVE, link: str = LINK, message_id: int = STATUS
) -> Explain:
    """A link has been answered with why there is no media."""
    bot.send(link)
    bot.post(message_id)
    bot.fail(Download, why)
    said = bot.task(Explain)
    bot.finish(Explain)
    return said


def press(
    bot: SteppedDispatcher,
    form: Form = TEN,
    request_id: int = 1,
    message_id: int = STATUS,
    press_id: str = "press",
) -> Notice | None:
    """Somebody presses a button below an answer; what that says."""
    by = Press(press_id, ME, ME, message_id)
    bot.bring(ChooseForm(request_id, form, by))
    return answered(bot)


def answered(bot: SteppedDispatcher) -> Notice | None:
    notice = bot.task(AnswerButton).notice
    bot.finish(AnswerButton)
    return notice


def recording(bot: SteppedDispatcher, message_id: int = NEXT_STATUS) -> int:
    """A recording has begun; the id of its request."""
    refused(bot)
    assert press(bot) == Notice(Topic.ON_ITS_WAY)
    bot.post(message_id)
    begin(bot)
    return 2


def begin(bot: SteppedDispatcher) -> None:
    """The first pieces of a recording are there."""
    bot.downloads.report(bot.job_id(Download), Progress(Stage.RECORDING, 1000, eta_s=590.0))
    bot.step(4.0)


def stop(bot: SteppedDispatcher, request_id: int = 2, user_id: int = ME) -> Notice | None:
    bot.bring(StopRecording(request_id, Press("stop", user_id, ME, NEXT_STATUS)))
    return answered(bot)


def end_stopped(bot: SteppedDispatcher) -> None:
    """The downloads end that were told to stop."""
    stopped, bot.downloads.stopped = list(bot.downloads.stopped), {}
    assert stopped
    for job_id in stopped:
        bot.downloads.stop(job_id)
    bot.step()
