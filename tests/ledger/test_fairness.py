"""Whose turn it is, and who is let in at all."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from urllib.parse import SplitResult, urlsplit

import pytest

from tests.support.ledger_kit import ERROR, QUOTA, START, a_file, a_link, claim, post
from worker import errors, sites
from worker.clocks import Wall
from worker.ledger import (
    DOWNLOADS,
    TELEGRAM,
    ButtonJob,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    Ledger,
    Quota,
    ReplyJob,
    RunningLimits,
    StatusJob,
    UpdateJob,
)
from worker.ledger.jobs import fairness, queue
from worker.ledger.jobs.fairness import NO_LIMIT
from worker.ledger.jobs.jobs import Kind
from worker.ledger.jobs.next_job import ClaimRules
from worker.ledger.requests.admission import REPLIES_A_MINUTE
from worker.protocol import Reader, Reply, effects, notices
from worker.protocol.notices import About, Notice, Topic

_updates = count(1)


def send(
    ledger: Ledger, *effects: effects.Effect, quota: Quota = QUOTA, now: float = 0.0
) -> list[int]:
    ledger.record_updates([{"update_id": next(_updates)}], Wall(now))
    return list(
        ledger.finish_update(
            claim(ledger, UpdateJob, now), effects, quota, Wall(now)
        ).job_ids_to_stop
    )


def links(user: int, *names: str, sent_at: float | None = None) -> list[effects.OpenRequest]:
    """Links of one person, each to media of its own name."""
    return [replace(a_link(user, name), sent_at=sent_at) for name in names]


def take(ledger: Ledger, number: int = 100, limits: RunningLimits = NO_LIMIT) -> list[str | None]:
    """The media that is taken for download next, one after the other."""
    jobs_taken: list[DownloadJob] = []
    while len(jobs_taken) < number and (
        job := ledger.claim(DOWNLOADS, START, ClaimRules(limits=limits))
    ):
        assert isinstance(job, DownloadJob)
        jobs_taken.append(job)
    return [job.media_key for job in jobs_taken]


def replies(ledger: Ledger, now: float = 0.0) -> list[About]:
    """What is said to people now."""
    said: list[About] = []
    while job := ledger.claim(TELEGRAM, Wall(now)):
        if isinstance(job, ReplyJob):
            said += [notice.about for notice in job.reply.notices]
        ledger.finish(job, Wall(now))
    return said


# ---------------------------------------------------------------------------------- turns


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ([(1, "a1 a2 a3"), (2, "b1"), (3, "c1")], "a1 b1 c1 a2 a3"),
        ([(1, "a1 a2"), (2, "b1 b2"), (1, "a3")], "a1 b1 a2 b2 a3"),
        ([(1, "a1"), (1, "a2"), (1, "a3")], "a1 a2 a3"),
        ([(1, "a1 a2 a3"), (2, "a3")], "a1 a3 a2"),  # The shared one has the better turn.
        ([(1, "a1 a2 a3"), (2, "b1 a2")], "a1 b1 a2 a3"),
    ],
)
def test_everybodys_first_goes_before_anybodys_second(
    ledger: Ledger, sent: Sequence[tuple[int, str]], taken: str
) -> None:
    for user, names in sent:
        send(ledger, *links(user, *names.split()))
    assert take(ledger) == taken.split()


def test_who_comes_later_goes_before_the_rest_of_a_long_row(ledger: Ledger) -> None:
    send(ledger, *links(1, *[f"a{number}" for number in range(50)]))
    assert len(take(ledger, 10)) == 10
    send(ledger, *links(2, "b1", "b2"))
    assert take(ledger, 4) == ["b1", "a10", "b2", "a11"]


def test_long_row_of_the_past_is_not_held_against_anybody(ledger: Ledger) -> None:
    send(ledger, *links(1, *[f"a{number}" for number in range(50)]))
    take(ledger)
    send(ledger, *links(2, "b1"))
    # The person's 50 are still unanswered, so the 51st comes after another's first.
    send(ledger, *links(1, "a51"))
    assert take(ledger) == ["b1", "a51"]


def test_status_messages_have_their_turns_too(ledger: Ledger) -> None:
    send(ledger, *links(1, "a1", "a2", "a3"))
    send(ledger, *links(2, "b1"))
    posted = [claim(ledger, StatusJob).request for _ in range(4)]
    assert [request.media_key for request in posted] == ["a1", "b1", "a2", "a3"]


def test_answer_waits_for_no_status_message_of_a_later_link(ledger: Ledger) -> None:
    send(ledger, *links(1, "a1", "a2", "a3"))
    send(ledger, *links(2, "b1"))
    post(ledger, 11)
    post(ledger, 12)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    failed = claim(ledger, DownloadJob)
    assert (failed.media_key, failed.kind) == ("b1", Kind.DOWNLOAD)
    ledger.fail(failed, ERROR, "abc", "", START)
    assert claim(ledger, DeliverJob).request.media_key == "a1"
    assert claim(ledger, ExplainJob).request.media_key == "b1"
    claim(ledger, StatusJob)


def test_cancelled_link_leaves_the_other_person_the_better_place(ledger: Ledger) -> None:
    send(ledger, *links(1, "shared"))
    send(ledger, *links(2, "b1", "shared"))
    send(ledger, effects.CancelRequest(1, 1, "button"))
    one_each = RunningLimits(1, 1)
    assert take(ledger, limits=one_each) == ["b1"]


# --------------------------------------------------------------------------------- shares


def test_no_person_has_more_downloads_at_a_time_than_they_may(ledger: Ledger) -> None:
    send(ledger, *links(1, "a1", "a2", "a3"))
    send(ledger, *links(2, "b1", "b2"))
    assert take(ledger, limits=RunningLimits(1, 100)) == ["a1", "b1"]
    assert take(ledger, limits=RunningLimits(2, 100)) == ["a2", "b2"]


def test_no_chat_has_more_downloads_at_a_time_than_it_may(ledger: Ledger) -> None:
    group = -100
    for user in (1, 2, 3):
        send(ledger, effects.OpenRequest(group, user, 1, "https://example.org/v", f"g{user}"))
    send(ledger, *links(4, "d1"))
    assert take(ledger, limits=RunningLimits(1, 2)) == ["g1", "g2", "d1"]


def test_end_of_a_download_makes_room_for_the_next(ledger: Ledger) -> None:
    send(ledger, *links(1, "a1", "a2"))
    first = ledger.claim(DOWNLOADS, START, ClaimRules(limits=RunningLimits(1, 1)))
    assert first is not None
    assert take(ledger, limits=RunningLimits(1, 1)) == []
    ledger.fail(
        first, errors.JobError(errors.Reason.PRIVATE, errors.Fault.PERMANENT), "id", "", START
    )
    assert take(ledger, limits=RunningLimits(1, 1)) == ["a2"]


@pytest.mark.parametrize(
    ("kind", "form"), [(Kind.LOOK, "start"), (Kind.RECORDING, "all.rec-5")], ids=["start", "room"]
)
def test_who_waits_for_a_live_stream_lets_nobody_jump_the_line_of_its_site(
    ledger: Ledger, kind: Kind, form: str
) -> None:
    url = "https://live.example/live"
    with ledger._db.transaction():
        queue.add(ledger._db, kind, START, turn=1, payload={"url": url, "form": form})
        for turn in (30, 31):
            queue.add(
                ledger._db, Kind.DOWNLOAD, START, turn=turn, payload={"url": url, "form": "all"}
            )
        fairness.serve(ledger._db, 50)
        assert fairness.next_turn(ledger._db, 9, url, {"live.example"}) == 30


# ---------------------------------------------------------------------------- closed chats


def test_a_claim_reads_each_host_once_however_many_links_wait(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = ["a.full.example", "b.full.example", "full.example"]
    with ledger._db.transaction():
        for number in range(5000):
            url = f"https://{hosts[number % 3]}/watch?v={number}"
            queue.add(ledger._db, Kind.DOWNLOAD, START, payload={"url": url})
    read: list[str] = []

    def count_reads(url: str) -> SplitResult:
        read.append(url)
        return urlsplit(url)

    monkeypatch.setattr(sites, "urlsplit", count_reads)
    limits = RunningLimits(1, 1, frozenset({"full.example"}))
    assert [ledger.claim(DOWNLOADS, START, ClaimRules(limits=limits)) for _ in range(2)] == [
        None,
        None,
    ]
    assert sorted(read) == [f"https://{host}" for host in hosts]


def test_closed_chat_waits_and_delays_no_other(ledger: Ledger) -> None:
    send(ledger, *links(1, "a"))
    send(ledger, *links(2, "b"))
    job = ledger.claim(TELEGRAM, START, ClaimRules(closed_chat_ids=[1]))
    assert job is not None
    assert job.chat_id == 2
    assert ledger.claim(TELEGRAM, START, ClaimRules(closed_chat_ids=[1])) is None
    assert ledger.claim(TELEGRAM, START, ClaimRules(closed_chat_ids=None)) is None
    ledger.record_updates([{"update_id": next(_updates)}], START)
    assert claim(ledger, UpdateJob).chat_id is None
    assert ledger.claim(TELEGRAM, START, ClaimRules(closed_chat_ids=[])) is not None


# ---------------------------------------------------------------------------------- quotas


def test_too_many_waiting_are_refused_once_and_nothing_else_is_lost(ledger: Ledger) -> None:
    quota = Quota(waiting=3, a_minute=100, an_hour=100, a_day=100)
    send(ledger, *links(1, "a1", "a2", "a3", "a4", "a5"), quota=quota)
    send(ledger, *links(2, "b1"), quota=quota)
    assert replies(ledger) == [notices.Refusal.WAITING]
    assert sorted(map(str, take(ledger))) == ["a1", "a2", "a3", "b1"]


def test_answer_that_only_has_to_be_sent_makes_room_for_the_next_link(ledger: Ledger) -> None:
    quota = Quota(waiting=1, a_minute=100, an_hour=100, a_day=100)
    send(ledger, *links(1, "a1"), quota=quota)
    post(ledger)
    send(ledger, effects.CancelRequest(1, 1, "button"), quota=quota)
    claim(ledger, ButtonJob)
    send(ledger, *links(1, "a2"), quota=quota)
    assert take(ledger) == ["a2"]


@pytest.mark.parametrize(
    ("quota", "refusal", "seconds"),
    [
        (Quota(100, a_minute=2, an_hour=100, a_day=100), notices.Refusal.MINUTE, 60),
        (Quota(100, a_minute=100, an_hour=2, a_day=100), notices.Refusal.HOUR, 3600),
        (Quota(100, a_minute=100, an_hour=100, a_day=2), notices.Refusal.DAY, 86_400),
    ],
)
def test_too_many_in_a_time_are_refused_until_it_is_over(
    ledger: Ledger, quota: Quota, refusal: notices.Refusal, seconds: int
) -> None:
    send(ledger, *links(1, "a1", "a2", "a3"), quota=quota, now=0.0)
    assert replies(ledger) == [refusal]
    send(ledger, *links(1, "a4"), quota=quota, now=seconds - 1.0)
    send(ledger, *links(1, "a5"), quota=quota, now=seconds + 1.0)
    keys = [key for (key,) in ledger._db.execute("SELECT media_key FROM requests")]
    assert keys == ["a1", "a2", "a5"]


@pytest.mark.parametrize(
    ("quota", "seconds"),
    [
        (Quota(100, a_minute=2, an_hour=100, a_day=100), 60),
        (Quota(100, a_minute=100, an_hour=2, a_day=100), 3600),
    ],
)
def test_links_that_came_late_count_when_they_were_sent(
    ledger: Ledger, quota: Quota, seconds: int
) -> None:
    back_at = 80_000.0
    for number in range(8):
        sent_at = 10_000 + number * seconds
        send(ledger, *links(1, f"a{number}", sent_at=sent_at), quota=quota, now=back_at)
    assert replies(ledger, back_at) == []
    send(ledger, *links(1, "b1", "b2", "b3", sent_at=9000), quota=quota, now=back_at)
    keys = [key for (key,) in ledger._db.execute("SELECT media_key FROM requests")]
    assert keys == [*(f"a{number}" for number in range(8)), "b1", "b2"]


@pytest.mark.parametrize("sent_at", [None, -1, 1, 900_000, 1_000_001, 10**12])
def test_a_date_that_cannot_be_counts_as_now(ledger: Ledger, sent_at: int | None) -> None:
    now = 1_000_000.0 if sent_at != 900_000 else 900_000.0 + 3 * 86_400
    quota = Quota(100, a_minute=2, an_hour=100, a_day=100)
    send(ledger, *links(1, "a1", "a2"), quota=quota, now=now)
    send(ledger, *links(1, "a3", sent_at=sent_at), quota=quota, now=now)
    assert replies(ledger, now) == [notices.Refusal.MINUTE]


def test_refusal_is_said_again_after_a_while(ledger: Ledger) -> None:
    quota = Quota(waiting=1, a_minute=100, an_hour=100, a_day=100)
    send(ledger, *links(1, "a1", "a2"), quota=quota, now=0.0)
    send(ledger, *links(1, "a2"), quota=quota, now=59.0)
    assert replies(ledger, 59.0) == [notices.Refusal.WAITING]
    send(ledger, *links(1, "a2"), quota=quota, now=120.0)
    assert replies(ledger, 120.0) == [notices.Refusal.WAITING]


def a_reply(chat_id: int, topic: Topic) -> Reply:
    return Reply(Reader(chat_id), 1, (Notice(topic),))


def test_who_floods_is_not_answered_each_time(ledger: Ledger) -> None:
    for _ in range(50):
        send(ledger, a_reply(1, Topic.HINT))
    send(ledger, a_reply(2, Topic.HELP))
    assert replies(ledger) == [Topic.HINT] * REPLIES_A_MINUTE + [Topic.HELP]
    send(ledger, a_reply(1, Topic.WHICH_LINK), now=61.0)
    assert replies(ledger, 61.0) == [Topic.WHICH_LINK]


@pytest.mark.parametrize("topic", [Topic.BAN_DONE, Topic.PAUSED, Topic.COOKIES_KEPT])
def test_admins_get_all_their_answers(ledger: Ledger, topic: Topic) -> None:
    for _ in range(2 * REPLIES_A_MINUTE):
        send(ledger, a_reply(1, topic))
    send(ledger, a_reply(1, Topic.HELP))
    assert replies(ledger) == [topic] * 2 * REPLIES_A_MINUTE + [Topic.HELP]


# ------------------------------------------------------------------------------------ bans


def test_who_is_shut_out_hears_so_once_and_no_more(ledger: Ledger) -> None:
    send(ledger, effects.Ban(1, is_banned=True))
    for _ in range(3):
        send(ledger, *links(1, "a1"))
    send(ledger, a_reply(1, Topic.HINT))
    assert replies(ledger) == [notices.Refusal.BANNED]
    assert take(ledger) == []


def test_who_is_let_in_again_is_served(ledger: Ledger) -> None:
    for is_banned in (True, True, False, False):
        send(ledger, effects.Ban(1, is_banned))
    send(ledger, *links(1, "a1"))
    assert take(ledger) == ["a1"]
