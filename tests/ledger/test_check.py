"""The checks of --check that need no program."""

import dataclasses
import errno
import os
import shlex
import shutil
import sys
import sysconfig
from collections import namedtuple
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import certifi
import pytest

import bot
from maintenance import check, limits, packages, programs
from maintenance.findings import Finding, Level, ok
from worker.downloads.confinement import network
from worker.downloads.confinement.network import Network
from worker.file_owner import owner_name
from worker.ledger import Ledger, ledger_path
from worker.settings import MEBIBYTE, Settings, SitesFile

ROOT = Path(__file__).parents[2]
SECRET = "AAFakeFakeFakeFakeFakeFakeFakeFake0"
TOKEN = f"123456789:{SECRET}"

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(bot_token=TOKEN, data_dir=tmp_path / "data")


# --------------------------------------------------------------------------------- the outcome


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


def test_wrong_settings_are_a_line_each(settings: Settings) -> None:
    odd = dataclasses.replace(settings, warnings=("odd",))
    found = [(one.level, one.text) for one in check.check_settings(odd, ("A is wrong", "B too"))]
    wrong = Level.CRITICAL
    assert found == [(wrong, "A is wrong"), (wrong, "B too"), (Level.WARNING, "odd")]


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


def test_what_is_to_be_typed_takes_paths_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "Ada's $HOME"
    odd.mkdir(mode=0o755)
    (odd / "cookies.txt").write_text("# Netscape HTTP Cookie File\n")
    (odd / "cookies.txt").chmod(0o644)
    monkeypatch.setattr(sys, "executable", str(odd / "python"))
    (cookies,) = check.check_cookies(odd / "cookies.txt")
    typed = [check.check_data_dir(odd).text, cookies.text]
    assert [shlex.split(text.rpartition(": ")[2]) for text in typed] == [
        ["chmod", "700", str(odd)],
        ["chmod", "600", str(odd / "cookies.txt")],
    ]
    monkeypatch.setattr(sys, "prefix", "/venv")
    assert shlex.split(packages.how_to_install())[0] == str(odd / "python")


def test_data_dir_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        assert check.check_data_dir(path).level is Level.CRITICAL


def test_what_root_has_left_in_data_dir_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    for name in ("tmp", "downloads/1-1", "cookies", "ytdlp"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("lock", "ends", "sites.toml"):
        (tmp_path / name).touch()
    assert check.check_data_dir(tmp_path).level is Level.OK
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    monkeypatch.setattr(os, "access", lambda path, _mode: path.name in ("lock", "downloads"))
    found = check.check_data_dir(tmp_path)
    assert found.level is Level.CRITICAL
    assert found.text.startswith("tmp, ends, cookies in it cannot be written")
    assert found.text.endswith(f": chown -R {owner_name(65534)} {tmp_path}")


@pytest.mark.parametrize(
    ("total_mb", "free_mb", "level"),
    [
        (100_000, 50_000, Level.OK),
        (100_000, 9_000, Level.CRITICAL),
        (5_000, 950, Level.CRITICAL),
        (0, 0, Level.CRITICAL),
    ],
)
def test_free_disk(
    total_mb: int, free_mb: int, level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = Usage(total_mb * MEBIBYTE, 0, free_mb * MEBIBYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    settings = Settings(bot_token="", data_dir=tmp_path / "not" / "yet")
    assert check.check_disk(settings).level is level


def test_disk_without_room_for_files_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = Usage(100_000 * MEBIBYTE, 0, 50_000 * MEBIBYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_files=10**6, f_favail=1))
    found = check.check_disk(Settings(bot_token="", data_dir=tmp_path))
    assert found.level is Level.CRITICAL
    assert "only 1 more file can be made (df -i)" in found.text


@pytest.mark.parametrize(
    ("content", "mode", "level"),
    [
        ("# Netscape HTTP Cookie File\n", 0o600, Level.OK),
        (".host\tTRUE\t/\tTRUE\t0\tname\tsecret-value\n", 0o600, Level.OK),
        ("# Netscape HTTP Cookie File\n", 0o644, Level.WARNING),
        ("#HttpOnly_.host\tTRUE\t/\tTRUE\t0\tname\tsecret-value\n", 0o600, Level.OK),
        ("# Netscape\n.host TRUE / TRUE 0 name secret-value\n", 0o600, Level.CRITICAL),
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


@pytest.mark.parametrize(
    ("text", "level", "words"),
    [
        (None, None, ""),
        ("", None, ""),
        ('["a.example"]\noff = true\n["b.example"]', Level.OK, "names a.example (off), b.example"),
        ('["youtub.com"]', Level.WARNING, "line 1: youtub.com is not known; did you mean"),
        ('\n["a.example"]\ndownloads = 0', Level.CRITICAL, "line 3: downloads='0'"),
        ('["a.example"]\ncookies = "none.txt"', Level.CRITICAL, "a.example: "),
        (
            f'["a.example"]\nproxy = "http://a:{SECRET}@b:1"',
            Level.WARNING,
            "contains secrets and everyone may read it",
        ),
    ],
)
def test_settings_of_sites(
    text: str | None, level: Level | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "sites.toml"
    if text is not None:
        path.write_text(text)
        path.chmod(0o644)
    found = check.check_sites(SitesFile((path,)))
    assert max((finding.level for finding in found), default=None) == level
    assert not found or words in " ".join(finding.text for finding in found)
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("domain", "expires", "words"),
    [
        (".a.example", 0, ""),
        (".b.example", 0, "a.example: {jar} has no cookies of this site: export them again"),
        (".a.example", 1, "a.example: the cookies in {jar} have expired: export them again"),
    ],
)
def test_a_site_whose_file_has_no_cookies_for_it(
    domain: str, expires: int, words: str, tmp_path: Path
) -> None:
    jar = tmp_path / "jar.txt"
    jar.write_text(f"{domain}\tTRUE\t/\tTRUE\t{expires}\tname\tvalue\n")
    jar.chmod(0o600)
    (tmp_path / "sites.toml").write_text('["a.example"]\ncookies = "jar.txt"\n')
    _, *found = check.check_sites(SitesFile((tmp_path / "sites.toml",)))
    assert [(one.level, one.text) for one in found] == (
        [(Level.WARNING, words.format(jar=jar))] if words else []
    )


def test_all_faults_of_the_settings_of_sites_fail(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "sites.toml").write_text('["a.example"]\ndownloads = 0\noff = 1\n')
    found = check.check_sites(SitesFile.beside(settings.data_dir, Path(".env")))
    assert [one.level for one in found] == [Level.CRITICAL] * 2


SOCKS = "socks5h://user:password@host:1080"


@pytest.mark.parametrize(
    ("given", "level", "purpose"),
    [
        ({"proxy": SOCKS}, Level.CRITICAL, "for Telegram"),
        ({"telegram_proxy": SOCKS}, Level.CRITICAL, "for Telegram"),
        (
            {"proxy": SOCKS, "telegram_proxy": "direct", "health_url": "https://a.example/x"},
            Level.CRITICAL,
            "for HEALTH_URL",
        ),
        ({"proxy": SOCKS, "telegram_proxy": "direct"}, Level.WARNING, "for updates of yt-dlp"),
        ({"download_proxy": SOCKS}, Level.WARNING, "for updates of yt-dlp"),
    ],
)
def test_socks_proxy_without_its_package(
    given: dict[str, Any], level: Level, purpose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    (found,) = check.check_proxies(Settings(bot_token="", **given))
    assert found.level is level
    assert purpose in found.text
    assert found.text.endswith(" -m pip install PySocks")
    assert "password" not in found.text


def test_socks_proxy_that_nothing_uses_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    unused = Settings(bot_token="", proxy=SOCKS, telegram_proxy="direct", download_proxy="direct")
    assert check.check_proxies(unused) == []


def test_proxies_are_named_without_their_logins() -> None:
    one, other = "http://user:password@one:1080", "http://user:password@other:1080"
    assert check.check_proxies(Settings(bot_token="")) == []
    settings = Settings(bot_token="", proxy=one)
    assert check.check_proxies(settings) == [ok("proxy", "http://one:1080")]
    both = "to Telegram http://one:1080, for downloads http://other:1080"
    settings = Settings(bot_token="", telegram_proxy=one, download_proxy=other)
    assert check.check_proxies(settings) == [ok("proxy", both)]


def test_shutdown_grace_is_compared_with_supervisor_conf(tmp_path: Path) -> None:
    shipped = [check.StopLimit(ROOT / "supervisor.conf", "program:fetchbot", "stopwaitsecs")]
    assert check.check_shutdown_grace(30, shipped).level is Level.OK
    # The bot may take DISPATCHER_STOP_S after the grace, and shall not be killed in it.
    longest_s = 45 - bot.DISPATCHER_STOP_S
    assert check.check_shutdown_grace(longest_s + 1, shipped).level is Level.WARNING
    found = check.check_shutdown_grace(44, shipped)
    assert found.level is Level.WARNING
    assert str(ROOT / "supervisor.conf") in found.text
    missing = check.StopLimit(tmp_path / "missing", "program:fetchbot", "stopwaitsecs")
    assert check.check_shutdown_grace(600, [missing]).level is Level.OK


@pytest.mark.parametrize(("timeout_s", "level"), [(75, Level.OK), (45, Level.WARNING)])
def test_shutdown_grace_is_compared_with_what_is_installed(
    timeout_s: int, level: Level, tmp_path: Path
) -> None:
    unit = tmp_path / "fetchbot.service"
    unit.write_text(f"[Service]\nType=notify\nType=notify\nTimeoutStopSec={timeout_s}\n")
    conf = tmp_path / "supervisor.conf"
    conf.write_text("[program:fetchbot]\nstopwaitsecs=60\n")
    found = check.check_shutdown_grace(
        60,
        [
            check.StopLimit(tmp_path / "missing", "program:fetchbot", "stopwaitsecs"),
            check.StopLimit(unit, "Service", "TimeoutStopSec"),
            check.StopLimit(conf, "program:fetchbot", "stopwaitsecs"),
        ],
    )
    assert found.level is level
    assert str(unit) in found.text


# ------------------------------------------------------------------------------------ programs


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
    monkeypatch.setattr(programs, "output_of", lambda *command: answer)
    assert programs.check_ytdlp().level is level


def test_extras_of_ytdlp_are_those_that_it_names() -> None:
    names = {"brotli", "curl-cffi", "mutagen", "pycryptodomex", "requests", "urllib3", "websockets"}
    named = " ".join(metadata.requires("yt-dlp") or ())
    assert [name for name in sorted(names) if name not in named] == []


@pytest.mark.parametrize(
    ("is_venv", "has_venv", "is_managed", "has_ensurepip", "words"),
    [
        (True, True, True, True, "pip install -r requirements.txt"),
        (False, True, True, True, "type .venv/bin/python"),
        (False, False, False, False, "pip install -r requirements.txt"),
        (False, False, True, True, "python3 -m venv .venv && .venv/bin/pip install -r"),
        (False, False, True, False, "apt install python3-venv && python3 -m venv .venv && "),
    ],
)
def test_packages_are_installed_as_this_python_allows(
    is_venv: bool,
    has_venv: bool,
    is_managed: bool,
    has_ensurepip: bool,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "prefix", "/venv" if is_venv else sys.base_prefix)
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: tmp_path)
    monkeypatch.setattr(packages, "find_spec", lambda name: has_ensurepip or None)
    if has_venv:
        (tmp_path / ".venv" / "bin").mkdir(parents=True)
        (tmp_path / ".venv" / "bin" / "python").touch()
    if is_managed:
        (tmp_path / "EXTERNALLY-MANAGED").touch()
    assert words in packages.how_to_install()


@pytest.mark.parametrize("size", [0, 300, None])
def test_certificates_that_are_damaged_fail(
    size: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert packages.check_certificates().level is Level.OK
    path = tmp_path / "cacert.pem"
    if size is not None:
        path.write_bytes(Path(certifi.where()).read_bytes()[:size])
    monkeypatch.setattr(certifi, "where", lambda: str(path))
    found = packages.check_certificates()
    assert found.level is Level.CRITICAL
    assert found.text.endswith("pip install --force-reinstall certifi")


def test_package_that_is_damaged_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert packages.check_packages().level is Level.OK
    (tmp_path / "damaged.py").write_text("class (")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(packages, "_MODULES", {"whole": "json", "Damaged": "damaged"})
    assert packages.check_packages().text.startswith("no Damaged: ")


def test_package_that_is_half_removed_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert packages.missing_packages() == ()
    (tmp_path / "half_removed").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    modules = {"whole": "json", "Half": "half_removed", "None": "no_such_module"}
    monkeypatch.setattr(packages, "_MODULES", modules)
    named = [sentence.partition(":")[0] for sentence in packages.missing_packages()]
    assert named == ["Half is not installed", "None is not installed"]


def test_oldest_ytdlp_is_the_one_that_requirements_name() -> None:
    assert (
        f"yt-dlp[default,deno,curl-cffi]>={limits.YTDLP_OLDEST}\n"
        in (ROOT / "requirements.txt").read_text()
    )


# ------------------------------------------------------------------------- what is warned of


def test_root_is_warned_of_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for user, levels in ((0, [Level.WARNING]), (1000, [])):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        found = check.check_user()
        assert [each.level for each in found] == levels
        for each in found:
            page, _, heading = each.text.rpartition("see ")[2].rstrip(")").partition("#")
            assert f"\n## {heading.replace('-', ' ').capitalize()}\n" in (ROOT / page).read_text()


@pytest.mark.parametrize(
    ("problems", "broken", "asks"),
    [((), [], True), (("BOT_TOKEN is not set",), [], False), ((), ["psutil"], False)],
)
def test_telegram_is_asked_where_that_is_possible(
    problems: tuple[str, ...],
    broken: list[str],
    asks: bool,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "local_checks", lambda *_: [])
    monkeypatch.setattr(check, "broken_packages", lambda: broken)
    found = check.run_checks(settings, problems, lambda _: "a_bot")
    assert [one.name for one in found] == ["token"] * asks


def test_bot_without_admins_is_warned_of() -> None:
    assert [found.level for found in check.check_admins(())] == [Level.WARNING]
    assert check.check_admins({7}) == []


@pytest.mark.parametrize(
    ("machine_mib", "download_workers", "words"),
    [
        (2198, 2, None),  # 2 × 512 + 4 × 256 + 150
        (2197, 2, "the limits allow 2198 MB, and the bot can have 2197 MB"),
        (4096, 64, "the limits allow 33942 MB"),
    ],
)
def test_limits_beyond_the_machines_memory_are_warned_of(
    machine_mib: int, download_workers: int, words: str | None, settings: Settings
) -> None:
    settings = dataclasses.replace(settings, download_workers=download_workers)
    found = check.check_memory(settings, machine_mib * MEBIBYTE)
    assert len(found) == (words is not None)
    assert all(one.level is Level.WARNING and one.text.startswith(words or "") for one in found)


@pytest.mark.parametrize(
    ("content", "level"), [(None, Level.OK), (b"not a database " * 100, Level.CRITICAL)]
)
def test_ledger_that_cannot_be_opened_fails(
    content: bytes | None, level: Level, tmp_path: Path
) -> None:
    path = ledger_path(tmp_path)
    assert check.check_ledger(path) == [], "the first start makes it"
    Ledger(path).close()
    if content is not None:
        path.write_bytes(content)
    before = path.read_bytes(), sorted(tmp_path.iterdir())
    (found,) = check.check_ledger(path)
    assert found.level is level
    assert (path.read_bytes(), sorted(tmp_path.iterdir())) == before


def test_ledger_of_another_user_is_not_to_be_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger_path(tmp_path)
    Ledger(path).close()
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    (found,) = check.check_ledger(path)
    assert found.level is Level.CRITICAL
    assert " belongs to " in found.text
    assert "chown" in found.text


def test_network_that_cannot_be_tried_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Network:
        raise BlockingIOError(errno.EAGAIN, "no process is left")

    monkeypatch.setattr(network, "active", fail)
    found = check.check_network()
    assert (found.level, found.name) == (Level.CRITICAL, "network")
    assert "no process is left" in found.text
