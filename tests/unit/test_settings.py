"""Settings: what is read from where, what is refused, and that no message shows a secret."""

import codecs
import dataclasses
import ipaddress
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.settings_kit import OTHER_TOKEN, SECRET, TOKEN, load, problems
from tests.support.settings_table import default_text, rows
from worker.dispatch.pool_specs import judge_rules, telegram_connection
from worker.log_formats import LogFormat
from worker.logs import redact
from worker.settings import VARIABLES, SettingsError, YtDlpUpdates, dotenv, load_settings
from worker.settings.settings import CLOUD_API_URL
from worker.settings.variables import Variable

ROOT = Path(__file__).parents[2]
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
    "playlist_max": 50,
    "live_max_minutes": 0,
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
    "telegram_proxy": None,
    "download_proxy": None,
    "cookies_file": None,
    "ytdlp_plugins": (),
    "ytdlp_plugin_endpoints": (),
    "ytdlp_update": YtDlpUpdates.OFF,
    "daily_summary": True,
    "health_url": None,
    "health_listen": None,
    "health_listen_anywhere": False,
    "log_format": LogFormat.TEXT,
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
        ("YTDLP_PLUGINS", "Plugin_one, plugin.two", "ytdlp_plugins", ("plugin-one", "plugin-two")),
        (
            "HEALTH_URL",
            "https://h.example/k/s?create=1",
            "health_url",
            "https://h.example/k/s?create=1",
        ),
        ("HEALTH_LISTEN", "127.0.0.9:80", "health_listen", ("127.0.0.9", 80)),
        ("HEALTH_LISTEN", "[::1]:80", "health_listen", ("::1", 80)),
        ("DOWNLOAD_WORKERS", "", "download_workers", 2),
    ],
)
def test_allowed_text_becomes_a_value(name: str, text: str, field: str, value: object) -> None:
    assert getattr(load({name: text}), field) == value


def test_endpoints_are_hosts_with_a_port() -> None:
    text = "127.0.0.1:4416 [::1]:80,Provider.internal:4416"
    found = load({"YTDLP_PLUGINS": "a", "YTDLP_PLUGIN_ENDPOINTS": text}).ytdlp_plugin_endpoints
    assert found == (("127.0.0.1", 4416), ("::1", 80), ("provider.internal", 4416))
    assert problems({"BOT_TOKEN": TOKEN, "YTDLP_PLUGIN_ENDPOINTS": text}), "nobody reaches them"


@pytest.mark.parametrize("address", ["0.0.0.0:9100", "[::]:9100", "192.168.7.1:9100"])
def test_others_reach_the_page_of_health_only_if_that_is_said_twice(address: str) -> None:
    listen = {"HEALTH_LISTEN": address}
    (problem,) = problems({"BOT_TOKEN": TOKEN, **listen})
    assert "HEALTH_LISTEN_ANYWHERE=on" in problem
    assert load({**listen, "HEALTH_LISTEN_ANYWHERE": "on"}).health_listen


def test_the_path_of_the_ping_url_is_a_secret() -> None:
    settings = load({"HEALTH_URL": "https://h.example/0a1b2c3d-key"})
    assert "0a1b2c3d-key" not in repr(settings)
    assert redact("POST /0a1b2c3d-key/fail", settings.secrets) == "POST /[redacted]/fail"


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
def test_a_job_may_take_what_the_largest_answer_needs(
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
        ("YTDLP_PLUGINS", "../plugin"),
        ("YTDLP_PLUGINS", "a-"),
        ("YTDLP_PLUGIN_ENDPOINTS", "127.0.0.1"),
        ("YTDLP_PLUGIN_ENDPOINTS", "127.0.0.1:0"),
        ("YTDLP_PLUGIN_ENDPOINTS", "127.0.0.1:65536"),
        ("YTDLP_PLUGIN_ENDPOINTS", "127.1:80"),
        ("YTDLP_PLUGIN_ENDPOINTS", "::1:80"),
        ("YTDLP_PLUGIN_ENDPOINTS", "http://127.0.0.1:80"),
        ("YTDLP_PLUGIN_ENDPOINTS", "127.0.0.1:80/x"),
        ("YTDLP_PLUGIN_ENDPOINTS", "ada@127.0.0.1:80"),
        ("YTDLP_PLUGIN_ENDPOINTS", "a b:80"),
        ("ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("ALLOWED_NETWORKS", "localhost"),
        ("TELEGRAM_PROXY", f"http://user:{SECRET}@host"),
        ("DOWNLOAD_PROXY", "none"),
        ("PROXY", "direct"),
        ("HEALTH_URL", f"ping/{SECRET}"),
        ("HEALTH_LISTEN", "9100"),
        ("HEALTH_LISTEN", "localhost:9100"),
        ("HEALTH_LISTEN", "127.0.0.1"),
        ("PROXY", f"http://user:{SECRET}@host"),
        ("PROXY", f"gopher://user:{SECRET}@host:70"),
        ("DOWNLOAD_MEMORY_MB", "191"),
        ("TELEGRAM_MEMORY_MB", "127"),
        ("DOWNLOAD_JOB_TIMEOUT", "59"),
        ("ORPHAN_MAX_AGE", "59"),
        ("DOWNLOAD_WORKERS", "x" * 5000),
        ("DATA_DIR", "not-utf-8-\udcff"),
    ],
)
def test_wrong_text_is_one_line_that_names_the_variable(name: str, text: str) -> None:
    (line,) = problems({"BOT_TOKEN": TOKEN} | {name: text})
    assert line.startswith(name)
    assert "allowed is " in line
    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize("name", ["BOT_TOKEN", "PROXY", "TELEGRAM_PROXY", "DOWNLOAD_PROXY"])
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


@pytest.mark.parametrize("start", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("space", ["", " "])
def test_token_may_come_from_a_file(start: bytes, space: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(start + f"{TOKEN}\r\n".encode())
    path = f"{space}{tmp_path / 'token'}{space}"
    assert load_settings({"BOT_TOKEN_FILE": path}).bot_token == TOKEN


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


# -------------------------------------------------------------------------- what others rely on


def test_no_text_of_the_settings_shows_a_secret() -> None:
    settings = load({"PROXY": "http://me:pass%20word@host:1"})
    assert not [secret for secret in settings.secrets if secret in repr(settings)]
    assert settings.secrets == (TOKEN, SECRET, "pass%20word", "pass word")


APART = ("TELEGRAM_", "DOWNLOAD_")
ALL, OWN = "http://all:1", "http://own:1"


def test_the_secrets_of_all_proxies_are_known() -> None:
    proxies = {f"{name}PROXY": f"http://me:word-of-{name}@host:1" for name in ("", *APART)}
    settings = load(proxies)
    assert {"word-of-", *(f"word-of-{name}" for name in APART)} <= set(settings.secrets)
    assert "word-of-" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "to_telegram", "to_sites"),
    [
        ({}, None, None),
        ({"PROXY": ALL}, ALL, ALL),
        ({"PROXY": ALL, "TELEGRAM_PROXY": OWN}, OWN, ALL),
        ({"PROXY": ALL, "DOWNLOAD_PROXY": "direct"}, ALL, None),
        ({"PROXY": ALL, "TELEGRAM_PROXY": "Direct", "DOWNLOAD_PROXY": OWN}, None, OWN),
        ({"PROXY": ALL, "DOWNLOAD_PROXY": ""}, ALL, ALL),
        ({"DOWNLOAD_PROXY": OWN}, None, OWN),
        ({"TELEGRAM_PROXY": "direct"}, None, None),
    ],
)
def test_proxies_apart(
    environ: dict[str, str], to_telegram: str | None, to_sites: str | None
) -> None:
    settings = load(environ)
    assert telegram_connection(settings).proxy == to_telegram
    assert judge_rules(settings).proxy == to_sites


def test_the_judge_leaves_it_to_downloads_to_say_that_a_site_is_silent() -> None:
    settings = load({"DOWNLOAD_IDLE_TIMEOUT": "1"})
    assert judge_rules(settings).idle_timeout_s >= settings.download_idle_timeout_s + 1


def test_settings_travel_to_other_processes() -> None:
    settings = load({"ALLOWED_NETWORKS": "10.0.0.0/8"})
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_env_example_names_every_setting_with_its_default() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    lines, malformed = dotenv.parse(re.sub(r"(?m)^#(?=[A-Z_]+=)", "", text))
    assert malformed == []
    shown = {line.name: line.value for line in lines}
    expected = {variable.name: default_text(variable) for variable in VARIABLES}
    assert shown == expected | {"BOT_TOKEN_FILE": ""}


def test_env_example_with_a_token_is_valid(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    (tmp_path / ".env").write_text(text.replace("BOT_TOKEN=\n", f"BOT_TOKEN={TOKEN}\n"))
    assert load_settings({}, tmp_path / ".env").bot_token == TOKEN


def test_recordings_leave_a_worker_for_downloads() -> None:
    live = {"BOT_TOKEN": TOKEN, "LIVE_MAX_MINUTES": "30"}
    assert problems({**live, "DOWNLOAD_WORKERS": "1"}), "there is no other"
    assert load({"LIVE_MAX_MINUTES": "30"}).live_max_minutes == 30


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
