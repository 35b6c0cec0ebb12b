"""Rows that this bot cannot read, as a newer one may have written them, end nothing else."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.ledger_kit import ERROR, START, a_file, a_link, claim, post, send
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from tests.support.taken_lists import listed, take
from worker.clocks import Wall
from worker.errors import Fault, JobError, Reason, Remedy
from worker.form import ABOUT, SOUND
from worker.ledger import DownloadJob, ExplainJob, Ledger, UpdateJob, ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import (
    AnswerButton,
    Deliver,
    Download,
    Explain,
    Posted,
    PostStatus,
    Reader,
    Reply,
    ShowSummary,
)
from worker.protocol.choices import Page
from worker.protocol.effects import (
    CancelRequest,
    ChooseForm,
    Effect,
    OpenPanel,
    Press,
    PressPanel,
    ShowChoices,
)
from worker.protocol.notices import Notice, Topic
from worker.protocol.panels import PanelKind, ShowPanel

LINK, OTHER_LINK = "https://site.example/v", "https://other.example/v"
LATER_FORM = "hologram"
"""A form that this bot does not know."""


def change(ledger_file: Path, sql: str, *parameters: object) -> None:
    connection = sqlite3.connect(ledger_file)
    with connection:
        connection.execute(sql, parameters)
    connection.close()


def states(ledger_file: Path) -> list[str]:
    connection = sqlite3.connect(ledger_file)
    found = [state for (state,) in connection.execute("SELECT state FROM jobs ORDER BY id")]
    connection.close()
    return found


def write_later_forms(ledger_file: Path, where: str = "TRUE") -> None:
    """Change the requests that are meant, and their downloads, as a newer bot may have."""
    change(
        ledger_file,
        "UPDATE jobs SET payload = json_set(payload, '$.form', ?) WHERE id IN"
        f" (SELECT download_id FROM requests WHERE {where})",
        LATER_FORM,
    )
    change(ledger_file, f"UPDATE requests SET form = ? WHERE {where}", LATER_FORM)


def outcomes(ledger_file: Path) -> list[tuple[str, str, int]]:
    connection = sqlite3.connect(ledger_file)
    sql = "SELECT verdict, error_id, answered_at IS NOT NULL FROM requests ORDER BY id"
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        *(("update", "{"), ("button", "{}"), ("button", '{"later": 1}')),
        *(("panel", "{}"), ("reply", "[]"), ("cookies", "{}"), ("summary", "{}")),
    ],
)
def test_a_job_that_cannot_be_read_fails_and_the_next_one_is_taken(
    ledger: Ledger, ledger_file: Path, kind: str, payload: str
) -> None:
    ledger.record_updates([{"update_id": 1}, {"update_id": 2}], START)
    change(ledger_file, "UPDATE jobs SET kind = ?, payload = ? WHERE update_id = 1", kind, payload)
    assert ledger.claim("telegram", START) is None
    assert claim(ledger, UpdateJob).update == {"update_id": 2}
    with Upkeep(ledger_file) as upkeep:
        (failed,) = upkeep.failed(10)
    assert (failed.kind, failed.reason) == (kind, "internal")


def test_who_waits_for_a_download_that_cannot_be_read_is_told(
    ledger: Ledger, ledger_file: Path
) -> None:
    send(ledger, a_link(7))
    post(ledger, 70)
    change(ledger_file, "UPDATE jobs SET payload = '{}' WHERE kind = 'download'")
    assert ledger.claim("downloads", START) is None
    request = claim(ledger, ExplainJob).request
    assert (request.reason, request.status_message_id) == (Reason.INTERNAL, 70)
    with Upkeep(ledger_file) as upkeep:
        assert [failed.error_id for failed in upkeep.failed(10)] == [request.error_id]


def test_a_job_of_an_unknown_kind_is_dropped(ledger: Ledger, ledger_file: Path) -> None:
    ledger.record_updates([{"update_id": 1}, {"update_id": 2}], START)
    change(ledger_file, "UPDATE jobs SET kind = 'later' WHERE update_id = 1")
    assert ledger.claim("telegram", START) is None
    assert claim(ledger, UpdateJob).update == {"update_id": 2}
    assert states(ledger_file) == ["dropped", "running"]


def test_failed_jobs_are_listed_though_one_is_no_json_to_sqlite(
    ledger: Ledger, ledger_file: Path
) -> None:
    ledger.record_updates([{"update_id": 1, "message": {"date": float("nan")}}], START)
    ledger.fail(claim(ledger, UpdateJob), ERROR, "abc123", "", START)
    with Upkeep(ledger_file) as upkeep:
        assert [failed.error_id for failed in upkeep.failed(10)] == ["abc123"]
        assert [group.jobs for group in upkeep.failed_groups()] == [1]


# -------------------------------------------------------- requests, and what is read in bulk


@pytest.mark.parametrize("kind", ["status", "download", "deliver"])
def test_a_request_that_cannot_be_read_ends_with_its_job(
    ledger: Ledger, ledger_file: Path, kind: str
) -> None:
    send(ledger, a_link(7))
    if kind != "status":
        post(ledger, 70)
    if kind == "deliver":
        ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    write_later_forms(ledger_file)
    pool = "downloads" if kind == "download" else "telegram"
    assert [ledger.claim(pool, START) for _ in range(3)] == [None] * 3
    with Upkeep(ledger_file) as upkeep:
        (failed,) = upkeep.failed(10)
    assert failed.kind == kind
    assert outcomes(ledger_file) == [("unreachable", failed.error_id, 1)]


def accepted(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=8)


def in_line(bot: SteppedDispatcher) -> None:
    """Others' downloads go first."""
    bot.send(*(f"{LINK}{number}" for number in range(2)), user_id=9)
    bot.settle()
    bot.send(LINK, user_id=8)
    bot.post()


def downloading(bot: SteppedDispatcher) -> None:
    accepted(bot)
    bot.post()


def retrying(bot: SteppedDispatcher) -> None:
    downloading(bot)
    bot.fail(Download, JobError(Reason.NETWORK, Fault.RETRYABLE))


def uploading(bot: SteppedDispatcher) -> None:
    downloading(bot)
    bot.finish_download()


@pytest.mark.parametrize("stage", [accepted, in_line, downloading, retrying, uploading])
@pytest.mark.parametrize("with_job", [False, True])
def test_a_start_ends_what_cannot_be_read_and_goes_on(
    make_bot: MakeBot, stage: Callable[[SteppedDispatcher], None], with_job: bool
) -> None:
    bot = make_bot()
    stage(bot)
    bot.kill()
    path = ledger_path(bot.settings.data_dir)
    if with_job:
        write_later_forms(path, "user_id = 8")
    else:
        change(path, "UPDATE requests SET form = ? WHERE user_id = 8", LATER_FORM)
    later = make_bot()
    later.settle()
    later.pass_time(130)
    ended = later.rows("SELECT verdict, answered_at IS NOT NULL FROM requests WHERE user_id = 8")
    assert ended == [("unreachable", 1)]
    assert all(task.url != LINK for task in later.tasks(Download).values())
    later.send(OTHER_LINK, user_id=10)
    assert later.task(PostStatus).reader.chat_id == 10


def test_a_start_goes_on_with_the_download_of_those_who_can_be_read(make_bot: MakeBot) -> None:
    bot = make_bot()
    for user_id in (8, 9):
        bot.send(LINK, user_id=user_id)
        bot.post(user_id)
    bot.kill()
    change(
        ledger_path(bot.settings.data_dir),
        "UPDATE requests SET form = ? WHERE user_id = 8",
        LATER_FORM,
    )
    later = make_bot()
    later.step()
    later.finish_download()
    assert later.task(Deliver).reader.chat_id == 9


def test_a_start_ends_a_batch_that_cannot_be_read(make_bot: MakeBot) -> None:
    bot = make_bot(USER_MAX_RUNNING="1")
    listed(bot, 6)
    take(bot, 1, 2, 3, 4, 5, 6)
    bot.step(1.5)
    bot.kill()
    change(ledger_path(bot.settings.data_dir), "UPDATE batches SET form = ?", LATER_FORM)
    later = make_bot(USER_MAX_RUNNING="1")
    later.pass_time(3)
    assert later.tasks(Download), "what was under way goes on"
    assert later.rows("SELECT ended_at IS NOT NULL FROM batches") == [(1,)]
    assert later.rows("SELECT count(*) FROM batch_items WHERE NOT dropped") == [(3,)]


@pytest.mark.parametrize("was_posted", [False, True])
@pytest.mark.parametrize(
    "where", ["UPDATE media SET media = ?", "UPDATE jobs SET result = ? WHERE kind = 'download'"]
)
def test_media_that_cannot_be_read_is_fetched_again(
    make_bot: MakeBot, where: str, was_posted: bool
) -> None:
    bot = make_bot()
    bot.send(LINK, user_id=8)
    if "media" in where:
        bot.post()
        bot.finish_download()
        bot.deliver()
        bot.send(LINK, user_id=9)
    else:
        bot.finish_download()
    if was_posted:
        bot.post()
    bot.kill()
    change(ledger_path(bot.settings.data_dir), where, '{"later": 1}')
    later = make_bot()
    later.step()
    if not was_posted:
        later.post()
    later.pass_time(2)
    later.finish_download()
    later.deliver()
    assert later.rows("SELECT count(*) FROM requests WHERE verdict IS NOT 'media'") == [(0,)]
    assert later.rows("SELECT count(*) FROM requests WHERE answered_at IS NULL") == [(0,)]


# --------------------------------------------------------------------- what is over already


def answered(bot: SteppedDispatcher) -> None:
    bot.send(LINK, user_id=8)
    bot.post()
    bot.finish_download()
    bot.deliver()


def with_panel(bot: SteppedDispatcher) -> None:
    bot.bring(OpenPanel(Reader(8), 8, 1, PanelKind.QUEUE))
    bot.finish(ShowPanel, Posted(50))


PRESS = Press("press", 8, 8, 50)


@pytest.mark.parametrize(
    ("made", "change_to", "pressed"),
    [
        (answered, "UPDATE requests SET form = ?", ShowChoices(1, Page.MORE, PRESS)),
        (answered, "UPDATE requests SET captions = ?", ChooseForm(1, SOUND, PRESS)),
        (answered, "UPDATE requests SET form = ?", CancelRequest(1, 8, "press")),
        (with_panel, "UPDATE panels SET kind = ?", PressPanel(1, "refresh", PRESS)),
    ],
)
def test_a_press_below_what_cannot_be_read_is_answered(
    make_bot: MakeBot,
    made: Callable[[SteppedDispatcher], None],
    change_to: str,
    pressed: Effect,
) -> None:
    bot = make_bot()
    made(bot)
    bot.kill()
    change(ledger_path(bot.settings.data_dir), change_to, LATER_FORM)
    later = make_bot()
    later.bring(pressed)
    assert later.task(AnswerButton).notice == Notice(Topic.DEAD_BUTTON)
    with Upkeep(ledger_path(bot.settings.data_dir)) as upkeep:
        assert [failed.kind for failed in upkeep.failed(10)] == ["update"]
    later.send(OTHER_LINK, user_id=10)
    assert later.task(PostStatus).reader.chat_id == 10


def test_nothing_of_an_update_that_fails_is_recorded(make_bot: MakeBot) -> None:
    bot = make_bot()
    answered(bot)
    change(ledger_path(bot.settings.data_dir), "UPDATE requests SET form = ?", LATER_FORM)
    bot.bring(Reply(Reader(8), 1, ()), ShowChoices(1, Page.MORE, PRESS))
    assert not bot.tasks(Reply)
    assert bot.task(AnswerButton).callback_id == "press"


def test_a_start_forgets_a_press_that_waits_for_a_look_and_cannot_be_answered(
    make_bot: MakeBot,
) -> None:
    bot = make_bot()
    answered(bot)
    bot.bring(ShowChoices(1, Page.QUALITIES, PRESS))
    assert bot.task(Download).form == ABOUT
    bot.kill()
    change(ledger_path(bot.settings.data_dir), "UPDATE requests SET form = ?", LATER_FORM)
    later = make_bot()
    later.pass_time(2)
    assert later.states("look") == ["dropped"]
    assert not later.rows("SELECT * FROM awaited_menus")


@pytest.mark.parametrize("column", ["form", "reason"])
def test_a_batch_goes_on_beside_an_item_that_cannot_be_read(make_bot: MakeBot, column: str) -> None:
    settings = {"USER_MAX_RUNNING": "1"}
    bot = make_bot(**settings)
    listed(bot, 3, SOUND)
    take(bot, 1, 2, 3)
    bot.step(1.5)
    bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    bot.kill()
    change(
        ledger_path(bot.settings.data_dir),
        f"UPDATE requests SET {column} = ? WHERE batch_id AND answered_at",
        LATER_FORM,
    )
    later = make_bot(**settings)
    later.pass_time(3)
    assert later.rows("SELECT ended_at IS NULL FROM batches") == [(1,)]
    assert later.task(ShowSummary).summary.failures[0].numbers == (1,)


def test_figures_count_an_unknown_reason_as_an_internal_one(make_bot: MakeBot) -> None:
    bot = make_bot()
    downloading(bot)
    bot.fail(Download, JobError(Reason.BLOCKED_HERE, Fault.OPERATOR, remedy=Remedy.COOKIES))
    bot.finish(Explain)
    path = ledger_path(bot.settings.data_dir)
    change(path, "UPDATE jobs SET remedy = ? WHERE remedy NOT NULL", LATER_FORM)
    with Upkeep(path) as upkeep:
        assert upkeep.statistics_at(bot.wall).remedies == {}
        change(path, "UPDATE requests SET reason = ?", "later")
        failed = {("site.example", Reason.INTERNAL): 1}
        assert upkeep.statistics_at(bot.wall).failed == failed
        assert upkeep.past_links(Wall(0), Wall(bot.wall + 1)).failed == failed
        assert upkeep.tried_links(Wall(0)).failed == 1
