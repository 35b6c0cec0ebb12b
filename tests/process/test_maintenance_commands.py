"""`python -m maintenance` as a program: what it needs, what it refuses, and `orphans`."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from maintenance import health
from maintenance.__main__ import main
from maintenance.units import count, duration, parse_duration, size
from tests.sandbox.patience import PATIENCE_S
from tests.support.exhaustive import in_full, some_of
from tests.support.ledger_kit import ERROR, START, a_link, claim, send
from tests.support.operator_kit import ROOT, maintenance
from worker.ledger import DownloadJob, Ledger, UpdateJob, ledger_path
from worker.ledger.storage.backup import back_up
from worker.ledger.storage.schema import MIGRATIONS

FILES = ("copy", "picture")
COMMANDS = [("zombies",), ("orphans",), ("failed", "list"), ("health",)]


@pytest.mark.parametrize(
    "arguments",
    [
        *(*COMMANDS, ("requests",), ("bans",), ("stats", "--svg", "picture")),
        *(("pause",), ("top", "--once"), ("backup", "copy"), ("restore", "copy")),
    ],
)
def test_nothing_heavy_is_imported(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    Ledger(ledger_path(tmp_path)).close()
    back_up(ledger_path(tmp_path), tmp_path / "copy")
    arguments = tuple(str(tmp_path / part) if part in FILES else part for part in arguments)
    code = (
        "import sys; from maintenance.__main__ import main; main(sys.argv[1:]);"
        "heavy = {'telebot', 'yt_dlp', 'requests', 'urllib3', 'multiprocessing'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={"DATA_DIR": str(tmp_path)},
        check=True,
    )


@pytest.mark.parametrize("arguments", [("failed", "list"), ("failed", "retry", "1")])
def test_missing_ledger_is_said_and_not_made(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    answer = maintenance(tmp_path, *arguments)
    assert answer.code == 2
    assert "no ledger" in answer.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("makes_ledger", "command", "given", "errors"),
    [
        (True, "cat >report", '"level": "critical"', ""),
        (False, "cat >report", "health could not be measured or printed: there is no ledger", ""),
        (True, "exit 3", "", "--if-bad-run: ended with exit code 3"),
    ],
)
def test_health_runs_a_command_if_it_is_bad(
    tmp_path: Path, makes_ledger: bool, command: str, given: str, errors: str
) -> None:
    if makes_ledger:
        Ledger(ledger_path(tmp_path)).close()
    report = tmp_path / "report"
    command = command.replace("report", str(report))
    answer = maintenance(tmp_path, "health", "--json", "--if-bad-run", command)
    assert answer.code == 2
    assert errors in answer.errors
    assert given in (report.read_text() if report.exists() else "")
    assert report.exists() == bool(given)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DATA_DIR": "/nowhere/data"}, "there is no directory /nowhere/data"),
        ({"DOWNLOAD_WORKERS": "many"}, "DOWNLOAD_WORKERS"),
    ],
)
def test_health_that_cannot_be_measured_runs_the_command(
    settings: dict[str, str], words: str, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    command = f"cat >>{report}"
    answer = maintenance(tmp_path, "health", "--if-bad-run", command, **settings)
    assert answer.code == 2
    assert words in answer.errors
    assert report.read_text().startswith("health could not be measured or printed: ")
    assert words in report.read_text()


def test_health_that_cannot_be_written_runs_the_command_once(tmp_path: Path) -> None:
    Ledger(ledger_path(tmp_path)).close()
    report = tmp_path / "report"
    output, command = str(tmp_path / "no" / "file"), f"cat >>{report}"
    options = ("--json", "--output", output, "--if-bad-run", command)
    assert maintenance(tmp_path, "health", *options).code == 2
    assert report.read_text().count('"level": "critical",\n  "checks"') == 1
    assert "could not be measured" not in report.read_text()


def test_unexpected_failure_of_health_runs_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(health, "assess", fail)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    Ledger(ledger_path(tmp_path)).close()
    report = tmp_path / "report"
    assert main(["health", "--if-bad-run", f"cat >{report}"]) == 2
    assert "ZeroDivisionError" in report.read_text()


def test_pause_and_resume_say_what_they_change(tmp_path: Path) -> None:
    Ledger(ledger_path(tmp_path)).close()
    answers = [maintenance(tmp_path, name, "--json") for name in ("pause", "pause", "resume")]
    assert [answer.code for answer in answers] == [0, 0, 0]
    assert [answer.json for answer in answers] == [
        {"paused": True, "changed": True, "running_downloads": 0},
        {"paused": True, "changed": False, "running_downloads": 0},
        {"paused": False, "changed": True},
    ]
    assert maintenance(tmp_path, "resume").text == "It was not paused.\n"


def test_reader_that_has_read_enough_is_no_error(tmp_path: Path) -> None:
    Ledger(ledger_path(tmp_path)).close()
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as nobody_reads:
        done = subprocess.run(
            [sys.executable, "-m", "maintenance", "health"],
            cwd=ROOT,
            env={"DATA_DIR": str(tmp_path)},
            stdout=nobody_reads,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (2, "")


def test_interrupted_command_says_so(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "maintenance", "listen"],
        cwd=ROOT,
        env={"DATA_DIR": str(tmp_path), "HEALTH_URL": "http://127.0.0.1:9/"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout
        assert command.stdout.readline() == "READY\n"
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=PATIENCE_S)
    assert (command.returncode, errors) == (2, "maintenance: interrupted\n")


@pytest.mark.parametrize(
    ("stdout", "ending"),
    [(">&-", (0, "")), (">/dev/full", (2, "maintenance: [Errno 28] No space left on device\n"))],
)
def test_exit_code_is_the_commands_own_wherever_its_words_go(
    tmp_path: Path, stdout: str, ending: tuple[int, str]
) -> None:
    # -E: where PYTHONUNBUFFERED is set, nothing is left for the end.
    answer = maintenance(
        tmp_path, "help", prefix=["sh", "-c", f'exec "$1" -E "$2" "$3" "$4" {stdout}', "sh"]
    )
    assert (answer.code, answer.errors) == ending


LOCALES = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "iso-8859-1"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("locale", some_of(LOCALES, kept=LOCALES[2:]), ids=str)
@pytest.mark.parametrize(
    "arguments", [in_full(("failed", "list")), ("failed", "show", "1"), ("health",)]
)
def test_every_locale_can_show_everything(
    tmp_path: Path, locale: dict[str, str], arguments: tuple[str, ...]
) -> None:
    ledger = Ledger(ledger_path(tmp_path))
    ledger.record_updates([{"update_id": 1}], START)
    ledger.fail(claim(ledger, UpdateJob), ERROR, "abc123", "Кино … 😀", START)
    answer = maintenance(tmp_path, *arguments, **locale)
    assert answer.errors == ""
    assert answer.text
    assert ("\\u041a" in answer.text) is ("show" in arguments)


def test_file_of_figures_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "figures" / "fetchbot.prom"
    arguments = ("health", "--prometheus", "--output", str(target))
    assert "figures" in maintenance(tmp_path, *arguments).errors, "there is no such directory"
    target.parent.mkdir()
    target.write_text("the last one\n")
    assert "no ledger" in maintenance(tmp_path, *arguments).errors
    assert target.read_text() == "the last one\n"
    Ledger(ledger_path(tmp_path)).close()
    answer = maintenance(tmp_path, *arguments)
    assert (answer.text, answer.errors) == ("", "")
    assert "\nfetchbot_up 0\n" in target.read_text()
    assert os.listdir(target.parent) == [target.name], "nothing is left beside it"


BREAK = """
from maintenance import __main__ as entry, health
health.assess = lambda measures: 1 / 0
raise SystemExit(entry.main(["health"]))
"""


def test_command_that_breaks_is_no_mere_warning(tmp_path: Path) -> None:
    Ledger(ledger_path(tmp_path)).close()
    env = {"DATA_DIR": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", BREAK]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr


def test_python_without_the_packages_is_no_mere_warning(tmp_path: Path) -> None:
    answer = maintenance(tmp_path, "health", prefix=["sh", "-c", 'exec "$0" -S "$@"'])
    assert (answer.code, answer.text) == (2, "")
    assert re.fullmatch(r"maintenance: No module named '\w+': .+\n", answer.errors)


def damage(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)


def make_old(path: Path) -> None:
    _set_version(path, 1)


def make_new(path: Path) -> None:
    _set_version(path, len(MIGRATIONS) + 1)


UNLIKE_OURS = [
    (command, spoil, words)
    for command in COMMANDS
    for spoil, words in [(damage, "backup"), (make_old, "start this"), (make_new, "newer bot")]
]


def _set_version(path: Path, version: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


@pytest.mark.parametrize(
    ("arguments", "spoil", "words"),
    some_of(UNLIKE_OURS, kept=[*UNLIKE_OURS[:3], *UNLIKE_OURS[::4]]),
)
def test_ledger_that_is_not_ours_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], spoil: object, words: str
) -> None:
    path = ledger_path(tmp_path)
    Ledger(path).close()
    assert callable(spoil)
    spoil(path)
    before = path.read_bytes()
    answer = maintenance(tmp_path, *arguments)
    assert answer.code == 2
    assert words in answer.errors
    assert path.read_bytes() == before


def test_missing_directory_and_wrong_settings_are_said(tmp_path: Path) -> None:
    answer = maintenance(tmp_path / "nowhere", "zombies")
    assert answer.code == 2
    assert answer.errors.startswith("maintenance: there is no directory")
    assert "nowhere" in answer.errors
    answer = maintenance(tmp_path, "zombies", ORPHAN_MAX_AGE="long")
    assert answer.code == 2
    assert "ORPHAN_MAX_AGE" in answer.errors


def test_questions_leave_the_ledger_of_a_running_bot_alone(tmp_path: Path) -> None:
    ledger = Ledger(ledger_path(tmp_path))
    send(ledger, a_link())
    with ledger._db.transaction():
        assert maintenance(tmp_path, "failed", "list").code == 0
        assert maintenance(tmp_path, "zombies").code == 0


# ----------------------------------------------------------------------------------- orphans


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """Directories of a running job, of two forgotten ones, one of them young, and a link."""
    ledger = Ledger(ledger_path(tmp_path))
    send(ledger, a_link())
    live = claim(ledger, DownloadJob)
    ledger.close()
    downloads = tmp_path / "downloads"
    (downloads / "900-1").mkdir(parents=True)
    (downloads / "900-1" / "link").symlink_to(tmp_path / "elsewhere")
    for name in (f"{live.id}-1", "900-1", "901-1", "notes"):
        (downloads / name).mkdir(exist_ok=True)
        (downloads / name / "media.mp4").write_bytes(b"x" * 5000)
        os.utime(downloads / name, (0, 0) if name != "901-1" else None)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (downloads / "902-1").symlink_to(tmp_path / "elsewhere")
    return downloads


def names(downloads: Path) -> set[str]:
    return {path.name for path in downloads.iterdir()} - {"3-1", "notes", "902-1"}


def test_orphans_are_listed_then_deleted(downloads: Path) -> None:
    everything = {path.name for path in downloads.iterdir()}
    answer = maintenance(downloads.parent, "orphans", "--json")
    assert answer.code == 1
    (orphan,) = answer.json["orphans"]
    assert (Path(orphan["path"]).name, orphan["size_bytes"]) == ("900-1", 5000)
    assert {path.name for path in downloads.iterdir()} == everything
    answer = maintenance(downloads.parent, "orphans", "--delete")
    assert (answer.code, names(downloads)) == (0, {"901-1"})
    answer = maintenance(downloads.parent, "orphans", "--delete", "--older-than", "0s")
    assert (answer.code, names(downloads)) == (0, set())
    assert len(everything) - 2 == len(list(downloads.iterdir())), "the live one is still there"
    assert (downloads.parent / "elsewhere" / "kept").exists()
    assert maintenance(downloads.parent, "orphans").code == 0


def test_downloads_behind_a_link_are_left_alone(downloads: Path) -> None:
    moved = downloads.rename(downloads.parent / "moved")
    downloads.symlink_to(moved)
    answer = maintenance(downloads.parent, "orphans", "--delete", "--older-than", "0s")
    assert answer.code == 2
    assert "symbolic link" in answer.errors
    assert (moved / "900-1").exists()


def test_what_cannot_be_removed_is_named(downloads: Path) -> None:
    stuck = downloads / "900-1" / "mount"
    stuck.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "none", stuck], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nothing can be mounted here")
    try:
        os.utime(downloads / "900-1", (0, 0))
        answer = maintenance(downloads.parent, "orphans", "--delete")
        assert answer.code == 2
        assert "900-1 cannot be removed" in answer.text
    finally:
        subprocess.run(["umount", stuck], check=True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5d", 129_600)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "2 h", "2w", "1e9", "inf", "99999999999"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a time such as"):
        parse_duration(text)


def test_figures_are_short() -> None:
    assert [duration(s) for s in (0, 59.6, 3599, 7500, 90_000)] == [
        "0s", "1m00s", "59m59s", "2h05m", "1d01h",
    ]  # fmt: skip
    assert [size(n) for n in (0, 999, 4300, 512 * 2**20)] == ["0 B", "999 B", "4.2 kB", "512 MB"]
    assert [count(n, "job") for n in (0, 1, 2)] == ["0 jobs", "1 job", "2 jobs"]
