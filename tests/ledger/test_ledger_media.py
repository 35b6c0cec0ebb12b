"""What the ledger remembers of media: its names, its files, and who else wants it."""

import dataclasses
from pathlib import Path

import pytest

from tests.support.ledger_kit import (
    START,
    a_file,
    a_link,
    claim,
    files,
    known_ids,
    post,
    press,
    send,
)
from worker import errors, protocol
from worker.dispatch.tasks import task_of
from worker.form import SOUND
from worker.ledger import (
    DOWNLOADS,
    TELEGRAM,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    GroupJob,
    Ledger,
    StatusJob,
    ledger_path,
)
from worker.ledger.jobs.next_job import ClaimRules
from worker.ledger.storage import retention
from worker.settings import Settings

VIDEO = protocol.MediaKind.VIDEO
NAME = "of the media itself"


def sent(*file_ids: str | None) -> protocol.GroupSent:
    return protocol.GroupSent(tuple(protocol.Delivered(file_id, VIDEO) for file_id in file_ids))


# ------------------------------------------------------------------------- several files


def test_files_beside_the_answer_go_first_and_all_are_remembered(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), files("/a", "/b", "/c", "/d"), START)
    ledger.finish_group(claim(ledger, GroupJob), sent("b", "c"), START)
    second = claim(ledger, GroupJob)
    assert second.request is not None
    assert [each.file_id for each in second.request.sent] == ["b", "c"]
    ledger.finish_group(second, sent("d"), START)
    ledger.finish_delivery(claim(ledger, DeliverJob), protocol.Delivered("a", VIDEO), START)
    assert ledger.claim(TELEGRAM, START) is None
    assert ledger.live_directories() == set()

    send(ledger, a_link(8), update_id=2)
    assert ledger.claim(DOWNLOADS, START) is None
    post(ledger)
    group = claim(ledger, GroupJob)
    assert group.media is not None
    assert [file.file_id for file in group.media.files] == ["a", "b", "c", "d"]
    ledger.finish_group(group, sent("b", "c", "d"), START)
    assert known_ids(ledger) == ["a", "b", "c", "d"]


def test_what_telegram_named_in_part_is_not_remembered(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), files("/a", "/b"), START)
    ledger.finish_group(claim(ledger, GroupJob), sent(None), START)
    ledger.finish_delivery(claim(ledger, DeliverJob), protocol.Delivered("a", VIDEO), START)
    send(ledger, a_link(), update_id=2)
    claim(ledger, DownloadJob)


@pytest.mark.parametrize(
    ("note", "is_remembered"),
    [(protocol.Note.INCOMPLETE, False), (protocol.Note.MORE_IN_POST, True)],
)
def test_a_post_of_which_something_is_missing_is_fetched_again(
    ledger: Ledger, note: protocol.Note, is_remembered: bool
) -> None:
    send(ledger, a_link())
    post(ledger)
    first, *others = files("/a", "/b").files
    first = dataclasses.replace(first, facts=dataclasses.replace(first.facts, note=note))
    ledger.finish_download(claim(ledger, DownloadJob), protocol.Media((first, *others)), START)
    ledger.finish_group(claim(ledger, GroupJob), sent("b"), START)
    ledger.finish_delivery(claim(ledger, DeliverJob), protocol.Delivered("a", VIDEO), START)
    send(ledger, a_link(8), update_id=2)
    assert (ledger.claim(DOWNLOADS, START) is None) == is_remembered


@pytest.mark.parametrize(
    ("kind", "is_remembered"),
    [(protocol.MediaKind.VOICE, True), (protocol.MediaKind.DOCUMENT, False)],
)
def test_others_are_sent_a_voice_message_that_one_person_forbids(
    ledger: Ledger, kind: protocol.MediaKind, is_remembered: bool
) -> None:
    send(ledger, a_link())
    post(ledger)
    (file,) = files("/a").files
    voice = dataclasses.replace(file, facts=protocol.MediaFacts(protocol.MediaKind.VOICE))
    ledger.finish_download(claim(ledger, DownloadJob), protocol.Media((voice,)), START)
    ledger.finish_delivery(claim(ledger, DeliverJob), protocol.Delivered("a", kind), START)
    send(ledger, a_link(8), update_id=2)
    assert (ledger.claim(DOWNLOADS, START) is None) == is_remembered


def test_a_restart_sends_only_the_files_that_are_left(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), files("/a", "/b", "/c"), START)
    ledger.finish_group(claim(ledger, GroupJob), sent("b"), START)
    claim(ledger, GroupJob)
    ledger.close()
    ledger = Ledger(ledger_path(tmp_path))
    ledger.recover(START)
    group = claim(ledger, GroupJob)
    assert group.request is not None
    assert len(group.request.sent) == 1


def test_cancel_between_two_files_ends_it(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), files("/a", "/b"), START)
    group = claim(ledger, GroupJob)
    assert press(ledger, 7) == ("done", [group.id])
    ledger.drop_stopped(group, START)
    claim(ledger, ExplainJob)
    assert ledger.claim(TELEGRAM, START) is None


def test_a_group_that_failed_for_good_is_explained(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), files("/a", "/b"), START)
    error = errors.JobError(errors.Reason.UPLOAD_REFUSED, errors.Fault.PERMANENT)
    ledger.fail(claim(ledger, GroupJob), error, "abc123", "", START)
    claim(ledger, ExplainJob)
    assert ledger.claim(TELEGRAM, START) is None


def test_a_group_of_media_that_has_become_one_file_is_not_sent_empty(
    ledger: Ledger, tmp_path: Path
) -> None:
    send(ledger, a_link(7))
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), files("/a", "/b"), START)
    ledger.finish_group(claim(ledger, GroupJob), sent("b"), START)
    ledger.finish_delivery(claim(ledger, DeliverJob), protocol.Delivered("a", VIDEO), START)
    send(ledger, a_link(8), update_id=2)
    post(ledger)
    # While Telegram wants to hear nothing for that chat, somebody else asks for what is there now.
    send(ledger, dataclasses.replace(a_link(9), fresh=True), update_id=3)
    status = ledger.claim(TELEGRAM, START, ClaimRules(closed_chat_ids=[8]))
    assert isinstance(status, StatusJob)
    ledger.finish_status(status, 3, START)
    ledger.finish_download(claim(ledger, DownloadJob), a_file("/c"), START)
    delivery = ledger.claim(TELEGRAM, START, ClaimRules(closed_chat_ids=[8]))
    assert isinstance(delivery, DeliverJob)
    ledger.finish_delivery(delivery, protocol.Delivered("c", VIDEO), START)

    group = claim(ledger, GroupJob)
    assert task_of(group, tmp_path, Settings(bot_token="")) is None
    ledger.download_again(group, START)
    ledger.finish_download(claim(ledger, DownloadJob), a_file("/d"), START)
    claim(ledger, DeliverJob)


# ---------------------------------------------------------------------- the media's own name


def answer(ledger: Ledger, key: str, name: str | None = None) -> None:
    """A link comes to its media, which is found to have that name."""
    send(ledger, a_link(1, key), update_id=100)
    post(ledger)
    download = claim(ledger, DownloadJob)
    if name:
        assert ledger.note_media_key(download, name, START) == []
    ledger.finish_download(download, a_file(), START)
    ledger.finish_delivery(claim(ledger, DeliverJob), protocol.Delivered("id", VIDEO), START)


def test_another_link_to_remembered_media_downloads_nothing_more(ledger: Ledger) -> None:
    answer(ledger, "short link", NAME)
    send(ledger, a_link(2, "long link"), update_id=2)
    post(ledger)
    download = claim(ledger, DownloadJob)
    assert ledger.note_media_key(download, NAME, START) == [download.id], "to be stopped"
    ledger.drop_stopped(download, START)
    assert known_ids(ledger) == ["id"]
    assert ledger.live_directories() == set()
    # And from now on both links are known.
    for update_id, key in ((3, "short link"), (4, "long link")):
        send(ledger, a_link(3, key), update_id=update_id)
        post(ledger)
        assert known_ids(ledger) == ["id"]
    assert ledger.claim(DOWNLOADS, START) is None


def test_two_links_to_media_that_is_being_fetched_share_it(ledger: Ledger) -> None:
    send(ledger, a_link(1, "short link"), update_id=1)
    send(ledger, a_link(2, "long link"), update_id=2)
    post(ledger, 11)
    post(ledger, 12)
    first, second = claim(ledger, DownloadJob), claim(ledger, DownloadJob)
    assert ledger.note_media_key(first, NAME, START) == []
    assert ledger.note_media_key(second, NAME, START) == [second.id]
    ledger.drop_stopped(second, START)
    ledger.finish_download(first, a_file(), START)
    delivery = claim(ledger, DeliverJob)
    assert ledger.claim(TELEGRAM, START) is None, "the other one waits for its file id"
    ledger.finish_delivery(delivery, protocol.Delivered("id", VIDEO), START)
    assert known_ids(ledger) == ["id"]


def test_a_download_that_is_over_before_it_is_stopped_answers_nobody_twice(
    ledger: Ledger,
) -> None:
    answer(ledger, "short link", NAME)
    send(ledger, a_link(2, "long link"), update_id=2)
    post(ledger)
    download = claim(ledger, DownloadJob)
    ledger.note_media_key(download, NAME, START)
    ledger.finish_download(download, a_file(), START)
    assert ledger.live_directories() == set()
    ledger.finish_delivery(claim(ledger, DeliverJob), protocol.Delivered("id", VIDEO), START)
    assert ledger.claim(TELEGRAM, START) is None


def test_who_joins_a_download_while_it_is_stopped_gets_it_after_all(ledger: Ledger) -> None:
    answer(ledger, "short link", NAME)
    send(ledger, a_link(2, "long link"), update_id=2)
    download = claim(ledger, DownloadJob)
    ledger.note_media_key(download, NAME, START)
    fresh = dataclasses.replace(a_link(3, "long link"), fresh=True)
    send(ledger, fresh, update_id=3)
    ledger.drop_stopped(download, START)
    claim(ledger, DownloadJob)


def test_a_late_word_changes_nothing(ledger: Ledger) -> None:
    send(ledger, a_link())
    download = claim(ledger, DownloadJob)
    ledger.finish_download(download, a_file(), START)
    assert ledger.note_media_key(download, NAME, START) == []
    send(ledger, a_link(8), update_id=2)
    assert ledger.claim(DOWNLOADS, START) is None, "the link's own key still stands"


def test_the_same_name_twice_is_no_news(ledger: Ledger) -> None:
    send(ledger, a_link())
    download = claim(ledger, DownloadJob)
    assert ledger.note_media_key(download, NAME, START) == []
    assert ledger.note_media_key(download, NAME, START) == []


# ------------------------------------------------------------------------------------ fresh


def test_fresh_forgets_what_is_remembered(ledger: Ledger) -> None:
    answer(ledger, "key", NAME)
    send(ledger, dataclasses.replace(a_link(2, "key"), fresh=True), update_id=2)
    download = claim(ledger, DownloadJob)
    post(ledger)
    assert ledger.note_media_key(download, NAME, START) == []
    ledger.finish_download(download, a_file("/new"), START)
    assert claim(ledger, DeliverJob).media == a_file("/new")


def test_fresh_by_a_link_never_seen_forgets_it_as_well(ledger: Ledger) -> None:
    answer(ledger, "short link", NAME)
    send(ledger, dataclasses.replace(a_link(2, "long link"), fresh=True), update_id=2)
    download = claim(ledger, DownloadJob)
    assert ledger.note_media_key(download, NAME, START) == []
    send(ledger, a_link(3, "short link"), update_id=3)
    assert ledger.claim(DOWNLOADS, START) is None, "this one waits for the fresh download"


def test_sound_alone_stays_so_when_it_is_downloaded_again(ledger: Ledger) -> None:
    send(ledger, dataclasses.replace(a_link(), form=SOUND))
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    ledger.download_again(claim(ledger, DeliverJob), START)
    assert claim(ledger, DownloadJob).form == SOUND


# ----------------------------------------------------------------------------- size and age


def test_no_more_is_remembered_than_the_limit(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        ledger._db.execute("INSERT INTO media VALUES (?, '{}', ?)", f"m{number}", 100 + number)
        ledger._db.execute("INSERT INTO links VALUES (?, 'm', ?)", f"l{number}", 100 + number)
    statements = [sql.replace(str(retention.MAX_REMEMBERED - 1), "3") for sql in REMOVALS]
    monkeypatch.setattr(retention, "_REMOVALS", statements)
    assert retention.remove_batch(ledger._db, START) == 4
    assert retention.remove_batch(ledger._db, START) == 0
    for table, key, kept in (("media", "media_key", "m"), ("links", "link_key", "l")):
        rows = ledger._db.execute(f"SELECT {key} FROM {table}").fetchall()
        assert {row[0] for row in rows} == {f"{kept}{number}" for number in (2, 3, 4, 5)}


REMOVALS = retention._REMOVALS


def test_what_was_forgotten_while_it_was_sent_again_stays_forgotten(ledger: Ledger) -> None:
    answer(ledger, "link")
    send(ledger, a_link(1, "link"), update_id=2)
    post(ledger)
    in_flight = claim(ledger, DeliverJob)
    send(ledger, dataclasses.replace(a_link(2, "link"), fresh=True), update_id=3)
    ledger.finish_delivery(in_flight, protocol.Delivered("id", VIDEO), START)
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    assert known_ids(ledger) == [None]
