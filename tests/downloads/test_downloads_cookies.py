"""A download's cookies: those of its site and no others, and only where it fails without."""

from __future__ import annotations

import errno
import itertools
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.hostile.tools import LINK, tell, told
from tests.hostile.web import Answer, Web, content, status
from tests.sandbox.clips import SAMPLE
from tests.support.account import Session
from tests.support.cookie_jar import jar
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Outcome, Worker, worker
from worker import logs
from worker.downloads.cookies import lent_cookies, returned_cookies
from worker.downloads.limits import DownloadLimits
from worker.errors import Fault, JobError, Reason, Remedy
from worker.protocol import SiteAccess
from worker.protocol.site_cookies import CookiesTried

# Does not match itself, which lies in the memory that is searched.
ELSEWHERE = re.compile(rb"elsewhere[-]5ad1e7")
_READ: list[bytes] = []


def _look_for_cookies(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    found = False
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "[heap]" in line or line.rstrip().endswith(" 0"):
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                try:
                    memory.seek(start)
                    found = found or bool(ELSEWHERE.search(memory.read(end - start)))
                except OSError:
                    continue
    tell(jar=Path("cookies.txt").read_text().count("\t") // 6, memory=found)


def _copy_in_the_same_process() -> None:
    def copy_and_keep(url: str, source: Path, target: Path) -> lent_cookies.LentCookies | None:
        # What a reader leaves in freed memory is up to the allocator: here all of it stays.
        _READ.append(source.read_bytes())
        return lent_cookies.copy_site_cookies(url, source, target)

    lent_cookies.copy_in_child = copy_and_keep


def _mixed(path: Path) -> dict[str, Any]:
    jar(path, "127.0.0.1")
    dash = "-"
    with path.open("a") as file:
        for number in range(4096):  # what is read leaves traces by chance: there are many chances
            file.write(f".example.com\tTRUE\t/\tFALSE\t0\tname{number}\telsewhere{dash}5ad1e7\n")
    return {"cookies_file": os.fspath(path), "cookies_always": True}


def test_a_download_knows_no_other_sites_cookies(tmp_path: Path) -> None:
    with worker(tmp_path, is_cold=True) as made:
        found = told(made, _look_for_cookies, **_mixed(tmp_path / "cookies"))
    assert found == {"jar": 1, "memory": False}


@pytest.mark.negative
def test_a_copy_in_its_own_process_leaves_them_in_memory(tmp_path: Path) -> None:
    with worker(tmp_path, prepare=_copy_in_the_same_process, is_cold=True) as weak:
        found = told(weak, _look_for_cookies, **_mixed(tmp_path / "cookies"))
    assert found == {"jar": 1, "memory": True}


def test_a_jar_that_is_gone_is_the_operators(tmp_path: Path) -> None:
    with worker(tmp_path, is_cold=True) as made:
        rules = limits_with(cookies_file=os.fspath(tmp_path / "none"))
        error = made.run(LINK, rules, _look_for_cookies, cookies_always=True).error
    assert (error.reason, error.fault) == (Reason.INTERNAL, Fault.OPERATOR)


# ------------------------------------------------------------------------------ who needs them


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as made:
        yield made


class Gate:
    """Lets in who has a valid cookie, and answers all others in its way; `seen` are their cookies.

    `seen` has each cookie once, in the order in which they came first.
    """

    def __init__(self, refuse: Answer, valid: str = "name=value") -> None:
        self.refuse, self.valid = refuse, valid
        self.seen: dict[str, None] = {}

    def __call__(self, handler: Any) -> None:
        cookie = handler.headers.get("Cookie", "")
        self.seen[cookie] = None
        answer = content(SAMPLE.read_bytes(), "video/mp4") if cookie == self.valid else self.refuse
        answer(handler)


def own_jar(path: Path, host: str = "127.0.0.1") -> DownloadLimits:
    path.write_text(f"{HEADER}{host}\tFALSE\t/\tFALSE\t0\tname\tvalue\n")
    return limits_with(cookies_file=os.fspath(path))


HEADER = "# Netscape HTTP Cookie File\n"
SENT = "name=value"
WALL = status(403, Cf_Mitigated="challenge")


@pytest.mark.parametrize("refuse", [status(401), status(403), WALL])
def test_who_is_not_let_in_comes_again_with_cookies(
    warm: Worker, web: Web, tmp_path: Path, refuse: Answer
) -> None:
    web.answers["/v.mp4"] = gate = Gate(refuse)
    outcome = warm.run(web.url + "/v.mp4", own_jar(tmp_path / "jar"))
    assert outcome.media.size_bytes == SAMPLE.stat().st_size
    assert list(gate.seen) == ["", SENT]
    assert sorted(path.suffix for path in warm.directory.iterdir()) == [".jpg", ".mp4"]


@pytest.mark.parametrize(("code", "reason"), [(404, Reason.NOT_FOUND), (451, Reason.GEO_BLOCKED)])
def test_what_no_account_mends_is_tried_without(
    warm: Worker, web: Web, tmp_path: Path, code: int, reason: Reason
) -> None:
    web.answers["/v.mp4"] = gate = Gate(status(code))
    assert warm.run(web.url + "/v.mp4", own_jar(tmp_path / "jar")).error.reason is reason
    assert list(gate.seen) == [""]


def test_no_cookies_of_the_site_are_no_second_try(warm: Worker, web: Web, tmp_path: Path) -> None:
    web.answers["/v.mp4"] = gate = Gate(status(401))
    outcome = warm.run(web.url + "/v.mp4", own_jar(tmp_path / "jar", "127.0.0.2"))
    assert (outcome.error.reason, outcome.error.fault) == (Reason.LOGIN_NEEDED, Fault.PERMANENT)
    assert list(gate.seen) == [""]
    assert not warm.directory.exists()


def test_a_site_may_always_get_them(warm: Worker, web: Web, tmp_path: Path) -> None:
    web.answers["/v.mp4"] = gate = Gate(status(401))
    rules = own_jar(tmp_path / "jar")
    assert warm.run(web.url + "/v.mp4", rules, cookies_always=True).files
    assert list(gate.seen) == [SENT]


@pytest.mark.parametrize("always", [False, True])
def test_cookies_that_are_refused_are_the_operators(
    warm: Worker, web: Web, tmp_path: Path, always: bool
) -> None:
    web.answers["/v.mp4"] = Gate(status(401), valid="name=another")
    rules = own_jar(tmp_path / "jar")
    error = warm.run(web.url + "/v.mp4", rules, cookies_always=always).error
    assert (error.reason, error.fault) == (Reason.BLOCKED_HERE, Fault.OPERATOR)
    assert error.remedy is Remedy.NEW_COOKIES
    assert not warm.directory.exists()


@pytest.mark.parametrize("is_same", [True, False])
def test_cookies_that_work_elsewhere_are_not_blamed(
    warm: Worker, web: Web, tmp_path: Path, is_same: bool
) -> None:
    web.answers["/for-nobody.mp4"] = Gate(status(401), valid="never")
    rules = own_jar(tmp_path / "jar")
    changed_ns = (tmp_path / "jar").stat().st_mtime_ns
    access = SiteAccess(cookies_work_ns=changed_ns if is_same else changed_ns - 1)
    outcome = warm.run(web.url + "/for-nobody.mp4", rules, access=access)
    expected = Reason.LOGIN_NEEDED if is_same else Reason.BLOCKED_HERE
    assert outcome.error.reason is expected
    assert tried(outcome) == [CookiesTried("127.0.0.1", changed_ns, is_refused=True)]


def test_cookies_that_worked_are_blamed_at_once_when_the_site_takes_them_away(
    warm: Worker, web: Web, tmp_path: Path
) -> None:
    """The first link after a logout, not only the fourth, is the operator's to mend."""
    over = "name=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    web.answers["/logged-out.mp4"] = status(401, Set_Cookie=over)
    rules = own_jar(tmp_path / "jar")
    access = SiteAccess(cookies_work_ns=(tmp_path / "jar").stat().st_mtime_ns)
    outcome = warm.run(web.url + "/logged-out.mp4", rules, access=access)
    assert (outcome.error.reason, outcome.error.fault) == (Reason.BLOCKED_HERE, Fault.OPERATOR)
    assert outcome.error.remedy is Remedy.NEW_COOKIES
    assert [(each.is_refused, each.is_over) for each in tried(outcome)] == [(True, True)]


# ---------------------------------------------------------------------------- what comes back


def tried(outcome: Outcome) -> list[CookiesTried]:
    return [each for each in outcome.reports if isinstance(each, CookiesTried)]


def test_a_session_that_is_renewed_goes_on(warm: Worker, web: Web, tmp_path: Path) -> None:
    web.answers["/v.mp4"] = session = Session()
    rules = own_jar(tmp_path / "jar")
    for _ in range(2):
        outcome = warm.run(web.url + "/v.mp4", rules)
        assert outcome.files
        assert [each.is_refused for each in tried(outcome)] == [False]
        assert f"\tname\tvalue{session.visits}\n" in (tmp_path / "jar").read_text()
    # It ends in mid-life: what was right a moment ago is refused.
    session.visits += 1
    outcome = warm.run(web.url + "/v.mp4", rules)
    assert (outcome.error.reason, outcome.error.remedy) == (
        Reason.BLOCKED_HERE,
        Remedy.NEW_COOKIES,
    )
    changed_ns = (tmp_path / "jar").stat().st_mtime_ns
    assert tried(outcome) == [CookiesTried("127.0.0.1", changed_ns, is_refused=True)]


KEY = "header-secret-5ad1e7"


def _log_as_a_worker_does() -> None:
    logs.configure(())


def _say_the_header(task: Any, rules: Any, report: Any, extractors: Any) -> NoReturn:
    said = f"wrong key {task.access.headers['X-Key']}"
    raise JobError(Reason.LOGIN_NEEDED, Fault.PERMANENT, f"site said: {said}")


def test_a_worker_logs_no_words_of_a_site(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with worker(tmp_path, prepare=_log_as_a_worker_does, is_cold=True) as made:
        access = SiteAccess(headers={"X-Key": KEY})
        outcome = made.run(LINK, own_jar(tmp_path / "jar"), _say_the_header, access=access)
    assert KEY in outcome.error.detail, "the main process knows it, and removes it"
    logged = capfd.readouterr().err
    assert "failed without cookies (login needed)" in logged
    assert KEY not in logged


STEPS = ("open", "fstat", "fchmod", "utime", "fsync", "replace", "unlink", "close")


def _write_back_and_die(lent: lent_cookies.LentCookies, returned: Path, at: int) -> NoReturn:
    """Write back, and be killed before the step of that number."""
    left = at

    def dies_at_last(step: Any) -> Any:
        def counted(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*args, **options)

        return counted

    for name in STEPS:
        setattr(os, name, dies_at_last(getattr(os, name)))
    try:
        returned_cookies.write_back(lent, returned)
    finally:
        os._exit(0)


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    own_jar(tmp_path / "jar")
    before = (tmp_path / "jar").read_text()
    after = before.replace("value", "renewed")
    (tmp_path / "returned").write_text(after)
    left = set()
    for at in itertools.count():
        (tmp_path / "jar").write_text(before)
        lent = lent_cookies.copy_site_cookies(LINK, tmp_path / "jar", tmp_path / f"copy-{at}")
        assert lent
        killed = os.fork()
        if not killed:
            _write_back_and_die(lent, tmp_path / "returned", at)
        _, wait_status = os.waitpid(killed, 0)
        text = (tmp_path / "jar").read_text()
        assert text in (before, after)
        left.add((text == after, (tmp_path / ".jar.new").exists()))
        # The next one is not in the way of what is left.
        returned_cookies.write_back(lent, tmp_path / "returned")
        assert (tmp_path / "jar").read_text() == after
        assert not (tmp_path / ".jar.new").exists()
        if not wait_status:
            break
    assert left >= {(False, False), (False, True), (True, False)}, "killed before, in it, behind"


def test_a_file_that_cannot_be_written_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own_jar(tmp_path / "jar")
    lent = lent_cookies.copy_site_cookies(LINK, tmp_path / "jar", tmp_path / "copy")
    assert lent
    (tmp_path / "copy").write_text((tmp_path / "jar").read_text().replace("value", "renewed"))

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(returned_cookies, "_replace", refuse)
    for _ in range(3):
        returned_cookies.take_back(lent, tmp_path / "copy")
    (line,) = caplog.messages
    assert "Read-only file system" in line
    assert "renewed" not in line
