"""A link's way through the dispatcher to its one final answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.dispatch.outcomes import MAX_STATUS_MESSAGES
from worker.errors import (
    ChatClosed,
    Fault,
    FileIdRefused,
    JobError,
    MessageGone,
    Reason,
    TelegramBusy,
    TelegramUnreachable,
)
from worker.protocol import (
    Action,
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    Explain,
    GroupSent,
    HandleUpdate,
    Identified,
    MediaKind,
    Place,
    Posted,
    PostStatus,
    Progress,
    Reader,
    RemoveStatus,
    Reply,
    SendGroup,
    SentApart,
    Stage,
)
from worker.protocol.notices import Notice, Topic

LINK, OTHER = "https://site.example/v", "https://site.example/w"

SENT = Delivered("file id", MediaKind.VIDEO)


def answered(bot: SteppedDispatcher) -> list[int]:
    """The requests that have their final answer."""
    found = bot.rows("SELECT id FROM requests WHERE answered_at IS NOT NULL ORDER BY id")
    return [request_id for (request_id,) in found]


@pytest.mark.parametrize("posted_first", [True, False])
def test_answer_is_sent_once_the_status_stands_and_the_media_is_there(
    bot: SteppedDispatcher, posted_first: bool
) -> None:
    bot.send(LINK)
    assert bot.task(Download).url == LINK
    if posted_first:
        bot.post(50)
        bot.finish_download()
    else:
        bot.finish_download()
        assert not bot.tasks(Deliver)
        bot.post(50)
    deliver = bot.task(Deliver)
    assert (deliver.reader.chat_id, deliver.message_id) == (7, 50)
    assert bot.directories() == [Path(deliver.file.path).parent.name]
    bot.deliver()
    assert answered(bot) == [1]
    assert bot.directories() == []
    bot.pass_time(60)
    assert not bot.telegram.tasks | bot.downloads.tasks


def test_stages_are_shown_one_after_the_other(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    bot.pass_time(5)
    download = bot.job_id(Download)
    for progress in (Progress(Stage.DOWNLOADING, 5, 10), Progress(Stage.FINISHING)):
        bot.downloads.report(download, progress)
        bot.pass_time(5)
    bot.finish_download()
    bot.pass_time(5)
    stages = [progress.stage for progress in bot.shown()]
    assert stages == [Stage.DOWNLOADING, Stage.DOWNLOADING, Stage.FINISHING, Stage.UPLOADING]


def test_those_who_wait_are_told_their_place(bot: SteppedDispatcher) -> None:
    for user_id in (1, 2, 3, 4):
        bot.send(f"{LINK}{user_id}", user_id=user_id)
        bot.post(50 + user_id)
    bot.pass_time(5)
    waiting = [p.ahead for p in bot.shown() if p.stage is Stage.IN_LINE]
    assert waiting == [0, 1]
    bot.downloads.fail(min(bot.tasks(Download)), JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    bot.settle()
    bot.pass_time(12)
    assert [p.ahead for p in bot.shown() if p.stage is Stage.IN_LINE] == [0]


def test_silent_download_does_not_pretend_to_move(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    moving = Progress(Stage.DOWNLOADING, 5, 10, speed_bps=1.0, eta_s=5.0)
    bot.downloads.report(bot.job_id(Download), moving)
    bot.pass_time(30)
    shown = bot.shown()
    assert moving in shown
    assert shown[-1] == replace(moving, speed_bps=None, eta_s=None, is_silent=True)


def test_chat_shows_that_the_bot_is_at_work(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    bot.pass_time(12)
    shown = [action.action for action in bot.actions]
    assert set(shown) == {Action.UPLOAD_DOCUMENT}
    assert len(shown) >= 2, "it is kept alive"
    bot.finish_download()
    bot.pass_time(5)
    assert bot.actions[-1].action is Action.UPLOAD_VIDEO
    assert {action.place for action in bot.actions} == {Place(7)}


@pytest.mark.parametrize("stage", [Stage.IN_LINE, Stage.DOWNLOADING])
def test_message_goes_on_after_a_restart(make_bot: MakeBot, stage: Stage) -> None:
    bot = make_bot(DOWNLOAD_WORKERS="1")
    if stage is Stage.IN_LINE:
        bot.send(OTHER, user_id=1)
        bot.settle()
    bot.send(LINK)
    bot.post(50)
    bot.pass_time(5)
    assert {edit.progress.stage for edit in bot.edits if edit.message_id == 50} == {stage}
    bot.kill()
    bot = make_bot(DOWNLOAD_WORKERS="1")
    bot.pass_time(15)
    assert {edit.progress.stage for edit in bot.edits if edit.message_id == 50} == {stage}


def test_second_person_shares_the_download_and_the_upload(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=1)
    bot.post(51)
    bot.send(LINK, user_id=2)
    bot.post(52)
    bot.finish_download()
    assert bot.task(Deliver).file.file_id is None
    bot.deliver("known")
    assert bot.task(Deliver).file.file_id == "known"
    bot.deliver("known")
    assert answered(bot) == [1, 2]
    assert bot.states("download") == ["done"]


def test_what_is_remembered_needs_no_download(bot: SteppedDispatcher) -> None:
    for number in (1, 2):
        bot.send(LINK, user_id=number)
        bot.post()
        if number == 1:
            bot.finish_download()
        bot.deliver()
    assert answered(bot) == [1, 2]
    assert bot.states("download") == ["done"]


@pytest.mark.parametrize("is_remembered", [True, False])
def test_nobody_sees_by_which_link_another_person_got_the_same(
    bot: SteppedDispatcher, is_remembered: bool
) -> None:
    for user_id, shared_by in ((1, "Ada"), (2, "Bob")):
        bot.send(f"{LINK}?igshid={shared_by}", user_id=user_id)
        bot.post(50 + user_id)
        if is_remembered and user_id == 1:
            bot.finish_download()
            bot.deliver()
    if not is_remembered:
        bot.finish_download()
        bot.deliver()
    delivery = bot.task(Deliver)
    assert delivery.reader.chat_id == 2
    assert delivery.file.source_url == f"{LINK}?igshid=Bob"
    assert "Ada" not in str(bot.rows("SELECT * FROM media"))


def test_links_that_prove_to_be_the_same_media_share_one_download(bot: SteppedDispatcher) -> None:
    for user_id, link in ((1, LINK), (2, OTHER)):
        bot.send(link, user_id=user_id)
        bot.post(50 + user_id)
    first, second = sorted(bot.tasks(Download))
    bot.downloads.report(first, Identified("site 1"))
    bot.downloads.report(second, Identified("site 1"))
    bot.step()
    assert list(bot.downloads.stopped.items()) == [(second, None)], "it is told to stop, in time"
    bot.downloads.stop(second)
    bot.step()
    bot.finish_download()
    bot.deliver()
    bot.deliver()
    assert answered(bot) == [1, 2]
    assert bot.states("download") == ["done", "dropped"]


# ------------------------------------------------------------------------- what vanishes


def test_file_that_vanished_is_downloaded_again_and_not_for_ever(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    for _ in range(bot.settings.job_max_attempts):
        media = bot.make_media()
        Path(media.files[0].path).unlink()
        bot.finish(Download, media)
        if not bot.tasks(PostStatus):
            bot.step()
        else:
            bot.post()
        bot.step()
        assert not bot.tasks(Deliver)
    assert not bot.tasks(Download)
    assert bot.task(Explain).reason is Reason.INTERNAL
    bot.finish(Explain)
    assert answered(bot) == [1]


@pytest.mark.parametrize("forgotten", [Deliver, SendGroup])
def test_file_that_telegram_has_forgotten_is_fetched_again_without_a_word(
    bot: SteppedDispatcher, forgotten: type[object]
) -> None:
    def take_all() -> None:
        bot.finish(SendGroup, GroupSent((SENT, SENT)))
        bot.deliver()

    bot.send(LINK, user_id=1)
    bot.post()
    bot.finish_download(3)
    take_all()
    bot.send(LINK, user_id=2)
    bot.post()
    if forgotten is Deliver:
        bot.finish(SendGroup, GroupSent((SENT, SENT)))
    bot.fail(forgotten, FileIdRefused())
    bot.step()
    assert not bot.tasks(Explain) | bot.tasks(PostStatus)
    bot.finish_download(3)
    if bot.tasks(SendGroup):
        assert [file.file_id for file in bot.task(SendGroup).files] == [None, None]
        bot.finish(SendGroup, GroupSent((SENT, SENT)))
    assert bot.task(Deliver).file.file_id is None
    bot.deliver()
    assert answered(bot) == [1, 2]


def test_status_message_that_is_gone_is_posted_again_and_not_for_ever(
    bot: SteppedDispatcher,
) -> None:
    bot.send(LINK)
    bot.post(50)
    bot.finish_download()
    for number in range(1, bot.settings.job_max_attempts):
        bot.fail(Deliver, MessageGone())
        bot.post(50 + number)
        assert bot.task(Deliver).message_id == 50 + number
    bot.fail(Deliver, MessageGone())
    bot.pass_time(60)
    assert not bot.telegram.tasks
    assert bot.rows("SELECT verdict FROM requests") == [("unreachable",)]
    assert bot.directories() == []


def test_closed_chat_ends_all_that_is_for_it_and_nothing_else(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=1)
    bot.post(51)
    bot.send(f"{LINK}2", user_id=2)
    bot.bring(Reply(Reader(1), None, (Notice(Topic.HINT),)))
    mine, _ = sorted(bot.tasks(Download))
    bot.fail(Reply, ChatClosed())
    assert list(bot.downloads.stopped) == [mine]
    bot.downloads.stop(mine)
    bot.step()
    assert bot.rows("SELECT verdict FROM requests ORDER BY id") == [("unreachable",), (None,)]
    bot.post(52)
    bot.finish_download()
    assert bot.task(Deliver).reader.chat_id == 2


# -------------------------------------------------------------------- several files


def test_files_beside_the_answer_are_sent_before_it(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    bot.finish_download(3)
    group = bot.task(SendGroup)
    assert [Path(file.path).name for file in group.files] == ["media-1.mp4", "media-2.mp4"]
    bot.finish(SendGroup, GroupSent((SENT, SENT)))
    assert answered(bot) == []
    assert Path(bot.task(Deliver).file.path).name == "media-0.mp4"
    bot.deliver()
    assert answered(bot) == [1]
    assert bot.directories() == []


def test_group_of_which_a_part_was_sent_goes_on_behind_it(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    bot.finish_download(4)
    bot.finish(SendGroup, GroupSent((SENT,)))
    assert [Path(file.path).name for file in bot.task(SendGroup).files] == [
        "media-2.mp4",
        "media-3.mp4",
    ]


def test_group_that_may_have_come_is_repeated_ever_later(bot: SteppedDispatcher) -> None:
    bot.send(LINK)
    bot.post()
    bot.finish_download(2)
    pauses = []
    for _ in range(9):
        bot.fail(SendGroup, TelegramUnreachable("no answer"))
        waited = 0
        while not bot.tasks(SendGroup):
            bot.step(5)
            waited += 5
        pauses.append(waited)
    assert pauses[0] == 5
    assert pauses == sorted(pauses)
    assert pauses[-1] == 600
    assert bot.attempts("group") == [1]


# --------------------------------------------------------------------- what no worker should say


def up_to(bot: SteppedDispatcher, task_type: type[Any]) -> None:
    """Bring a link so far that such a task of it runs."""
    if task_type is HandleUpdate:
        bot.ledger.record_updates([{"update_id": 2**50}], bot.wall)
        bot.step()
    elif task_type in (Reply, AnswerButton):
        reply = Reply(Reader(7), 1, (Notice(Topic.DEAD_BUTTON),))
        bot.bring(reply if task_type is Reply else AnswerButton("press", "en", reply.notices[0]))
    else:
        bot.send(LINK)
    if task_type in (Deliver, SendGroup, Explain):
        bot.post()
        if task_type is Explain:
            bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
        else:
            bot.finish_download(files=2 if task_type is SendGroup else 1)
    assert bot.tasks(task_type)


@pytest.mark.parametrize(
    ("task_type", "result"),
    [
        (HandleUpdate, None),
        (HandleUpdate, [Reply(Reader(7), 1, ())]),
        (HandleUpdate, ("not an effect",)),
        (PostStatus, None),
        (PostStatus, SENT),
        (PostStatus, 50),
        (Download, None),
        (Download, "a path"),
        (Download, {"files": []}),
        (SendGroup, SENT),
        (SendGroup, (SENT,)),
        (Deliver, GroupSent((SENT,))),
        (Deliver, "file id"),
        (Explain, False),
        (Reply, Posted(1)),
        (AnswerButton, 0),
    ],
)
def test_result_that_no_such_job_returns_is_the_failure_of_that_job_alone(
    bot: SteppedDispatcher, task_type: type[Any], result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    up_to(bot, task_type)
    caplog.clear()
    job_id = bot.job_id(task_type)
    bot.finish(task_type, result)
    sql = "SELECT state, reason, fault FROM jobs WHERE id = ?"
    assert bot.rows(sql, job_id) == [("failed", Reason.INTERNAL, Fault.OPERATOR)]
    (line,) = [record for record in caplog.records if "failed for good" in record.getMessage()]
    assert line.levelname == "ERROR"
    assert f"returned {type(result).__name__}" in line.getMessage()
    # The people who waited for it are told, unless it is the telling that went wrong.
    for explained in bot.settle():
        assert explained.reason is Reason.INTERNAL
    bot.send(OTHER, user_id=8)
    bot.post(60)
    bot.finish_downloads()
    assert bot.task(Deliver).message_id == 60


@pytest.mark.parametrize("error", [TelegramBusy(5.0), TelegramUnreachable("no answer")])
def test_a_status_message_that_an_answer_leaves_is_removed_later(
    make_bot: MakeBot, error: Exception
) -> None:
    bot = make_bot()
    bot.send("https://a.example/v")
    bot.post(50)
    bot.finish_download()
    bot.finish(Deliver, Delivered("file", MediaKind.VOICE, leaves_status=True))
    assert bot.task(RemoveStatus) == RemoveStatus(7, 50)
    bot.fail(RemoveStatus, error)
    bot.pass_time(6)
    bot.finish(RemoveStatus)
    bot.pass_time(60)
    assert bot.states("removal") == ["done"]
    assert bot.states("deliver") == ["done"]
    assert not bot.tasks(RemoveStatus)


def test_a_status_message_that_a_sentence_leaves_is_removed_later(make_bot: MakeBot) -> None:
    bot = make_bot()
    bot.send("https://a.example/v")
    bot.post(50)
    bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    bot.finish(Explain, SentApart(99, leaves_status=True))
    assert bot.task(RemoveStatus) == RemoveStatus(7, 50)
    bot.kill()
    again = make_bot()
    again.step()
    again.finish(RemoveStatus)
    assert again.states("removal") == ["done"]


def test_a_cancelled_answer_that_leaves_its_status_message_is_no_delivery(
    make_bot: MakeBot,
) -> None:
    bot = make_bot()
    bot.send("https://a.example/v")
    bot.post(50)
    bot.finish_download()
    bot.finish(Deliver, SentApart(99, leaves_status=True))
    assert bot.task(RemoveStatus) == RemoveStatus(7, 50)
    assert not bot.rows("SELECT * FROM media")


@pytest.mark.parametrize("attempts", ["1", "10"])
def test_a_status_message_that_is_deleted_is_posted_again_but_not_for_ever(
    make_bot: MakeBot, attempts: str
) -> None:
    bot = make_bot(JOB_MAX_ATTEMPTS=attempts)
    bot.send("https://a.example/v")
    bot.post(50)
    bot.finish_download()
    posted = 1
    while bot.tasks(Deliver):
        bot.fail(Deliver, MessageGone("message to edit not found"))
        if bot.tasks(PostStatus):
            posted += 1
            bot.post(50 + posted)
    assert posted == MAX_STATUS_MESSAGES
    assert bot.rows("SELECT verdict FROM requests") == [("unreachable",)]
