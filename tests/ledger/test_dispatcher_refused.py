"""Calls that Telegram does not answer: for one link alone, or for everybody."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.clocks import Wall
from worker.dispatch.outcomes import LONGEST_RETRY_S, MAX_DELETED, MAX_REFUSED_S
from worker.errors import (
    Fault,
    JobError,
    MessageDeleted,
    Reason,
    TelegramError,
    TelegramUnauthorized,
    TelegramUnreachable,
)
from worker.ledger import ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.pool.events import StopReason
from worker.protocol import (
    Deliver,
    Delivered,
    Download,
    Explain,
    GroupSent,
    MediaKind,
    Posted,
    PostStatus,
    Reader,
    Reply,
    SendGroup,
)
from worker.protocol.notices import Notice, Topic

LINK, OTHER = "https://site.example/v", "https://site.example/w"
HOUR_S, DAY_S = 3600.0, 86_400.0
SENT = Delivered("file id", MediaKind.VIDEO)
SERVER_ERROR = TelegramUnreachable("sendMessage: Internal Server Error")

Refuses = Callable[[object], bool]


@dataclass
class Telegram:
    """Answers the calls of a stepped dispatcher: with `error` those that it `refuses`.

    `tries` are the refused calls with their times, `answered` are the others. While it `is_lost`
    nothing is answered, the long poll included.
    """

    bot: SteppedDispatcher
    refuses: Refuses
    error: TelegramError = SERVER_ERROR
    is_lost: bool = False
    tries: list[tuple[float, object]] = field(default_factory=list)
    answered: list[object] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Let so much time pass, from one moment at which something is due to the next."""
        self.bot.holds_edits = True
        end = self.bot.wall + seconds
        while True:
            while self.bot.telegram.tasks:
                for job_id, task in list(self.bot.telegram.tasks.items()):
                    self._answer(job_id, task)
                self.bot.step()
            ((due,),) = self.bot.rows("SELECT min(not_before) FROM jobs WHERE state = 'waiting'")
            if due is None or due > end:
                self.bot.step(end - self.bot.wall)
                return
            self.bot.step(max(1.0, due - self.bot.wall))
            if not self.is_lost:
                self.bot.dispatcher.reachability.note_answer(self.bot.now)

    def _answer(self, job_id: int, task: object) -> None:
        if self.is_lost or self.refuses(task):
            self.tries.append((self.bot.wall, task))
            self.bot.telegram.fail(job_id, self.error)
            return
        self.answered.append(task)
        match task:
            case PostStatus():
                self.bot.telegram.finish(job_id, Posted(job_id))
            case Deliver():
                self.bot.telegram.finish(job_id, SENT)
            case SendGroup(files=files):
                self.bot.telegram.finish(job_id, GroupSent((SENT,) * len(files)))
            case _:
                self.bot.telegram.finish(job_id)

    def calls(self, kind: type) -> list[object]:
        """The answered calls of a kind."""
        return [task for task in self.answered if isinstance(task, kind)]


def of(*kinds: type) -> Refuses:
    return lambda task: isinstance(task, kinds)


def edit(task: object) -> bool:
    return isinstance(task, Deliver | Explain) and task.reply_to_id is None


def media_and_edits(task: object) -> bool:
    return isinstance(task, Deliver) or edit(task)


def edit_of_media(task: object) -> bool:
    return isinstance(task, Deliver) and task.reply_to_id is None


def verdicts(bot: SteppedDispatcher) -> list[tuple[str, bool]]:
    """What the requests came to, and whether they have ended."""
    return bot.rows("SELECT verdict, answered_at IS NOT NULL FROM requests ORDER BY id")


MEDIA, SENTENCE, NOBODY = "media", "sentence", "unreachable"
ALL = of(PostStatus, Deliver, SendGroup, Explain, Reply)


@pytest.mark.parametrize(
    ("refuses", "files", "end", "gave_up"),
    [
        pytest.param(of(PostStatus), 1, NOBODY, 1, id="status"),
        pytest.param(edit_of_media, 1, MEDIA, 0, id="media by edit"),
        pytest.param(edit_of_media, 3, MEDIA, 0, id="first of an album by edit"),
        pytest.param(of(Deliver), 1, SENTENCE, 1, id="media"),
        pytest.param(of(SendGroup), 3, SENTENCE, 1, id="album"),
        pytest.param(edit, 1, MEDIA, 0, id="every edit"),
        pytest.param(media_and_edits, 1, SENTENCE, 1, id="media and edits"),
        pytest.param(of(Deliver, Explain), 1, NOBODY, 2, id="media and sentence"),
        pytest.param(of(SendGroup, Explain), 2, NOBODY, 2, id="album and sentence"),
        pytest.param(ALL, 1, NOBODY, 1, id="all of this link"),
    ],
)
def test_what_is_refused_alone_ends_within_an_hour(
    bot: SteppedDispatcher, refuses: Refuses, files: int, end: str, gave_up: int
) -> None:
    telegram = Telegram(bot, refuses)
    bot.send(LINK)
    bot.finish_download(files)
    telegram.run(HOUR_S)
    assert verdicts(bot) == [(end, 1)]
    assert bot.directories() == []
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        assert upkeep.statistics_at(bot.wall).refused == gave_up
    assert not bot.rows("SELECT id FROM jobs WHERE state IN ('waiting', 'running')")
    assert len(telegram.calls(Deliver)) == (end == MEDIA), "one answer"
    assert len(telegram.calls(Explain)) == (end == SENTENCE)


@pytest.mark.parametrize(
    "error",
    [
        SERVER_ERROR,
        TelegramUnreachable("editMessageMedia: RPC_CALL_FAIL"),
        TelegramUnreachable("editMessageMedia: HTTP 502, and no answer of the Bot API"),
        TelegramUnreachable("editMessageMedia: ReadTimeout"),
        TelegramUnauthorized("editMessageMedia: Unauthorized"),
        MessageDeleted("sent message was immediately deleted and can't be returned"),
    ],
    ids=["500", "RPC", "502 page", "timeout", "401", "deleted"],
)
@pytest.mark.parametrize("kind", [PostStatus, SendGroup])
def test_the_words_of_a_refusal_do_not_matter(
    bot: SteppedDispatcher, kind: type, error: TelegramError
) -> None:
    telegram = Telegram(bot, of(kind), error)
    bot.send(LINK)
    bot.finish_download(2)
    telegram.run(HOUR_S)
    assert verdicts(bot) == [(NOBODY if kind is PostStatus else SENTENCE, 1)]
    pauses = [later - sooner for (sooner, _), (later, _) in pairwise(telegram.tries)]
    assert pauses[:3] == [5.0, 10.0, 20.0]
    assert (len(telegram.tries) == MAX_DELETED) == isinstance(error, MessageDeleted)


def begin(bot: SteppedDispatcher, kind: type) -> Telegram:
    """A link whose answer waits for Telegram to take such a message."""
    telegram = Telegram(bot, of(kind))
    bot.send(LINK)
    if kind is Explain:
        bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    else:
        bot.finish_download(2 if kind is SendGroup else 1)
    telegram.run(1)
    assert {type(task) for _, task in telegram.tries} == {kind}
    return telegram


KINDS = [PostStatus, Deliver, SendGroup, Explain]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("refused_before_s", [0.0, MAX_REFUSED_S + 10])
def test_dead_network_ends_nothing_however_long_it_lasts(
    bot: SteppedDispatcher, kind: type, refused_before_s: float
) -> None:
    telegram = begin(bot, kind)
    if kind is PostStatus or kind is SendGroup:
        refused_before_s /= 2  # There is no other way that would be waited for.
    telegram.run(refused_before_s)
    telegram.is_lost = True
    bot.dispatcher.reachability.note_silence()
    telegram.tries.clear()
    telegram.run(6 * HOUR_S)
    assert verdicts(bot)[0][1] == 0
    times = [time for time, _ in telegram.tries]
    longest = max(later - sooner for sooner, later in pairwise(times))
    assert LONGEST_RETRY_S / 2 < longest <= LONGEST_RETRY_S
    telegram.is_lost, telegram.refuses = False, of()
    bot.dispatcher.reachability.note_answer(bot.now)
    bot.step()
    assert bot.telegram.tasks, "it goes on at once"
    telegram.run(60)
    assert verdicts(bot) == [(SENTENCE if kind is Explain else MEDIA, 1)]
    assert len(telegram.calls(Deliver)) + len(telegram.calls(Explain)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_pauses_grow_while_others_are_answered(bot: SteppedDispatcher, kind: type) -> None:
    telegram = begin(bot, kind)
    telegram.run(HOUR_S)
    pauses = [later - sooner for (sooner, _), (later, _) in pairwise(telegram.tries)]
    assert pauses[:7] == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0]


def test_time_that_the_bot_was_down_does_not_count(make_bot: MakeBot) -> None:
    bot = make_bot()
    begin(bot, PostStatus).run(600)
    bot.kill()
    bot = make_bot()
    bot.wall = Wall(bot.wall + DAY_S)
    telegram = Telegram(bot, of(PostStatus))
    bot.dispatcher.reachability.note_answer(bot.now)
    bot.step()
    telegram.run(300)
    assert verdicts(bot)[0][1] == 0
    telegram.run(600)
    assert verdicts(bot) == [(NOBODY, 1)]


def test_call_of_before_the_stop_that_fails_once_more_is_no_refusal(make_bot: MakeBot) -> None:
    bot = make_bot()
    begin(bot, PostStatus)
    bot.kill()
    bot = make_bot()
    bot.wall = Wall(bot.wall + DAY_S)
    bot.step()  # claimed before the first poll is answered
    bot.dispatcher.reachability.note_answer(bot.now)
    bot.step(25)
    bot.dispatcher.reachability.note_answer(bot.now)
    bot.fail(PostStatus, SERVER_ERROR)
    assert verdicts(bot)[0][1] == 0
    ((refused_s,),) = bot.rows("SELECT refused_s FROM jobs WHERE kind = 'status'")
    assert refused_s <= 25


@pytest.mark.parametrize("every_s", [60, 300])
def test_long_poll_that_is_lost_now_and_then_puts_off_no_end(
    bot: SteppedDispatcher, every_s: int
) -> None:
    telegram = begin(bot, PostStatus)
    for _ in range(int(HOUR_S) // every_s):
        telegram.run(every_s)
        bot.dispatcher.reachability.note_silence()
        bot.dispatcher.reachability.note_answer(bot.now)
        bot.step()
    assert verdicts(bot) == [(NOBODY, 1)]


def test_waits_begin_small_again_after_a_silence(bot: SteppedDispatcher) -> None:
    telegram = begin(bot, PostStatus)
    telegram.is_lost = True
    bot.dispatcher.reachability.note_silence()
    telegram.run(HOUR_S)
    telegram.is_lost = False
    bot.dispatcher.reachability.note_answer(bot.now)
    telegram.tries.clear()
    bot.step()
    telegram.run(60)
    pauses = [later - sooner for (sooner, _), (later, _) in pairwise(telegram.tries)]
    assert pauses[0] <= 10.0


@pytest.mark.parametrize("reason", [StopReason.TIMED_OUT])
@pytest.mark.parametrize("kind", [PostStatus, Deliver])
def test_call_that_takes_too_long_costs_no_attempt(
    bot: SteppedDispatcher, kind: type, reason: StopReason
) -> None:
    begin(bot, kind)
    for _ in range(20):
        bot.step(LONGEST_RETRY_S)
        bot.telegram.stop(bot.job_id(kind), reason)
        bot.step()
    assert verdicts(bot)[0][1] == 0


def test_notice_that_is_refused_ends_alone(bot: SteppedDispatcher) -> None:
    first, second = (Reply(Reader(7), 1, (Notice(topic),)) for topic in (Topic.HELP, Topic.HINT))
    telegram = Telegram(bot, lambda task: task == first)
    bot.bring(first, second)
    telegram.run(HOUR_S)
    assert bot.states("reply") == ["failed", "done"]


def test_refused_link_delays_no_other(bot: SteppedDispatcher) -> None:
    telegram = begin(bot, PostStatus)
    telegram.refuses = lambda task: getattr(task, "request_id", 0) == 1
    telegram.run(600)
    bot.send(OTHER)
    bot.finish_download()
    telegram.run(5)
    assert verdicts(bot) == [(MEDIA, 0), (MEDIA, 1)]


def test_log_says_what_telegram_said(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "worker")
    begin(bot, PostStatus).run(HOUR_S)
    assert "ended (TelegramUnreachable: sendMessage: Internal Server Error), next in" in caplog.text
    assert "the status message failed for good" in caplog.text


def test_clock_set_forward_ends_no_call_early(make_bot: MakeBot) -> None:
    bot = make_bot()
    telegram = Telegram(bot, of(PostStatus))
    bot.send(LINK)
    telegram.run(60)
    bot.wall = Wall(bot.wall + HOUR_S)
    telegram.run(300)
    ((refused_s,),) = bot.rows("SELECT refused_s FROM jobs WHERE kind = 'status'")
    assert refused_s < LONGEST_RETRY_S + 600
    telegram.refuses = of()
    telegram.run(LONGEST_RETRY_S)
    assert telegram.calls(PostStatus)
