"""Progress in the chat: how often, for whom, and never over an answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_ledger import a_link, claim, post, send
from worker import jobs
from worker.governor import Governor
from worker.jobs import Progress, Stage
from worker.ledger import Kind, Ledger
from worker.progress import EDIT_IDS, EDIT_INTERVAL_S, ProgressBoard


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    yield ledger
    ledger.close()


def some(done_bytes: int = 1, stage: Stage = Stage.DOWNLOADING) -> Progress:
    return Progress(stage, done_bytes)


@pytest.fixture
def download(ledger: Ledger) -> int:
    """A running download that two people wait for."""
    send(ledger, a_link(1), update_id=1)
    send(ledger, a_link(2), update_id=2)
    post(ledger, 11)
    post(ledger, 12)
    return claim(ledger, Kind.DOWNLOAD).id


def edits(
    board: ProgressBoard, ledger: Ledger, now: float, governor: Governor | None = None
) -> list[tuple[int, jobs.EditStatus]]:
    found = []
    while edit := board.next_edit(ledger, governor or Governor(), now):
        found.append(edit)
    return found


def test_everybody_who_waits_is_shown_the_progress(ledger: Ledger, download: int) -> None:
    board = ProgressBoard()
    board.put(download, some())
    shown = edits(board, ledger, 0.0)
    assert sorted(edit.message_id for _, edit in shown) == [11, 12]
    assert all(edit_id >= EDIT_IDS for edit_id, _ in shown)
    assert sorted(board.requests_in_edit) == [1, 2]


def test_edits_keep_their_distance(ledger: Ledger, download: int) -> None:
    board = ProgressBoard()
    board.put(download, some(1))
    for edit_id, _ in edits(board, ledger, 0.0):
        board.edit_ended(edit_id)
    board.put(download, some(2))
    assert edits(board, ledger, EDIT_INTERVAL_S - 0.1) == []
    assert len(edits(board, ledger, EDIT_INTERVAL_S)) == 2


def test_new_stage_is_shown_at_once(ledger: Ledger, download: int) -> None:
    board = ProgressBoard()
    board.put(download, some())
    for edit_id, _ in edits(board, ledger, 0.0):
        board.edit_ended(edit_id)
    board.put(download, some(stage=Stage.FINISHING))
    assert len(edits(board, ledger, 0.1)) == 2


def test_one_edit_at_a_time_for_each_request(ledger: Ledger, download: int) -> None:
    board = ProgressBoard()
    board.put(download, some(1))
    edits(board, ledger, 0.0)
    board.put(download, some(2))
    assert edits(board, ledger, 100.0) == []


def test_chat_that_has_just_been_spoken_to_gets_no_edit(ledger: Ledger, download: int) -> None:
    board, governor = ProgressBoard(), Governor()
    governor.spend(1, 0.0)
    board.put(download, some())
    assert [edit.chat_id for _, edit in edits(board, ledger, 0.5, governor)] == [2]


def test_news_that_nothing_follows_wait_until_the_chat_is_quiet(
    ledger: Ledger, download: int
) -> None:
    board, governor = ProgressBoard(), Governor()
    governor.spend(1, 0.0)
    board.put(download, some(stage=Stage.RETRYING))
    assert [edit.chat_id for _, edit in edits(board, ledger, 0.5, governor)] == [2]
    later = edits(board, ledger, 0.5 + EDIT_INTERVAL_S, governor)
    assert 1 in [edit.chat_id for _, edit in later]


def test_download_that_nobody_watches_is_forgotten(ledger: Ledger) -> None:
    board = ProgressBoard()
    board.put(99, some())
    assert edits(board, ledger, 0.0) == []
    assert board._downloads == {}
