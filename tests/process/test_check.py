"""Checks: each thing that can be wrong on a machine is said in one line, and nothing secret is."""

import dataclasses
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bot
from maintenance import check, limits, programs
from maintenance.findings import Finding, Level, ok
from worker.errors import (
    Fault,
    JobError,
    Reason,
    TelegramBusy,
    TelegramUnauthorized,
    TelegramUnreachable,
)
from worker.settings import MEBIBYTE, Settings, SettingsError

ROOT = Path(__file__).parents[2]
SECRET = "AAFakeFakeFakeFakeFakeFakeFakeFake0"
TOKEN = f"123456789:{SECRET}"

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(bot_token=TOKEN, data_dir=tmp_path / "data")


def as_root() -> bool:
    return os.geteuid() == 0


# --------------------------------------------------------------------------------- the outcome


def test_all_checks_of_a_sound_machine_pass(
    settings: Settings, needs_ffmpeg: None, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = check.run_checks(settings, lambda _: "a_bot")
    check.print_findings(checks, settings.secrets)
    assert [found for found in checks if found.level is Level.CRITICAL] == []
    assert check.exit_code(checks) == 0
    names = [found.name for found in checks]
    assert names == [
        "settings",
        "DATA_DIR",
        "disk",
        "SHUTDOWN_GRACE",
        "Landlock",
        "ffmpeg",
        "ffprobe",
        "yt-dlp",
        "javascript",
        "token",
    ]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == names


@pytest.mark.parametrize(
    ("levels", "code"),
    [
        ([Level.OK], 0),
        ([Level.OK, Level.WARNING], 0),
        ([Level.CRITICAL, Level.OK], 78),
    ],
)
def test_exit_code_tells_only_failures(levels: list[Level], code: int) -> None:
    assert check.exit_code([Finding("x", level, "") for level in levels]) == code


def test_printed_line_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    check.print_findings([ok("x", f"{TOKEN} and my\npassword at https://h/?q=1")], ["password"])
    line = "ok       x              [redacted] and my [redacted] at https://h/?…\n"
    assert capsys.readouterr().out == line


def test_wrong_settings_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.refuse(SettingsError(("A is wrong", "B is wrong"))) == 78
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_settings_name_what_was_given_and_what_looks_odd(settings: Settings) -> None:
    odd = dataclasses.replace(settings, download_workers=1, warnings=("odd",))
    first, second = check.check_settings(odd)
    assert first.text == "valid; given: BOT_TOKEN, DATA_DIR, DOWNLOAD_WORKERS"
    assert second == Finding("settings", Level.WARNING, "odd")


# ------------------------------------------------------------------------------------- machine


def test_data_dir_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert check.check_data_dir(path).level is Level.OK
    assert [oct(made.stat().st_mode & 0o777) for made in (path.parent, path)] == ["0o700"] * 2
    assert list(path.iterdir()) == []


def test_data_dir_open_to_others_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    found = check.check_data_dir(tmp_path)
    assert found.level is Level.WARNING
    assert "chmod 700" in found.text


def test_data_dir_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        assert check.check_data_dir(path).level is Level.CRITICAL


@pytest.mark.parametrize("path", ["/proc/fetchbot", "/proc"])
def test_data_dir_that_cannot_be_written_fails(path: str) -> None:
    found = check.check_data_dir(Path(path))
    assert found.level is Level.CRITICAL
    assert f"{path} cannot be written" in found.text


@pytest.mark.skipif(as_root(), reason="root may write everywhere")
def test_data_dir_without_permission_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert check.check_data_dir(tmp_path).level is Level.CRITICAL


@pytest.mark.parametrize(
    ("total_mb", "free_mb", "level"),
    [
        (100_000, 50_000, Level.OK),
        (100_000, 9_000, Level.WARNING),
        (5_000, 950, Level.WARNING),
        (500, 99, Level.CRITICAL),
        (0, 0, Level.CRITICAL),
    ],
)
def test_free_disk(
    total_mb: int, free_mb: int, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = Usage(total_mb * MEBIBYTE, 0, free_mb * MEBIBYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert check.check_disk(tmp_path / "not" / "yet").level is level


@pytest.mark.parametrize(
    ("content", "mode", "level"),
    [
        ("# Netscape HTTP Cookie File\n", 0o600, Level.OK),
        (".host\tTRUE\t/\tTRUE\t0\tname\tsecret-value\n", 0o600, Level.OK),
        ("# Netscape HTTP Cookie File\n", 0o644, Level.WARNING),
        ('[{"name": "secret-value"}]', 0o600, Level.CRITICAL),
        ("", 0o600, Level.CRITICAL),
        (None, 0, Level.CRITICAL),
    ],
)
def test_cookies(content: str | None, mode: int, level: Level, tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    (found,) = check.check_cookies(path)
    assert found.level is level
    assert "secret-value" not in found.text


def test_socks_proxy_without_its_package_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    (found,) = check.check_proxy("socks5h://user:password@host:1080")
    assert found.level is Level.CRITICAL
    assert "password" not in found.text
    (found,) = check.check_proxy("http://user:password@host:1080")
    assert found == ok("proxy", "http://host:1080")


def test_shutdown_grace_is_compared_with_supervisor_conf(tmp_path: Path) -> None:
    assert check.check_shutdown_grace(30).level is Level.OK
    # The bot may take STOP_RESERVE_S after the grace, and shall not be killed in it.
    longest_s = 45 - bot.STOP_RESERVE_S
    assert check.check_shutdown_grace(longest_s + 1).level is Level.WARNING
    assert check.check_shutdown_grace(44).level is Level.WARNING
    found = check.check_shutdown_grace(600, tmp_path / "missing")
    assert found.level is Level.OK


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
    assert [(one.name, one.level) for one in found] == [
        ("ffmpeg", Level.WARNING),
        ("ffprobe", Level.WARNING),
    ]
    assert "apt install ffmpeg" in found[0].text


def test_ffmpeg_says_its_version(install: Install, tmp_path: Path) -> None:
    install("ffmpeg", "ffmpeg version 7.1-2 Copyright")
    install("ffprobe", "Segmentation fault")
    first, second = programs.check_ffmpeg()
    assert first == ok("ffmpeg", f"7.1-2 at {tmp_path}/bin/ffmpeg")
    assert second.level is Level.WARNING


@pytest.mark.parametrize(
    ("name", "output", "memory_mib", "level"),
    [
        ("deno", "deno 2.3.1 (stable)", 1024, Level.OK),
        ("deno", "deno 2.3.1 (stable)", 512, Level.WARNING),
        ("deno", "deno 1.46.0", 1024, Level.WARNING),
        ("node", "v22.1.0", 512, Level.OK),
        ("node", "v20.20.2", 512, Level.WARNING),
        ("bun", "1.3.0", 512, Level.OK),
        ("qjs", "QuickJS version 2024-01-13", 512, Level.OK),
        ("qjs", "QuickJS version 2021-03-27", 512, Level.WARNING),
        ("qjs", "QuickJS-ng version 0.10.0", 512, Level.OK),
        ("perl", "v99", 512, Level.WARNING),
    ],
)
def test_js_runtime(
    name: str, output: str, memory_mib: int, level: Level, install: Install
) -> None:
    install(name, output)
    assert programs.check_js_runtime(memory_mib).level is level


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        ("2026.08.19\n", Level.OK),
        ("2026.07.04.post1\n", Level.OK),
        ("2026.06.09\n", Level.CRITICAL),
        ("2026.08.19 yt_dlp_ejs\n", Level.WARNING),
        ("", Level.CRITICAL),
    ],
)
def test_ytdlp_version(answer: str, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_output", lambda *command: answer)
    assert programs.check_ytdlp().level is level


def test_oldest_ytdlp_is_the_one_that_requirements_name() -> None:
    assert f"yt-dlp[default]>={limits.YTDLP_OLDEST}\n" in (ROOT / "requirements.txt").read_text()


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
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _BotApi) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


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
        (TOKEN.replace("1234", "4321"), 78, "failed   token          http://127.0.0.1:"),
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
        timeout=50,
        check=False,
    )
    assert done.stdout.splitlines()[-1].startswith(line), done.stdout + done.stderr
    assert done.returncode == code
    assert SECRET not in done.stdout + done.stderr
