"""Settings: what is read from where, what is refused, and that no message shows a secret."""

import dataclasses
import ipaddress
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.settings_table import rows
from worker.logs import redact
from worker.settings import VARIABLES, Settings, SettingsError, dotenv, load_settings
from worker.settings.settings import CLOUD_API_URL
from worker.settings.variables import Variable

ROOT = Path(__file__).parents[2]
SECRET = "AAFakeFakeFakeFakeFakeFakeFakeFake0"
TOKEN = f"123456789:{SECRET}"
OTHER_TOKEN = "987654321:BBOtherOtherOtherOtherOtherOther00"


def load(environ: Mapping[str, str] | None = None, dotenv_file: Path | None = None) -> Settings:
    return load_settings({"BOT_TOKEN": TOKEN} | dict(environ or {}), dotenv_file)


def problems(environ: Mapping[str, str], dotenv_file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, dotenv_file)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value) + repr(caught.value)
    return caught.value.problems


DEFAULTS: dict[str, Any] = {
    "telegram_api_url": CLOUD_API_URL,
    "telegram_api_local": False,
    "download_workers": 2,
    "telegram_workers": 4,
    "download_memory_mib": 512,
    "telegram_memory_mib": 256,
    "download_max_jobs": 50,
    "telegram_max_jobs": 100,
    "worker_max_age_s": 3600,
    "max_file_mb": 50,
    "allowed_users": frozenset(),
    "admins": frozenset(),
    "user_max_running": 1,
    "chat_max_running": 2,
    "user_max_waiting": 20,
    "user_links_per_minute": 20,
    "user_links_per_hour": 100,
    "user_links_per_day": 500,
    "download_timeout_s": 60,
    "download_idle_timeout_s": 60,
    "download_job_timeout_s": 580,
    "telegram_job_timeout_s": 30,
    "queue_retry_after_s": 120,
    "job_max_attempts": 3,
    "orphan_max_age_s": 7200,
    "shutdown_grace_s": 30,
    "allowed_networks": (),
    "proxy": None,
    "cookies_file": None,
    "warnings": (),
}


def test_token_is_all_that_must_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = {**DEFAULTS, "bot_token": TOKEN, "data_dir": tmp_path / "data"}
    assert dataclasses.asdict(load()) == expected


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("TELEGRAM_API_URL", "http://127.0.0.1:8081/", "telegram_api_url", "http://127.0.0.1:8081"),
        ("DATA_DIR", "/srv/bot", "data_dir", Path("/srv/bot")),
        ("DOWNLOAD_WORKERS", "1", "download_workers", 1),
        ("TELEGRAM_WORKERS", " 64 ", "telegram_workers", 64),
        ("WORKER_MAX_AGE", "2.5", "worker_max_age_s", 2.5),
        ("QUEUE_RETRY_AFTER", "0", "queue_retry_after_s", 0),
        ("MAX_FILE_MB", "20", "max_file_mb", 20),
        ("ALLOWED_USERS", "7, 8,8 9", "allowed_users", frozenset({7, 8, 9})),
        ("ADMINS", "7000000000", "admins", frozenset({7000000000})),
        ("PROXY", "socks5h://me:pass@host:1080", "proxy", "socks5h://me:pass@host:1080"),
        ("COOKIES_FILE", "/srv/cookies", "cookies_file", Path("/srv/cookies")),
        (
            "ALLOWED_NETWORKS",
            "10.0.0.0/8,fd00::/8",
            "allowed_networks",
            (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")),
        ),
        ("DOWNLOAD_WORKERS", "", "download_workers", 2),
    ],
)
def test_allowed_text_becomes_a_value(name: str, text: str, field: str, value: object) -> None:
    assert getattr(load({name: text}), field) == value


@pytest.mark.parametrize("word", ["on", "TRUE", "yes", "1"])
def test_local_server_raises_the_file_limit(word: str) -> None:
    environ = {"TELEGRAM_API_LOCAL": word, "TELEGRAM_API_URL": "http://localhost:8081"}
    assert load(environ).max_file_mb == 2000
    assert load(environ | {"MAX_FILE_MB": "300"}).max_file_mb == 300


LOCAL = {"TELEGRAM_API_LOCAL": "on", "TELEGRAM_API_URL": "http://localhost:8081"}


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 580),
        ({"MAX_FILE_MB": "10"}, 260),
        ({"DOWNLOAD_TIMEOUT": "30"}, 490),
        (LOCAL, 4180),
        (LOCAL | {"DOWNLOAD_TIMEOUT": "1800"}, 7200),  # no longer than a directory is left alone
        ({"ORPHAN_MAX_AGE": "60"}, 60),
        ({"DOWNLOAD_JOB_TIMEOUT": "120"}, 120),
    ],
)
def test_a_job_may_take_what_the_largest_answer_explains(
    environ: dict[str, str], seconds: float
) -> None:
    assert load(environ).download_job_timeout_s == seconds


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BOT_TOKEN", "hello"),
        ("BOT_TOKEN", f"123:{SECRET}"),
        ("BOT_TOKEN", f"bot{TOKEN}"),
        ("TELEGRAM_API_URL", "ftp://example.com"),
        ("TELEGRAM_API_URL", "api.telegram.org"),
        ("TELEGRAM_API_URL", f"http://user:{SECRET}@host"),
        ("TELEGRAM_API_URL", f"http://host/?token={TOKEN}"),
        ("TELEGRAM_API_URL", "http://host:99999"),
        ("TELEGRAM_API_LOCAL", "maybe"),
        ("DATA_DIR", "~no-such-user/data"),
        ("DOWNLOAD_WORKERS", "0"),
        ("DOWNLOAD_WORKERS", "two"),
        ("DOWNLOAD_WORKERS", "1_0"),
        ("DOWNLOAD_WORKERS", "2.0"),
        ("DOWNLOAD_WORKERS", "٣"),
        ("TELEGRAM_MEMORY_MB", "-256"),
        ("JOB_MAX_ATTEMPTS", "999999999999999999999"),
        ("DOWNLOAD_TIMEOUT", "60s"),
        ("DOWNLOAD_TIMEOUT", "nan"),
        ("DOWNLOAD_TIMEOUT", "inf"),
        ("DOWNLOAD_TIMEOUT", "1e3"),
        ("SHUTDOWN_GRACE", "-1"),
        ("MAX_FILE_MB", "51"),
        ("MAX_FILE_MB", "2001"),
        ("ALLOWED_USERS", "@somebody"),
        ("ADMINS", "-100123"),
        ("ADMINS", TOKEN),
        ("ADMINS", "1\n2;\x1b[2J"),
        ("ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("ALLOWED_NETWORKS", "localhost"),
        ("PROXY", f"http://user:{SECRET}@host"),
        ("PROXY", f"gopher://user:{SECRET}@host:70"),
        ("DOWNLOAD_MEMORY_MB", "64"),
        ("DOWNLOAD_MEMORY_MB", "127"),
        ("DOWNLOAD_JOB_TIMEOUT", "59"),
        ("ORPHAN_MAX_AGE", "59"),
        ("DOWNLOAD_WORKERS", "x" * 5000),
    ],
)
def test_wrong_text_is_one_line_that_names_the_variable(name: str, text: str) -> None:
    (line,) = problems({"BOT_TOKEN": TOKEN} | {name: text})
    assert line.startswith(name)
    assert "allowed is " in line
    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize("name", ["BOT_TOKEN", "PROXY"])
def test_secret_value_is_never_shown(name: str) -> None:
    (line,) = problems({"BOT_TOKEN": TOKEN} | {name: "my-hidden-value"})
    assert "hidden-value" not in line
    assert "not shown" in line


def test_all_problems_are_reported_at_once() -> None:
    lines = problems({"DOWNLOAD_WORKERS": "0", "ADMINS": "me"})
    assert [re.split(r"\W", line)[0] for line in lines] == [
        "BOT_TOKEN",
        "DOWNLOAD_WORKERS",
        "ADMINS",
    ]


def test_local_without_a_server_of_its_own_is_refused() -> None:
    (line,) = problems({"BOT_TOKEN": TOKEN, "TELEGRAM_API_LOCAL": "on"})
    assert "TELEGRAM_API_URL" in line


# ---------------------------------------------------------------------------- the token's file


def test_token_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert load_settings({"BOT_TOKEN_FILE": str(tmp_path / "token")}).bot_token == TOKEN


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"not a token " + SECRET.encode()])
def test_token_file_without_a_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    (line,) = problems({"BOT_TOKEN_FILE": str(tmp_path / "token")})
    assert line.startswith("BOT_TOKEN")


@pytest.mark.parametrize("path", ["missing", ".", "~no-such-user/x", TOKEN])
def test_token_file_that_cannot_be_read_is_named(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (line,) = problems({"BOT_TOKEN_FILE": path})
    assert line.startswith("BOT_TOKEN_FILE=")


def test_token_given_twice_in_one_place_is_refused() -> None:
    (line,) = problems({"BOT_TOKEN": TOKEN, "BOT_TOKEN_FILE": "/run/secrets/token"})
    assert "one of them" in line


@pytest.mark.parametrize(
    ("in_environment", "in_dotenv"),
    [("BOT_TOKEN", "BOT_TOKEN_FILE"), ("BOT_TOKEN_FILE", "BOT_TOKEN")],
)
def test_token_of_the_environment_wins(in_environment: str, in_dotenv: str, tmp_path: Path) -> None:
    texts = {}
    for name, token in ((in_environment, TOKEN), (in_dotenv, OTHER_TOKEN)):
        (tmp_path / f"{name}.txt").write_text(token)
        texts[name] = str(tmp_path / f"{name}.txt") if name.endswith("FILE") else token
    (tmp_path / ".env").write_text(f"{in_dotenv}={texts[in_dotenv]}\n")
    environ = {in_environment: texts[in_environment]}
    assert load_settings(environ, tmp_path / ".env").bot_token == TOKEN


# ----------------------------------------------------------------------------------- the .env


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("A=1\r\n", "1"),
        ("  A = 1  ", "1"),
        ("A=", ""),
        ("A=a=b==", "a=b=="),
        ("A=a#b", "a#b"),
        ("A=a # b", "a"),
        ("A=# b", ""),
        ("A='a # b'", "a # b"),
        ("A='a\\' # b", "a\\"),
        ('A="a \\" \\\\ b" # c', 'a " \\ b'),
        ("A=$HOME `id` ${X}", "$HOME `id` ${X}"),
        ("A='it''s", None),
        ("A='open", None),
        ('A="open\\"', None),
        ('A="a" b', None),
        ("just words", None),
        ("9A=1", None),
        ("=1", None),
    ],
)
def test_dotenv_line(text: str, value: str | None) -> None:
    lines, malformed = dotenv.parse(f"# first\n\n{text}")
    if value is None:
        assert (lines, malformed) == ([], [3])
    else:
        assert malformed == []
        assert [(line.name, line.value) for line in lines] == [("A", value)]


def test_dotenv_may_begin_with_a_byte_order_mark() -> None:
    lines, malformed = dotenv.parse("\ufeffA=1\r\n")
    assert ([line.name for line in lines], malformed) == (["A"], [])


@given(st.text())
def test_dotenv_parser_takes_any_text(text: str) -> None:
    lines, malformed = dotenv.parse(text)
    numbers = [line.number for line in lines] + malformed
    assert len(set(numbers)) == len(numbers)


def test_environment_wins_over_dotenv(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DOWNLOAD_WORKERS=5\nTELEGRAM_WORKERS=6\nTELEGRAM_WORKERS=7\n")
    settings = load({"DOWNLOAD_WORKERS": "3"}, file)
    assert (settings.download_workers, settings.telegram_workers) == (3, 7)


def test_missing_dotenv_is_no_mistake(tmp_path: Path) -> None:
    assert load({}, tmp_path / ".env").warnings == ()


def test_malformed_dotenv_line_is_named_by_number_only(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BOT_TOKEN={TOKEN}\n{SECRET} oops\n")
    (line,) = problems({}, tmp_path / ".env")
    assert "line 2" in line
    assert "oops" not in line


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda p: p.write_bytes(b"A=\xff")])
def test_unreadable_dotenv_is_an_error(make: Any, tmp_path: Path) -> None:
    make(tmp_path / ".env")
    (line,) = problems({"BOT_TOKEN": TOKEN}, tmp_path / ".env")
    assert line.startswith(str(tmp_path / ".env"))


def test_wrong_value_in_dotenv_is_named_by_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\nADMINS=me\n")
    (line,) = problems({"BOT_TOKEN": TOKEN}, tmp_path / ".env")
    assert ".env line 2" in line


def test_misspelt_name_in_dotenv_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("DOWNLOAD_WORKER=1\ndownload_timeout=5\nUNRELATED=1\n")
    file.chmod(0o600)
    first, second = load({}, file).warnings
    assert "DOWNLOAD_WORKERS" in first
    assert "DOWNLOAD_TIMEOUT" in second


def test_dotenv_with_a_token_that_everyone_may_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"BOT_TOKEN={TOKEN}\n")
    file.chmod(0o644)
    (warning,) = load({}, file).warnings
    assert "chmod 600" in warning
    file.chmod(0o600)
    assert load({}, file).warnings == ()


# -------------------------------------------------------------------------- what others rely on


def test_no_text_of_the_settings_shows_a_secret() -> None:
    settings = load({"PROXY": "http://me:pass%20word@host:1"})
    assert SECRET not in repr(settings)
    assert "word" not in repr(settings)
    assert settings.secrets == (TOKEN, SECRET, "pass%20word", "pass word")


def test_settings_travel_to_other_processes() -> None:
    settings = load({"ALLOWED_NETWORKS": "10.0.0.0/8"})
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_env_example_names_every_setting_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    lines, malformed = dotenv.parse(re.sub(r"(?m)^#(?=[A-Z_]+=)", "", text))
    assert malformed == []
    shown = {line.name: line.value for line in lines}
    expected = {variable.name: variable.default_text for variable in VARIABLES}
    assert shown == expected | {"BOT_TOKEN_FILE": ""}


def test_env_example_with_a_token_is_valid(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    (tmp_path / ".env").write_text(text.replace("BOT_TOKEN=\n", f"BOT_TOKEN={TOKEN}\n"))
    assert load_settings({}, tmp_path / ".env").bot_token == TOKEN


def test_readme_has_the_table_of_settings() -> None:
    readme = (ROOT / "README.md").read_text("utf-8").splitlines()
    missing = [row for row in rows() if row not in readme]
    assert not missing, "python -m tests.support.settings_table prints the table as it should be"


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_what_is_allowed_survives_what_makes_logs_harmless(variable: Variable) -> None:
    assert redact(variable.kind.allowed) == variable.kind.allowed
    with pytest.raises(SettingsError) as caught:
        load_settings({"BOT_TOKEN": TOKEN, variable.name: "\0"}, None)
    assert f"allowed is {variable.kind.allowed}" in redact(str(caught.value))


@pytest.mark.parametrize("mode", [0o600, 0o604])
def test_token_file_that_everyone_may_read_is_warned_of(mode: int, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(mode)
    warnings = load_settings({"BOT_TOKEN_FILE": str(file)}, None).warnings
    assert warnings == ((f"everyone may read {file}: chmod 600 it",) if mode & 0o004 else ())


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "EIO")])
def test_token_in_a_file_that_cannot_be_read_is_not_said_to_be_missing(
    error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_text(*_: object) -> str:
        raise error

    monkeypatch.setattr(Path, "read_text", read_text)
    (problem,) = problems({}, tmp_path / ".env")
    assert problem.startswith(f"{tmp_path / '.env'} cannot be read")
    assert problem.endswith(str(error.strerror))
    assert ("not this user's" in problem) is isinstance(error, PermissionError)
