"""A list in a stepped bot's chat, and workers and a Telegram that answer until all is done."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.support.stepped_dispatcher import SteppedDispatcher, make_media
from worker.errors import Fault, JobError, Reason
from worker.form import WHOLE, Form
from worker.media_keys import of_link
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    Download,
    GroupSent,
    Media,
    MediaKind,
    Posted,
    PostStatus,
    SendGroup,
    ShowList,
    ShowSummary,
)
from worker.protocol.effects import OpenRequest, Press, TakeItems
from worker.protocol.lists import ListItem, MediaList, Summary
from worker.protocol.notices import Notice, Topic

LINK, ME, LIST = "https://site.example/list", 7, 50
PRESS = Press("42", ME, ME, LIST)
DEAD = Notice(Topic.DEAD_BUTTON)


def urls(*numbers: int) -> list[str]:
    """The links of a list's items."""
    return [f"https://site.example/{number}" for number in numbers]


def a_list(count: int, of: int | None = None) -> MediaList:
    items = tuple(
        ListItem(f"https://site.example/{number}", f"Item {number}", 60.0)
        for number in range(1, count + 1)
    )
    return MediaList("An album", items, of or count)


def listed(bot: SteppedDispatcher, count: int = 3, form: Form = WHOLE) -> ShowList:
    """A link has been answered with a list; returns how."""
    bot.bring(OpenRequest(ME, ME, 1, LINK, of_link(LINK, form), form=form, is_exact=True))
    bot.post(LIST)
    bot.finish(Download, Media((), found_list=a_list(count)))
    shown = bot.task(ShowList)
    bot.finish(ShowList, Delivered(None))
    return shown


def press(bot: SteppedDispatcher, effect: object) -> AnswerButton:
    """What comes of a press."""
    bot.bring(effect)  # type: ignore[arg-type]
    answer = bot.task(AnswerButton)
    bot.finish(AnswerButton)
    return answer


def take(bot: SteppedDispatcher, *numbers: int) -> None:
    answer = press(bot, TakeItems(1, numbers, PRESS))
    assert answer.notice == Notice(Topic.ON_ITS_WAY)


def as_songs(media: Media) -> Media:
    """The same files as sound."""
    return replace(
        media,
        files=tuple(
            replace(file, facts=replace(file.facts, kind=MediaKind.AUDIO)) for file in media.files
        ),
    )


class Chat:
    """Lets the workers and Telegram answer until nothing is left to do, and counts what came.

    What fails is named by its number, and all does while the site `is_down`.
    """

    def __init__(self, bot: SteppedDispatcher, failing: Sequence[int] = ()) -> None:
        self.bot = bot
        self.failing = {f"https://site.example/{number}" for number in failing}
        self.is_down = False
        self.fetched: list[str] = []
        self.sent: list[str] = []
        self.albums: list[list[str]] = []
        self.summaries: list[Summary] = []
        self.summaries_at: list[float] = []
        self.posted_summaries = 0
        self.next_id = 100

    def step(self, seconds: float = 1.0) -> bool:
        """Answer all running tasks; whether there were any."""
        bot = self.bot
        downloads = bot.tasks(Download).items()
        for job_id, task in downloads:
            self.fetched.append(task.url)
            if job_id in bot.downloads.stopped:
                bot.downloads.stop(job_id)
            elif self.is_down:
                bot.downloads.fail(job_id, JobError(Reason.SITE_ERROR, Fault.RETRYABLE), "")
            elif task.url in self.failing:
                bot.downloads.fail(job_id, JobError(Reason.PRIVATE, Fault.PERMANENT), "")
            else:
                media = make_media(Path(task.directory), task.url)
                bot.downloads.finish(job_id, as_songs(media) if task.form.is_sound_only else media)
        calls = {i: t for i, t in bot.telegram.tasks.items() if i < 2**62}
        for job_id, call in calls.items():
            bot.telegram.finish(job_id, self.answer(call))
        bot.step(seconds)
        return bool(downloads or calls)

    def answer(self, call: object) -> object:
        self.next_id += 1
        match call:
            case ShowSummary():
                self.summaries.append(call.summary)
                self.summaries_at.append(self.bot.now)
                self.posted_summaries += call.message_id is None
                return Posted(call.message_id or self.next_id)
            case PostStatus():
                return Posted(self.next_id)
            case Deliver():
                self.sent.append(call.file.source_url)
                return Delivered("file id", call.file.facts.kind)
            case SendGroup():
                self.albums.append([file.source_url for file in call.files])
                self.sent += self.albums[-1]
                return GroupSent(tuple(Delivered("id", MediaKind.AUDIO) for _ in call.files))
        return None

    def settle(self, most: int = 300) -> None:
        idle = 0
        for _ in range(most):
            idle = 0 if self.step() else idle + 1
            if idle > 8:
                return
        raise AssertionError("it never ends")
