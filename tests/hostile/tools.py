"""Means for tests in which a function of the test takes yt-dlp's place in a download process."""

from __future__ import annotations

import json
import os
import select
from typing import Any, NoReturn

from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker
from worker.downloads.confinement import capabilities, egress_guard, landlock, seccomp
from worker.errors import Fault, JobError, Reason
from worker.processes import process_table, signals

LINK = "http://127.0.0.1:8080/"


def tell(**facts: object) -> NoReturn:
    """Bring facts out of the download process, in the words of its failure."""
    raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, json.dumps(facts))


def told(
    worker: Worker, fetch: Any, *, cookies_always: bool = False, **changes: Any
) -> dict[str, Any]:
    """What `fetch` tells, run under the tests' usual rules with `changes`."""
    rules = limits_with(**changes)
    error = worker.run(LINK, rules, fetch, cookies_always=cookies_always).error
    assert error.reason is Reason.NO_MEDIA, error
    facts: dict[str, Any] = json.loads(error.detail)
    return facts


def has_ended(pid: int, within_s: float = 10.0) -> bool:
    """Whether a process that need not be our child ends in time."""
    identity = process_table.identify(pid)
    pidfd = signals.open_pidfd(identity) if identity else None
    if pidfd is None:
        return True
    try:
        return bool(select.select([pidfd], [], [], within_s)[0])
    finally:
        os.close(pidfd)


def without_guard() -> None:
    """Take the egress guard away, from the worker's programs too. For `prepare`."""
    egress_guard.install = lambda *_, **__: egress_guard.Guard()
    vars(landlock)["forbid_tcp"] = lambda **_: None
    seccomp.is_offered = lambda: False


def without_landlock() -> None:
    """Make the worker's kernel one that offers no Landlock. For `prepare`."""
    landlock.abi = lambda: 0


def with_capabilities() -> None:
    """Let downloads keep what root may do. For `prepare`."""
    capabilities.drop = lambda: None
