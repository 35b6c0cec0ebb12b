"""/status, /failed, /who, /pause and /resume in the chat, and the summary of a day."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from maintenance import summary
from maintenance.findings import Finding, critical, ok, warning
from maintenance.janitor import Janitor
from maintenance.sites_watch import SitesWatch
from tests.support.ledger_kit import a_link, send
from tests.support.operator_kit import nobody_at_work
from tests.support.updates import ADMIN, GROUP, said
from worker import clocks
from worker.clocks import Wall
from worker.errors import Reason
from worker.ledger import Ledger, ledger_path
from worker.ledger.upkeep import admin_questions
from worker.ledger.upkeep.past import PastAnswers
from worker.protocol import Reader, Reply
from worker.protocol.admin_questions import Asked, Question
from worker.protocol.as_json import reply_from_json
from worker.protocol.effects import Ban, Forget, PauseDownloads
from worker.protocol.notices import Notice, Topic
from worker.settings import Settings, SitesFile
from worker.telegram.handlers import handle_update

NOTHING = PastAnswers(0, 0, 0, {}, 0, 0.0, "")
READER = Reader(ADMIN)
DAY = 86_400.0


class Bot:
    """A ledger, the effects of updates put into it, and the maintenance that answers them."""

    def __init__(self, directory: Path) -> None:
        self.ledger = Ledger(ledger_path(directory))
        settings = Settings(bot_token="", data_dir=directory, admins=frozenset({ADMIN}))
        watch = SitesWatch(SitesFile.beside(directory, directory / ".env"))
        self.janitor = Janitor(settings, nobody_at_work(), lambda: None, watch)
        self._updates = 0

    def hear(self, text: str, **message: object) -> None:
        self._updates += 1
        update = said(text, user=ADMIN, chat=ADMIN, **message)
        asked = handle_update(update, admins=frozenset({ADMIN}))
        send(self.ledger, *asked, update_id=self._updates)

    def answered(self, url: str, at: float, reason: Reason | None = None) -> None:
        """A link of person 7 that was sent a minute before `at`, with its answer."""
        self._updates += 1
        send(self.ledger, a_link(key=f"key {self._updates}"), update_id=self._updates)
        self.ledger._db.execute(
            "UPDATE requests SET url = ?, created_at = ?, answered_at = ?, verdict = ?, reason = ?"
            " WHERE id = (SELECT max(id) FROM requests)",
            url,
            at - 60,
            at,
            "sentence" if reason else "media",
            reason,
        )

    @property
    def told(self) -> list[str]:
        """The finished texts that wait to be sent to the admin."""
        rows = self.ledger._db.execute("SELECT payload FROM jobs WHERE kind = 'reply' ORDER BY id")
        replies = [reply_from_json(json.loads(row["payload"])) for row in rows]
        assert {reply.reader.chat_id for reply in replies} <= {ADMIN}
        return [str(reply.notices[0].values.get("text", "")) for reply in replies]


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(tmp_path)
    yield bot
    bot.ledger.close()


# ------------------------------------------------------------------------------ the commands


@pytest.mark.parametrize(
    ("text", "answered", "asked"),
    [
        ("/status", None, (Question(Asked.STATUS, READER, 1),)),
        ("/failed", None, (Question(Asked.FAILED, READER, 1),)),
        ("/who 77", None, (Question(Asked.WHO, READER, 1, 77),)),
        ("/who", 78, (Question(Asked.WHO, READER, 1, 78),)),
        ("/who", None, (Reply(READER, 1, (Notice(Topic.WHO_WHOM),)),)),
        ("/who them", None, (Reply(READER, 1, (Notice(Topic.WHO_WHOM),)),)),
        ("/pause", None, (PauseDownloads(READER, 1, is_paused=True),)),
        ("/resume", None, (PauseDownloads(READER, 1, is_paused=False),)),
        ("/update", None, (Question(Asked.UPDATE, READER, 1),)),
        ("/update back", None, (Question(Asked.UPDATE_BACK, READER, 1),)),
        (
            "/update Now",
            None,
            (
                Question(Asked.UPDATE_NOW, READER, 1),
                Reply(READER, 1, (Notice(Topic.UPDATE_BEGINS),)),
            ),
        ),
    ],
)
def test_admins_ask(text: str, answered: int | None, asked: tuple[object, ...]) -> None:
    update = said(text, user=ADMIN, chat=ADMIN)
    update["message"]["message_id"] = 1
    if answered:
        update["message"]["reply_to_message"] = {"message_id": 5, "from": {"id": answered}}
    assert handle_update(update, admins=frozenset({ADMIN})) == asked


@pytest.mark.parametrize(
    "command", ["status", "failed", "who 77", "pause", "resume", "update", "update now"]
)
def test_nobody_else_does_and_nobody_in_a_group(command: str) -> None:
    for update in (said(f"/{command}"), said(f"/{command}", user=ADMIN, chat=GROUP)):
        asked = handle_update(update, admins=frozenset({ADMIN}))
        assert not [one for one in asked if isinstance(one, Question | PauseDownloads)]


def test_pause_and_resume_say_what_they_change(bot: Bot) -> None:
    for text in ("/pause", "/pause", "/resume", "/resume"):
        bot.hear(text)
    rows = bot.ledger._db.execute("SELECT payload FROM jobs WHERE kind = 'reply' ORDER BY id")
    abouts = [reply_from_json(json.loads(row[0])).notices[0].about for row in rows]
    assert abouts == [Topic.PAUSED, Topic.PAUSED_ALREADY, Topic.RESUMED, Topic.NOT_PAUSED]
    bot.hear("/pause")
    assert bot.ledger.is_paused()


# ------------------------------------------------------------------------------- the answers


def test_each_question_is_answered_once(bot: Bot) -> None:
    bot.hear("/status")
    bot.hear("/failed")
    for _ in range(2):
        bot.janitor.answer_questions()
    status, failed = bot.told
    assert status.startswith("Not all is well.\n⚠ bot: is not running")
    assert failed == "No link has failed in a day, of 0."


def test_a_flood_of_questions_is_bounded(bot: Bot) -> None:
    for number in range(admin_questions.MAX_QUESTIONS + 5):
        bot.hear("/failed", message_id=number)
    bot.janitor.answer_questions()
    assert len(bot.told) == admin_questions.MAX_QUESTIONS


def test_failed_names_sites_and_reasons(bot: Bot) -> None:
    now = time.time()
    for _ in range(2):
        bot.answered("https://a.example/x", now - 60, Reason.PRIVATE)
    bot.answered("https://b.example/x", now - 60, Reason.TIMED_OUT)
    bot.answered("https://old.example/x", now - DAY - 60, Reason.TIMED_OUT)
    bot.hear("/failed")
    bot.janitor.answer_questions()
    (text,) = bot.told
    assert text.splitlines() == [
        "3 links of 3 failed in a day:",
        f"2 at a.example: {Reason.PRIVATE}",
        f"1 at b.example: {Reason.TIMED_OUT}",
        "More: python -m maintenance failed list",
    ]


def test_what_was_forgotten_is_counted_and_named_by_no_site(bot: Bot) -> None:
    bot.answered("https://a.example/x", time.time() - 60, Reason.PRIVATE)
    send(bot.ledger, Forget(7, 0), update_id=99)
    bot.ledger.forget_some()
    bot.hear("/failed")
    bot.hear("/who 7")
    bot.janitor.answer_questions()
    failed, known = bot.told
    assert f"1 at a site no longer known: {Reason.PRIVATE}" in failed.splitlines()
    assert known.splitlines()[1].startswith("1 link in 30 days")
    assert "mostly" not in known


def test_who_tells_what_is_known(bot: Bot) -> None:
    bot.hear("/who 7")
    bot.janitor.answer_questions()
    bot.answered("https://a.example/x", time.time() - 60)
    bot.answered("https://a.example/y", time.time() - 3 * DAY, Reason.PRIVATE)
    bot.hear("/who 7")
    send(bot.ledger, Ban(7, is_banned=True), update_id=99)
    bot.janitor.answer_questions()
    unknown, known = bot.told
    assert unknown == "7\nHas sent no link in the last 30 days."
    head, links, seen, sites, then = known.splitlines()
    assert head == "7 (banned)"
    assert links == "2 links in 30 days, 1 of them in a day; 1 brought media, 0 not done yet"
    assert seen.startswith("last seen 20")
    assert (sites, then) == ("mostly a.example", "/unban 7")


# -------------------------------------------------------------------------------- the summary


def local(day: int, hour: int) -> Wall:
    return Wall(time.mktime((2026, 3, day, hour, 30, 0, 0, 0, -1)))


@pytest.mark.parametrize(
    ("said_day", "wall", "due"),
    [
        (None, local(2, 8), None),
        (None, local(2, 9), "2026-03-02"),
        ("2026-03-02", local(2, 23), None),
        ("2026-03-02", local(3, 8), None),
        ("2026-03-02", local(3, 9), "2026-03-03"),
        ("2026-03-02", local(1, 9), None),  # the clock was set back
        ("2099-01-01", local(2, 9), "2026-03-02"),  # the clock was wrong
    ],
)
def test_a_summary_is_due_once_a_day(said_day: str | None, wall: Wall, due: str | None) -> None:
    assert summary.day_due(said_day, wall) == due


def test_three_days_of_a_bot(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days pass by minutes, with a restart of maintenance in each."""
    for number in range(6):
        bot.answered("https://a.example/x", local(2, 7) - number)
    bot.answered("https://a.example/x", local(2, 7), Reason.PRIVATE)
    for number in range(7):
        bot.answered(f"https://{number}.example/x", local(2, 6), Reason.TIMED_OUT)
    for day in (2, 3, 4):
        for hour in range(24):
            now = local(day, hour)
            monkeypatch.setattr(clocks, "wall_clock", lambda now=now: now)
            bot.janitor.summarise()
    (text,) = bot.told
    lines = text.splitlines()
    assert lines[0] == "The last 24 hours: 14 links of 1 person, 6 brought media."
    assert lines[1] == "8 did not, 1 of them because of the link itself:"
    assert len(lines[2:7]) == summary.NAMED
    assert lines[7:9] == ["and 3 others (/failed)", "slowest: 1m00s, from a.example"]
    assert [line.split(":")[0] for line in lines[9:]] == ["disk", "yt-dlp"]


def test_a_summary_names_what_stands_out() -> None:
    findings: list[Finding] = [
        ok("disk", "9 GB free"),
        warning("yt-dlp", "old"),
        critical("bot", ""),
    ]
    text = summary.text(NOTHING, findings)
    assert text.splitlines() == [
        "The last 24 hours: 0 links of 0 people, 0 brought media.",
        "disk: 9 GB free",
        "yt-dlp: old",
    ]


def test_a_summary_says_so_where_the_slowest_link_is_forgotten() -> None:
    text = summary.text(replace(NOTHING, links=1, media=1, people=1, slowest_s=60.0), [])
    assert text.splitlines()[1] == "slowest: 1m00s, from a site no longer known"
