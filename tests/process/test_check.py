"""Checks: each thing that can be wrong on a machine is said in one line, and nothing secret is."""

import errno
import http.server
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maintenance import check, programs
from maintenance.findings import Level, ok
from tests.support.serving import answering
from worker.downloads.confinement import network
from worker.downloads.confinement.network import Network
from worker.errors import (
    Fault,
    JobError,
    Reason,
    TelegramBusy,
    TelegramUnauthorized,
    TelegramUnreachable,
)
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
SECRET = "AAFakeFakeFakeFakeFakeFakeFakeFake0"
TOKEN = f"123456789:{SECRET}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(bot_token=TOKEN, data_dir=tmp_path / "data", download_workers=1)


def as_root() -> bool:
    return os.geteuid() == 0


# --------------------------------------------------------------------------------- the outcome


def test_all_checks_of_a_sound_machine_pass(
    settings: Settings, needs_ffmpeg: None, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = check.run_checks(settings, ask_telegram=lambda _: "a_bot")
    check.print_findings(checks, settings.secrets)
    assert [found for found in checks if found.level is Level.CRITICAL] == []
    assert check.exit_code(checks) == 0
    names = [found.name for found in checks]
    assert names == [
        *(["user"] if as_root() else []),
        "ffmpeg",
        "packages",
        "yt-dlp",
        "certificates",
        "javascript",
        "settings",
        "ADMINS",
        "DATA_DIR",
        "disk",
        "SHUTDOWN_GRACE",
        "landlock",
        "network",
        "token",
    ]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == names


def test_a_bare_machine_is_told_all_that_it_lacks(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    done = subprocess.run(
        [python, ROOT / "bot.py", "--check"],
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (78, "")
    lines = [line for line in done.stdout.splitlines() if line.split()[1] != "user"]
    assert [line.split()[:2] for line in lines] == [
        ["warning", "ffmpeg"],
        ["critical", "packages"],
        ["critical", "yt-dlp"],
        ["critical", "certificates"],
        ["warning", "javascript"],
        ["critical", "settings"],
        ["warning", "ADMINS"],
        ["ok", "DATA_DIR"],
        ["ok", "disk"],
        ["ok", "SHUTDOWN_GRACE"],
        ["warning" if network.active() is Network.NONE else "ok", "network"],
    ]
    install = f"{python} -m pip install -r requirements.txt"
    assert [line.endswith(install) for line in lines[1:5]] == [True] * 4
    assert "BOT_TOKEN is not set" in lines[5]


def hide(module: str, directory: Path) -> dict[str, str]:
    """Variables with which no Python finds a module."""
    (directory / "sitecustomize.py").write_text(f"import sys; sys.modules[{module!r}] = None\n")
    return {"PYTHONPATH": str(directory), "PATH": ""}


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("psutil", ["packages", "settings"]),
        ("telebot", ["packages", "settings"]),
        ("idna", ["packages", "settings"]),
        ("certifi", ["packages", "certificates", "settings"]),
        ("yt_dlp", ["yt-dlp", "settings"]),
    ],
)
def test_one_missing_package_hides_nothing(module: str, names: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bot.py", "--check"],
        cwd=tmp_path,
        env=hide(module, tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (78, "")
    bad = [line for line in done.stdout.splitlines() if line.startswith("critical")]
    assert [line.split()[1] for line in bad] == names


def test_bot_without_its_library_says_so_and_does_not_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bot.py"],
        cwd=tmp_path,
        env=hide("telebot", tmp_path) | {"BOT_TOKEN": "123456:" + "x" * 35},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("pyTelegramBotAPI is not installed: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
@pytest.mark.parametrize("argument", ["--check", None])
def test_machine_without_pidfds_is_refused(
    number: int, argument: str | None, tmp_path: Path
) -> None:
    """Kernels before 5.3 have none, and old seccomp profiles forbid what they do not know."""
    program = [str(ROOT / "bot.py"), *([argument] if argument else [])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.without_pidfds", str(number), *program],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "BOT_TOKEN": TOKEN}
        | {"TELEGRAM_API_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 78
    said = done.stdout if argument else done.stderr
    assert f"pidfd_open does not work ({os.strerror(number)})" in " ".join(said.split())
    assert "Linux 5.3 or newer" in " ".join(said.split())


@pytest.mark.parametrize("module", ["yt_dlp_ejs", "Cryptodome", "brotli", "curl_cffi"])
def test_missing_extra_of_ytdlp_is_named(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in hide(module, tmp_path).items():
        monkeypatch.setenv(name, value)
    found = programs.check_ytdlp()
    assert found.level is Level.WARNING
    assert f" without its extras {module}: " in found.text


# ------------------------------------------------------------------------------------- machine


@pytest.mark.parametrize("path", ["/proc/fetchbot", "/proc"])
def test_data_dir_that_cannot_be_written_fails(path: str) -> None:
    found = check.check_data_dir(Path(path))
    assert found.level is Level.CRITICAL
    assert f"{path} cannot be written" in found.text


@pytest.mark.skipif(as_root(), reason="root may write everywhere")
def test_data_dir_without_permission_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert check.check_data_dir(tmp_path).level is Level.CRITICAL


# ------------------------------------------------------------------------------------ programs


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Makes PATH an empty directory, and puts programs there that print what they are told."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))

    def put(name: str, output: str) -> None:
        path = directory / name
        path.write_text(f"#!/bin/sh\necho '{output}'\nexit 1\n")
        path.chmod(0o755)

    return put


Install = Callable[[str, str], None]


def test_missing_ffmpeg_is_a_warning(install: Install) -> None:
    found = programs.check_ffmpeg()
    assert (found.name, found.level) == ("ffmpeg", Level.WARNING)
    assert found.text.startswith("ffmpeg and ffprobe not found, ")
    assert found.text.endswith(": apt install ffmpeg")


def test_ffmpeg_says_its_version(install: Install, tmp_path: Path) -> None:
    install("ffmpeg", "ffmpeg version 7.1-2 Copyright")
    install("ffprobe", "ffprobe version 7.1-2 Copyright")
    at = f"{tmp_path}/bin"
    said = f"ffmpeg 7.1-2 at {at}/ffmpeg, ffprobe 7.1-2 at {at}/ffprobe"
    assert programs.check_ffmpeg() == ok("ffmpeg", said)


def test_a_broken_ffprobe_is_a_warning(install: Install, tmp_path: Path) -> None:
    install("ffmpeg", "ffmpeg version 7.1-2 Copyright")
    install("ffprobe", "Segmentation fault")
    found = programs.check_ffmpeg()
    assert (found.name, found.level) == ("ffmpeg", Level.WARNING)
    assert f"{tmp_path}/bin/ffprobe does not say its version" in found.text


# --------------------------------------------------------------------------------------- token


@pytest.mark.parametrize(
    ("error", "level", "word"),
    [
        (TelegramUnauthorized("401"), Level.CRITICAL, "@BotFather"),
        (TelegramUnreachable("timed out"), Level.CRITICAL, "timed out"),
        (TelegramBusy(17.0), Level.WARNING, "17 s"),
        (JobError(Reason.INTERNAL, Fault.PERMANENT, "getMe: 418"), Level.CRITICAL, "418"),
    ],
)
def test_token_failures(error: Exception, level: Level, word: str, settings: Settings) -> None:
    def ask(_: Settings) -> str:
        raise error

    found = check.check_token(settings, ask)
    assert found.level is level
    assert word in found.text


class _BotApi(http.server.BaseHTTPRequestHandler):
    """Just enough of a Bot API server to be asked who the bot is."""

    def do_GET(self) -> None:
        known = self.path.startswith(f"/bot{TOKEN}/getMe")
        answer = (
            {"ok": True, "result": {"id": 123456789, "is_bot": True, "username": "a_bot"}}
            if known
            else {"ok": False, "error_code": 401, "description": "Unauthorized"}
        )
        body = json.dumps(answer).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        pass


@pytest.fixture
def api_url() -> Iterator[str]:
    with answering(_BotApi) as url:
        yield url


_MAIN = """
import os, sys
from maintenance.check import main
from worker.settings import load_settings
sys.exit(main(load_settings(os.environ)))
"""


@pytest.mark.parametrize(
    ("token", "code", "line"),
    [
        (TOKEN, 0, "ok       token          @a_bot at http://127.0.0.1:"),
        (TOKEN.replace("1234", "4321"), 78, "critical token          http://127.0.0.1:"),
    ],
)
def test_whole_check_as_a_process(
    token: str, code: int, line: str, api_url: str, tmp_path: Path
) -> None:
    environ = os.environ | {
        "BOT_TOKEN": token,
        "TELEGRAM_API_URL": api_url,
        "DATA_DIR": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _MAIN],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1].startswith(line), done.stdout + done.stderr
    assert done.returncode == code
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("stdout", "ending"),
    [
        ("| true", (0, "")),
        (">/dev/full", (78, "This cannot be printed: No space left on device\n")),
    ],
)
@pytest.mark.parametrize("option", ["--check", "--version"])
def test_exit_code_is_its_own_wherever_the_words_go(
    option: str, stdout: str, ending: tuple[int, str], api_url: str, tmp_path: Path
) -> None:
    environ = {
        **os.environ,
        "BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": api_url,
        "DATA_DIR": str(tmp_path / "data"),
    }
    # -E: where PYTHONUNBUFFERED is set, nothing is left for the end.
    script = f'{{ "$0" -E bot.py {option}; echo $? >&3; }} 3>"$1" {stdout}'
    code = tmp_path / "code"
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, str(code)],
        cwd=ROOT,
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (int(code.read_text()), done.stderr) == ending


def test_check_that_is_interrupted_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "run_checks", interrupt)
    assert check.main(settings) == 130
    assert capsys.readouterr() == ("", "interrupted\n")
