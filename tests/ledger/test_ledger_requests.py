"""How a request comes to its one answer, or is cancelled, in the ledger."""

import pytest

from tests.support.ledger_kit import ERROR, START, a_file, a_link, claim, post, press, send
from worker import errors, protocol
from worker.ledger import (
    DOWNLOADS,
    TELEGRAM,
    DeliverJob,
    DownloadJob,
    ExplainJob,
    Ledger,
    StatusJob,
    Verdict,
)

# -------------------------------------------------------------------------- a link's way


@pytest.mark.parametrize("posted_first", [True, False])
def test_answer_is_queued_once_both_sides_are_known(ledger: Ledger, posted_first: bool) -> None:
    send(ledger, a_link())
    download = claim(ledger, DownloadJob)
    if posted_first:
        post(ledger)
        assert ledger.claim(TELEGRAM, START) is None
        ledger.finish_download(download, a_file(), START)
    else:
        ledger.finish_download(download, a_file(), START)
        post(ledger)
    job = claim(ledger, DeliverJob)
    assert job.request is not None
    assert job.media == a_file()
    assert ledger.live_directories() == {f"{download.id}-1"}
    ledger.finish_delivery(job, protocol.Delivered("file id"), START)
    assert ledger.claim(TELEGRAM, START) is None
    assert ledger.live_directories() == set()


def two_wait(ledger: Ledger) -> None:
    """Two people have sent the same link and see their status messages."""
    send(ledger, a_link(1), update_id=1)
    send(ledger, a_link(2), update_id=2)
    post(ledger, 11)
    post(ledger, 12)


def test_one_download_serves_all_and_one_upload_goes_first(ledger: Ledger) -> None:
    two_wait(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    assert ledger.claim(DOWNLOADS, START) is None
    send(ledger, a_link(3), update_id=3)
    first = claim(ledger, DeliverJob)
    post(ledger, 13)
    assert ledger.claim(TELEGRAM, START) is None
    ledger.finish_delivery(
        first, protocol.Delivered("file id", protocol.MediaKind.ANIMATION), START
    )
    for _ in range(2):
        job = claim(ledger, DeliverJob)
        assert job.media is not None
        (file,) = job.media.files
        assert (file.facts.kind, file.file_id) == (protocol.MediaKind.ANIMATION, "file id")
        ledger.finish_delivery(job, protocol.Delivered("file id"), START)
    assert ledger.live_directories() == set()


def test_failed_download_is_explained_to_everybody(ledger: Ledger) -> None:
    two_wait(ledger)
    ledger.fail(claim(ledger, DownloadJob), ERROR, "abc123", "traceback", START)
    for _ in range(2):
        job = claim(ledger, ExplainJob)
        assert job.request is not None
        assert (job.request.reason, job.request.error_id) == (errors.Reason.NETWORK, "abc123")
        ledger.finish_explanation(job, START)


def test_remembered_media_needs_no_download(ledger: Ledger) -> None:
    test_answer_is_queued_once_both_sides_are_known(ledger, True)
    send(ledger, a_link(), update_id=2)
    assert ledger.claim(DOWNLOADS, START) is None
    post(ledger)
    claim(ledger, DeliverJob)


def test_media_that_telegram_forgot_is_downloaded_again(ledger: Ledger) -> None:
    test_remembered_media_needs_no_download(ledger)
    ledger.recover(START)
    ledger.download_again(claim(ledger, DeliverJob), START)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    claim(ledger, DeliverJob)


def test_file_that_vanished_is_downloaded_once_for_all_who_wait(ledger: Ledger) -> None:
    two_wait(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    ledger.download_again(claim(ledger, DeliverJob), START)
    second = claim(ledger, DeliverJob)
    assert second.media is None, "the vanished file is offered to nobody"
    ledger.download_again(second, START)
    ledger.finish_download(claim(ledger, DownloadJob), a_file("/new"), START)
    assert ledger.claim(DOWNLOADS, START) is None
    assert claim(ledger, DeliverJob).media == a_file("/new")


def test_lost_status_message_is_posted_anew(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger, 11)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    ledger.post_again(claim(ledger, DeliverJob), START)
    post(ledger, 12)
    job = claim(ledger, DeliverJob)
    assert job.request is not None
    assert (job.request.status_message_id, job.request.status_messages) == (12, 2)


def test_closed_chat_ends_the_request_and_its_download(ledger: Ledger) -> None:
    send(ledger, a_link())
    assert ledger.give_up(claim(ledger, StatusJob), START) == []
    assert ledger.claim(DOWNLOADS, START) is None
    assert ledger.claim(TELEGRAM, START) is None


def test_closed_chat_ends_all_its_requests_and_nobody_elses(ledger: Ledger) -> None:
    send(ledger, a_link(user_id=7, key="shared"), a_link(user_id=7, key="own"))
    send(ledger, a_link(user_id=8, key="shared"), update_id=2)
    shared = claim(ledger, DownloadJob)
    status = claim(ledger, StatusJob)
    assert status.chat_id == 7
    assert ledger.give_up_chat(status, START) == [], "the other person waits for what runs"
    assert ledger.claim(DOWNLOADS, START) is None, "nobody waits for the other one"
    ledger.finish_download(shared, a_file(), START)
    post(ledger)
    assert claim(ledger, DeliverJob).chat_id == 8
    assert ledger.claim(TELEGRAM, START) is None


# --------------------------------------------------------------------------------- cancel


def test_cancel_drops_the_download_and_is_explained(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    assert press(ledger, 7) == ("done", [])
    assert ledger.claim(DOWNLOADS, START) is None
    job = claim(ledger, ExplainJob)
    assert job.request is not None
    assert job.request.verdict is Verdict.CANCELLED
    ledger.finish_explanation(job, START)
    assert press(ledger, 7, update_id=10) == ("too late", [])


def test_cancel_is_for_the_requester_alone(ledger: Ledger) -> None:
    send(ledger, a_link())
    assert press(ledger, 8) == ("not yours", [])
    assert press(ledger, 8, request_id=99, update_id=10) == ("too late", [])
    assert ledger.claim(DOWNLOADS, START) is not None


def test_cancel_of_one_leaves_the_download_to_the_others(ledger: Ledger) -> None:
    send(ledger, a_link(1), update_id=1)
    send(ledger, a_link(2), update_id=2)
    download = claim(ledger, DownloadJob)
    assert press(ledger, 1, request_id=1, update_id=3) == ("done", [])
    assert press(ledger, 2, request_id=2, update_id=4) == ("done", [download.id])


def test_link_sent_while_its_download_is_being_stopped_is_fetched(ledger: Ledger) -> None:
    send(ledger, a_link(1), update_id=1)
    download = claim(ledger, DownloadJob)
    assert press(ledger, 1) == ("done", [download.id])
    send(ledger, a_link(2), update_id=3)
    ledger.drop_stopped(download, START)
    assert claim(ledger, DownloadJob).attempts == 1


def test_running_delivery_is_stopped_before_the_cancel_is_explained(ledger: Ledger) -> None:
    send(ledger, a_link())
    post(ledger)
    ledger.finish_download(claim(ledger, DownloadJob), a_file(), START)
    delivery = claim(ledger, DeliverJob)
    assert press(ledger, 7) == ("done", [delivery.id])
    assert ledger.claim(TELEGRAM, START) is None
    ledger.drop_stopped(delivery, START)
    claim(ledger, ExplainJob)
