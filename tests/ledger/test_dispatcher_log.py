"""One link followed through the log, from its update to its answer, and never its text."""

import logging
import re

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker.errors import Fault, JobError, MessageGone, Reason
from worker.protocol import Deliver, Download, Identified

LINK, OTHER = "https://site.example/private/path?token=secret", "https://site.example/other"


@pytest.fixture(autouse=True)
def everything_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "worker")


def lines_of(caplog: pytest.LogCaptureFixture, *subjects: str) -> list[str]:
    """The lines about these, with numbers that differ from run to run left out."""
    lines = [record.getMessage() for record in caplog.records]
    found = [line for line in lines if line.startswith(tuple(f"{each}:" for each in subjects))]
    return [re.sub(r"update \d+|in \d+\.\d s|error [0-9a-f]{6}", "…", line) for line in found]


def test_a_link_is_followed_by_its_ids(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    bot.send(LINK)
    bot.post()
    bot.step(2.5)
    download_id = bot.job_id(Download)
    bot.finish_download(files=1)
    bot.step(0.5)
    bot.deliver()
    answered = (
        "request 1: answered with media; user 7, chat 7, site.example, form all, 5 bytes,"
        f" waited 0.0 s, downloaded 2.5 s, uploaded 0.5 s, attempts 1, job {download_id}."
    )
    assert lines_of(caplog, "request 1", f"job {download_id}") == [
        f"request 1: link from … accepted (site.example), download job {download_id}.",
        f"job {download_id}: download from site.example begins, attempt 1.",
        f"job {download_id}: download from site.example done: 1 video (5 bytes), …, attempt 1.",
        answered,
    ]


def test_seconds_are_those_since_the_worker_began(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    bot.send(LINK)
    bot.step(2.5)
    bot.finish_download()
    assert "done: 1 video (5 bytes), in 2.5 s, attempt 1." in caplog.text


def test_what_telegram_has_already_is_said_to_be_there(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    for user_id in (1, 2):
        bot.send(LINK, user_id=user_id)
        bot.post()
        if user_id == 1:
            bot.finish_download()
        bot.deliver()
    (accepted, answered) = lines_of(caplog, "request 2")
    assert accepted == "request 2: link from … accepted (site.example), Telegram has its media."
    assert answered.startswith("request 2: answered with media from memory; user 2, chat 2, ")
    assert answered.endswith(" downloaded 0.0 s, uploaded 0.0 s, attempts 0.")


def test_failed_link_is_followed_to_its_explanation(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    bot.send(LINK)
    bot.post()
    download_id = bot.job_id(Download)
    bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    bot.settle()
    failed = lines_of(caplog, f"job {download_id}")[-1]
    assert failed.startswith(f"job {download_id}: the download failed for good, …: ")
    answered = lines_of(caplog, "request 1")[-1]
    assert answered.startswith(f"request 1: answered without media: {Reason.NOT_FOUND}, …; user ")


def test_cancelled_link_is_followed_to_its_explanation(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    bot.send(LINK)
    bot.post()
    download_id = bot.job_id(Download)
    bot.press_cancel(1)
    bot.downloads.stop(download_id)
    bot.settle()
    assert f"job {download_id}: the download was stopped as unwanted." in caplog.text
    assert lines_of(caplog, "request 1")[-1].startswith(
        "request 1: answered without media: cancelled; user "
    )


def test_status_message_that_is_gone_leaves_a_line(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    bot.send(LINK)
    bot.post()
    bot.finish_download()
    bot.fail(Deliver, MessageGone())
    assert "request 1: its status message is gone; another is posted." in caplog.text


def test_link_beyond_the_quota_leaves_a_line(
    make_bot: MakeBot, caplog: pytest.LogCaptureFixture
) -> None:
    bot = make_bot(USER_MAX_WAITING="1")
    bot.send(LINK, OTHER)
    (line,) = [record.getMessage() for record in caplog.records if "refused" in record.msg]
    assert re.fullmatch(r"update \d+: a link was refused: too many waiting\.", line)


def test_log_names_the_site_and_nothing_else_of_a_link(
    bot: SteppedDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    bot.send(LINK, OTHER)
    bot.settle()
    for job_id in sorted(bot.tasks(Download)):
        bot.downloads.report(job_id, Identified(f"site {job_id}"))
    bot.step()
    bot.finish_downloads()
    bot.settle()
    assert "site.example" in caplog.text
    for private in ("private", "token", "secret", "/other"):
        assert private not in caplog.text
