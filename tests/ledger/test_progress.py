"""What is shown of a link until it is answered: how often, for whom, and never over an answer."""

from itertools import count, pairwise

import pytest

from tests.support.ledger_kit import ERROR, QUOTA, START, a_file, a_link, claim, post
from worker import errors, protocol
from worker.clocks import Monotonic, Wall
from worker.dispatch.rate_limits import RateLimits
from worker.dispatch.status import progress
from worker.dispatch.status.line import Line
from worker.dispatch.status.progress import (
    CALL_IDS,
    EDIT_INTERVAL_S,
    QUEUE_INTERVAL_S,
    QUEUE_REFRESH_S,
    SILENCE_S,
    ProgressBoard,
)
from worker.ledger import DOWNLOADS, DeliverJob, DownloadJob, Job, Ledger, UpdateJob
from worker.protocol import EditStatus, Place, Progress, Retry, Stage, effects

_updates = count(1)


class Screen:
    """A board with its rates, whose edits arrive at once unless they are to hang."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.board = ProgressBoard()
        self.rates = RateLimits()
        self.look(0.0)

    def look(
        self, now: float, obstacle: Stage | None = None, *, hang: bool = False
    ) -> list[tuple[int, str]]:
        """The edits that are made at this moment: of which message, to which stage or place."""
        self.board.refresh(self.ledger, Monotonic(now), Wall(now), Line(obstacle))
        found = []
        while edit := self.board.take_edit(self.ledger, self.rates, Monotonic(now)):
            edit_id, task = edit
            assert edit_id >= CALL_IDS
            found.append((task.message_id, _shown(task)))
            if not hang:
                self.board.edit_ended(edit_id)
        return sorted(found)


def _shown(edit: EditStatus) -> str:
    is_place = edit.progress.stage is Stage.IN_LINE
    return f"{edit.progress.ahead} before" if is_place else str(edit.progress.stage)


@pytest.fixture
def screen(ledger: Ledger) -> Screen:
    return Screen(ledger)


def send(ledger: Ledger, *links: tuple[int, str]) -> None:
    """People send links to media of that name; their messages are 11, 12 and so on."""
    for user, key in links:
        ask(ledger, a_link(user, key))
        post(ledger, 10 + ledger._db.value("SELECT count(*) FROM requests"))


def ask(ledger: Ledger, *effects: effects.Effect) -> list[int]:
    ledger.record_updates([{"update_id": next(_updates)}], START)
    update = claim(ledger, UpdateJob)
    return list(ledger.finish_update(update, effects, QUOTA, START).job_ids_to_stop)


def begin(ledger: Ledger, now: float = 0.0) -> DownloadJob:
    return claim(ledger, DownloadJob, now)


def some(done_bytes: int = 1, stage: Stage = Stage.DOWNLOADING) -> Progress:
    return Progress(stage, done_bytes)


@pytest.fixture
def download(ledger: Ledger) -> Job:
    """A running download that two people wait for, in messages 11 and 12."""
    send(ledger, (1, "key"), (2, "key"))
    return begin(ledger)


# -------------------------------------------------------------------------- a running download


def test_everybody_who_waits_is_shown_the_progress(screen: Screen, download: Job) -> None:
    screen.board.put(download.id, some())
    assert screen.look(0.1, hang=True) == [(11, "downloading"), (12, "downloading")]
    assert sorted(screen.board.request_ids_in_edit) == [1, 2]


def test_a_download_that_is_silent_has_no_speed(screen: Screen, download: Job) -> None:
    def moments(last_news: float, *moments: float) -> list[bool]:
        """When something is shown: whether it is a speed."""
        screen.board.put(download.id, Progress(Stage.DOWNLOADING, 5, 10, 1000.0, 5.0))
        shown: list[bool] = []
        for moment in (last_news, *moments):
            screen.board.refresh(screen.ledger, Monotonic(moment), Wall(moment))
            while edit := screen.board.take_edit(screen.ledger, screen.rates, Monotonic(moment)):
                state = edit[1].progress
                assert (state.done_bytes, state.total_bytes) == (5, 10)
                assert state.is_silent is (state.speed_bps is None) is (state.eta_s is None)
                shown.append(not state.is_silent)
                screen.board.edit_ended(edit[0])
        return shown

    speed, silence = [True] * 2, [False] * 2
    assert moments(1.0, 5.0, 1.0 + SILENCE_S - 0.1) == speed
    # It moves, and is silent once more; then nothing new is to be said.
    assert moments(20.0, 20.0 + SILENCE_S, 50.0, 80.0) == silence
    assert moments(100.0) == speed


@pytest.mark.parametrize("progress", [some(0), some(9, Stage.FINISHING)])
def test_silence_of_what_receives_nothing_changes_nothing(
    screen: Screen, download: Job, progress: Progress
) -> None:
    screen.board.put(download.id, progress)
    assert len(screen.look(1.0)) == 2
    assert screen.look(1.0 + 2 * SILENCE_S) == []


def test_who_joins_a_download_sees_it_without_news_of_it(ledger: Ledger, screen: Screen) -> None:
    send(ledger, (1, "key"))
    screen.board.put(begin(ledger).id, some())
    assert screen.look(0.1) == [(11, "downloading")]
    send(ledger, (2, "key"))
    assert screen.look(QUEUE_REFRESH_S) == [(12, "downloading")]


def test_one_edit_at_a_time_for_each_request(screen: Screen, download: Job) -> None:
    screen.board.put(download.id, some(1))
    screen.look(0.1, hang=True)
    screen.board.put(download.id, some(2))
    assert screen.look(100.0) == []


def test_what_is_shown_already_is_not_shown_again(screen: Screen, download: Job) -> None:
    for now in range(0, 100, 10):
        screen.board.put(download.id, some())
        assert len(screen.look(float(now))) == (2 if now == 0 else 0)


def test_what_was_overtaken_while_a_chat_was_not_quiet_is_never_shown(
    screen: Screen, download: Job
) -> None:
    screen.rates.spend(1, Monotonic(0.0))
    screen.board.put(download.id, some())
    assert screen.look(0.5) == [(12, "downloading")]
    screen.board.put(download.id, some(stage=Stage.FINISHING))
    assert screen.look(1.0) == [(11, "finishing")]
    assert screen.look(EDIT_INTERVAL_S + 0.5) == [(12, "finishing")]


def test_download_that_has_ended_is_forgotten(screen: Screen, download: Job) -> None:
    screen.board.put(download.id, some())
    screen.board.forget(download.id)
    assert screen.look(10.0) == []
    assert screen.board.at_work == {}


def test_retry_is_said_once_and_waits_until_the_chat_is_quiet(
    screen: Screen, download: Job
) -> None:
    screen.rates.spend(1, Monotonic(0.0))
    retry = Retry(errors.Reason.NETWORK, 2, 3)
    screen.ledger.put_back(download, 600.0, START, refund=False)
    screen.board.put(download.id, Progress(Stage.RETRYING, eta_s=600.0, retry=retry))
    assert screen.look(0.5) == [(12, "retrying")]
    assert screen.look(5.0) == [(11, "retrying")]
    assert [screen.look(float(now)) for now in range(10, 500, 10)] == [[]] * 49
    assert screen.look(603.0) == [(11, "0 before"), (12, "0 before")]


# -------------------------------------------------------------------------------- how often


def edit_times(screen: Screen, chat_downloads: list[int], seconds: int) -> dict[int, list[float]]:
    """When each message is edited while these downloads report twice a second."""
    times: dict[int, list[float]] = {}
    for tenth in range(1, seconds * 10):
        now = tenth / 10
        if tenth % 5 == 0:
            for download in chat_downloads:
                screen.board.put(download, some(tenth))
        for message, _ in screen.look(now):
            times.setdefault(message, []).append(now)
    return times


def least_gap(times: dict[int, list[float]]) -> float:
    in_order = sorted(time for each in times.values() for time in each)
    return min(later - earlier for earlier, later in pairwise(in_order))


def test_chat_gets_one_edit_in_three_seconds_however_much_goes_on_there(
    ledger: Ledger, screen: Screen
) -> None:
    send(ledger, (1, "a"), (1, "b"), (1, "c"))
    times = edit_times(screen, [begin(ledger).id for _ in range(3)], 60)
    assert least_gap(times) >= EDIT_INTERVAL_S
    assert {len(each) for each in times.values()} <= {6, 7}, "all of them have their share"


@pytest.mark.negative
def test_without_the_interval_of_a_chat_edits_would_come_faster(
    ledger: Ledger, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EDIT_INTERVAL_S", 0.0001)
    send(ledger, (1, "a"), (1, "b"))
    assert least_gap(edit_times(screen, [begin(ledger).id for _ in range(2)], 20)) < 1.0


def test_bar_moves_on_beside_twenty_links_that_wait(ledger: Ledger, screen: Screen) -> None:
    send(ledger, *[(1, f"k{number}") for number in range(21)])
    send(ledger, *[(2, f"other{number}") for number in range(20)])
    times = edit_times(screen, [begin(ledger).id], 120)
    assert max(b - a for a, b in pairwise(times[11])) < 25
    assert all(len(times[message]) > 0 for message in range(12, 32))


def test_flood_wait_silences_its_chat_for_twenty_minutes_and_no_other(
    screen: Screen, download: Job
) -> None:
    screen.board.put(download.id, some())
    screen.rates.heed(1, errors.TelegramBusy(1200.0), Monotonic(0.0), edits=False)
    shown: dict[int, list[int]] = {11: [], 12: []}
    for now in range(1, 1300):
        screen.board.put(download.id, some(now))
        for message, _ in screen.look(float(now)):
            shown[message].append(now)
    assert min(shown[11]) > 1200
    assert len(shown[12]) == pytest.approx(1300 / EDIT_INTERVAL_S, abs=2)


# ------------------------------------------------------------------------------- the line


def test_place_is_the_number_of_downloads_that_are_taken_before(ledger: Ledger) -> None:
    send(ledger, (1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (3, "a3"))
    places = {
        each.request.media_key: each.ahead for each in ledger.queue_positions(Wall(10.0), 1.0)
    }
    taken = [claim(ledger, DownloadJob, 10.0).media_key for _ in range(5)]
    assert ledger.claim(DOWNLOADS, Wall(10.0)) is None
    assert sorted(places, key=lambda key: places[key]) == taken
    assert sorted(places.values()) == [0, 1, 2, 3, 4]


def test_download_that_is_not_due_is_in_nobodys_way(ledger: Ledger) -> None:
    send(ledger, (1, "a"), (2, "b"))
    ledger.put_back(begin(ledger), 600.0, START, refund=True)
    assert [
        (each.request.media_key, each.ahead) for each in ledger.queue_positions(Wall(10.0), 1.0)
    ] == [("b", 0)]


def test_line_is_told_who_waits_longer_than_a_moment(ledger: Ledger, screen: Screen) -> None:
    send(ledger, (1, "a"), (2, "b"), (3, "c"))
    assert screen.look(QUEUE_REFRESH_S - 0.1) == []
    assert screen.look(QUEUE_REFRESH_S) == [(11, "0 before"), (12, "1 before"), (13, "2 before")]


def test_place_that_changes_is_told_again_and_one_that_does_not_is_not(
    ledger: Ledger, screen: Screen
) -> None:
    send(ledger, (1, "a"), (2, "b"), (3, "c"))
    first = begin(ledger)
    screen.look(QUEUE_REFRESH_S)
    assert screen.look(50.0) == []
    ask(ledger, effects.CancelRequest(2, 2, "button"))
    assert screen.look(50.0 + QUEUE_REFRESH_S) == [(13, "0 before")]
    ledger.put_back(first, 0.0, START, refund=True)
    assert screen.look(50.0 + QUEUE_REFRESH_S + QUEUE_INTERVAL_S - 0.1) == [(11, "0 before")]
    assert screen.look(50.0 + QUEUE_REFRESH_S + QUEUE_INTERVAL_S + 2.0) == [(13, "1 before")]


def test_download_that_begins_leaves_the_line(ledger: Ledger, screen: Screen) -> None:
    send(ledger, (1, "a"))
    assert screen.look(QUEUE_REFRESH_S) == [(11, "0 before")]
    screen.board.put(begin(ledger, 2.0).id, some())
    assert screen.look(3.0) == []
    assert screen.look(QUEUE_REFRESH_S + EDIT_INTERVAL_S) == [(11, "downloading")]


@pytest.mark.parametrize("obstacle", [Stage.NO_ROOM, Stage.OUT_OF_ORDER])
def test_who_waits_for_what_all_wait_for_is_told_so(
    obstacle: Stage, ledger: Ledger, screen: Screen
) -> None:
    send(ledger, (1, "a"), (2, "b"))
    assert screen.look(2.0, obstacle) == [(11, obstacle), (12, obstacle)]
    assert screen.look(20.0, obstacle) == []
    assert screen.look(40.0) == [(11, "0 before"), (12, "1 before")]


def test_who_waits_is_not_said_to_be_worked_for(ledger: Ledger, screen: Screen) -> None:
    send(ledger, (1, "a"), (2, "b"))
    screen.board.put(begin(ledger).id, some())
    screen.look(10.0)
    assert screen.board.at_work == {Place(1): some()}


# ---------------------------------------------------------------------------- and its end


def test_upload_is_shown_until_its_request_is_answered(ledger: Ledger, screen: Screen) -> None:
    send(ledger, (1, "a"))
    ledger.finish_download(begin(ledger), a_file(), START)
    delivery = claim(ledger, DeliverJob)
    screen.board.put_for(1, Place(1), delivery.id, some(stage=Stage.UPLOADING), Monotonic(0.0))
    screen.rates.spend(1, Monotonic(0.0))
    assert screen.look(0.5) == [], "one that is over before its chat is quiet is not announced"
    assert screen.look(1.0) == [(11, "uploading")]
    ledger.finish_delivery(delivery, protocol.Delivered(None), START)
    screen.board.put_for(1, Place(1), delivery.id, some(2, Stage.UPLOADING), Monotonic(0.0))
    assert screen.look(10.0) == []


def cancelled_in_the_meantime(ledger: Ledger, screen: Screen, download: Job) -> list[int]:
    """Which messages are edited after the first of two people has cancelled."""
    screen.board.put(download.id, some())
    screen.board.refresh(ledger, Monotonic(0.1), Wall(0.1))
    ask(ledger, effects.CancelRequest(1, 1, "button"))
    edits = iter(lambda: screen.board.take_edit(ledger, screen.rates, Monotonic(0.2)), None)
    return sorted(edit.message_id for _, edit in edits)


def test_no_edit_follows_a_cancel(ledger: Ledger, screen: Screen, download: Job) -> None:
    assert cancelled_in_the_meantime(ledger, screen, download) == [12]
    screen.board.put(download.id, some(2))
    screen.look(10.0)
    assert list(screen.board.at_work) == [Place(2)]


@pytest.mark.negative
def test_without_a_look_at_the_request_an_edit_would_follow_its_cancel(
    ledger: Ledger, screen: Screen, download: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        progress, "_message_to_edit", lambda request, _stage: request.status_message_id
    )
    assert cancelled_in_the_meantime(ledger, screen, download) == [11, 12]


def test_no_edit_follows_a_failure(ledger: Ledger, screen: Screen, download: Job) -> None:
    screen.board.put(download.id, some())
    screen.board.refresh(ledger, Monotonic(0.1), Wall(0.1))
    ledger.fail(download, ERROR, "id", "", Wall(0.1))
    assert screen.look(0.2) == []


def test_edit_goes_to_the_message_that_has_taken_the_place_of_another(
    ledger: Ledger, screen: Screen, download: Job
) -> None:
    screen.board.put(download.id, some())
    screen.look(0.1)
    ledger._db.execute("UPDATE requests SET status_message_id = 99 WHERE id = 1")
    screen.board.put(download.id, some(2))
    assert screen.look(10.0) == [(12, "downloading"), (99, "downloading")]


def test_messages_go_on_after_a_restart(ledger: Ledger, screen: Screen, download: Job) -> None:
    send(ledger, (3, "another"))
    screen.board.put(download.id, some(500))
    screen.look(10.0)
    ledger.recover(START)
    after = Screen(ledger)
    again = begin(ledger, 20.0)
    assert again.id == download.id
    after.board.put(again.id, some(1))
    expected = [(11, "downloading"), (12, "downloading"), (13, "0 before")]
    assert after.look(20.0) == expected
