"""The one JavaScript runtime of downloads: which is found, and whether it solves a challenge."""

import os
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maintenance import programs
from maintenance.findings import Level
from tests.support.download_limits import LIMITS
from worker.downloads import program_paths
from worker.downloads.media.conversion import budget_of
from worker.downloads.ytdlp import options
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.downloads.ytdlp.players import javascript

DENO, NODE = "deno 2.3.1 (stable)", "v22.1.0"
QUICKJS, QUICKJS_NG = "QuickJS version 2024-01-13", "QuickJS-ng version 0.10.0"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Empties PATH and the directory of Python's commands, and puts programs into either."""
    for name in ("path", "scripts"):
        (tmp_path / name).mkdir()
    real_path = sysconfig.get_path
    monkeypatch.setattr(
        sysconfig,
        "get_path",
        lambda name: str(tmp_path / "scripts") if name == "scripts" else real_path(name),
    )
    monkeypatch.setenv("PATH", str(tmp_path / "path"))

    def put(place: str, name: str, answer: str) -> None:
        path = tmp_path / place / name
        path.write_text(f"#!/bin/sh\necho '{answer}'\nexit 1\n")
        path.chmod(0o755)

    javascript._find.cache_clear()
    yield put
    javascript._find.cache_clear()


def test_runtime_that_could_not_be_asked_is_asked_again(install: Install, tmp_path: Path) -> None:
    """It would be missing for as long as the fork server runs, which asks first."""
    install("path", "node", "v20.20.2")
    deno = tmp_path / "path" / "deno"
    deno.write_text("#!/bin/sh\nkill -KILL $$\n")
    deno.chmod(0o755)
    assert javascript.find().runtime is None
    install("path", "deno", DENO)
    runtime = javascript.find().runtime
    assert runtime
    assert runtime.name == "deno"


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ([("scripts", "deno", DENO)], "scripts/deno"),
        ([("path", "deno", DENO)], "path/deno"),
        ([("path", "deno", DENO), ("scripts", "deno", DENO)], "scripts/deno"),
        ([("path", "node", NODE), ("scripts", "deno", DENO)], "scripts/deno"),
        ([("path", "node", NODE), ("path", "deno", "deno 1.46.0")], "path/node"),
        ([("path", "node", NODE), ("path", "qjs", QUICKJS)], "path/node"),
        ([("path", "node", "v20.20.2"), ("path", "qjs", QUICKJS)], "path/qjs"),
        ([("path", "qjs", QUICKJS_NG)], "path/qjs"),
        ([("path", "qjs", "QuickJS version 2021-03-27")], None),
        ([("path", "bun", "1.3.0")], None),
        ([("path", "deno", "Segmentation fault")], None),
        ([], None),
    ],
)
def test_downloads_are_told_of_one_runtime(
    installed: list[tuple[str, str, str]], found: str | None, install: Install, tmp_path: Path
) -> None:
    for place, name, answer in installed:
        install(place, name, answer)
    given = options.for_download(
        LIMITS, Chooser(budget_of(LIMITS), has_ffmpeg=True), lambda *_: None
    )
    runtimes = given["js_runtimes"]
    paths = [os.path.relpath(runtime["path"], tmp_path) for runtime in runtimes.values()]
    assert paths == ([found] if found else [])


@pytest.mark.parametrize(
    ("name", "answer", "is_jitless", "variables"),
    [
        ("deno", DENO, True, {}),
        ("node", NODE, False, {}),
        ("node", "v24.1.0", False, {"NODE_OPTIONS": "--jitless"}),
        ("qjs", QUICKJS, False, {}),
    ],
)
def test_a_runtime_does_not_compile_where_that_takes_too_much_memory(
    name: str, answer: str, is_jitless: bool, variables: dict[str, str], install: Install
) -> None:
    install("path", name, answer)
    runtime = javascript.find().runtime
    assert runtime is not None
    assert bool(runtime.options["extractor_args"]) is is_jitless
    assert runtime.environment == variables


def test_the_search_is_made_once(install: Install, tmp_path: Path) -> None:
    install("path", "deno", DENO)
    first = javascript.find()
    (tmp_path / "path" / "deno").unlink()
    assert javascript.find() is first


@pytest.mark.parametrize(
    ("name", "answer", "memory_mib", "words"),
    [
        ("deno", DENO, 128, "DOWNLOAD_MEMORY_MB=384"),
        ("deno", "deno 1.46.0", 512, "too old (1.46.0)"),
        ("perl", "v99", 512, "no deno, node or quickjs found"),
    ],
)
def test_a_check_says_what_is_wrong(
    name: str, answer: str, memory_mib: int, words: str, install: Install
) -> None:
    install("path", name, answer)
    found = programs.check_javascript(memory_mib)
    assert found.level is Level.WARNING
    assert words in found.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"trouble": "Out of memory", "took_s": 1.0, "peak_bytes": 1}', "Out of memory"),
        ("", "its test does not run"),
    ],
)
def test_a_check_says_why_a_challenge_is_not_solved(
    answer: str, words: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("path", "deno", DENO)
    monkeypatch.setattr(programs, "output_of", lambda *_: answer)
    found = programs.check_javascript(512)
    assert found.level is Level.WARNING
    assert "solves no challenge" in found.text
    assert words in found.text


def test_a_download_may_read_every_runtime_that_is_looked_for() -> None:
    assert {kind.command for kind in javascript._KINDS} == {*program_paths.JAVASCRIPT_PROGRAMS}


def test_a_check_solves_a_challenge(needs_deno: None) -> None:
    found = programs.check_javascript(512)
    assert found.level is Level.OK
    assert found.text.startswith("deno 2")
    assert " has solved a small challenge in " in found.text
