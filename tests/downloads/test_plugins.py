"""Plugins of yt-dlp: only those that the operator allows are loaded, and reach what is listed."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from maintenance import plugins
from maintenance.findings import Level, ok
from tests.sandbox.tls_proxy import trust
from tests.sandbox.youtube import LINK, Youtube
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Worker, worker
from tests.support.judges import judge
from tests.support.plugin_package import PROVIDER, allow, install
from tests.support.serving import running
from worker.dispatch import ytdlp_upgrade
from worker.downloads.judge.rules import Rules
from worker.protocol import MediaKind, SiteAccess

ROOT = Path(__file__).parents[2]
TOKEN = "dG9rZW4tb2YtdGhlLXN0YW5kLWlu"
EXTRACTOR = """
from yt_dlp.extractor.common import InfoExtractor

class {name}IE(InfoExtractor):
    _VALID_URL = r"https?://{name}\\.example/"
"""
SHOW = """
import json, sys
from worker.downloads.ytdlp.warm import warm_up
found = warm_up()
links = [f"http://{name}.example/" for name in ("One", "Two", "Free")]
print(json.dumps([found.suitable(link) for link in links]))
print(sorted(name for name in sys.modules if name.startswith("yt_dlp_plugins")))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Two packages with plugins, and a module beside theirs that is of no package."""
    for name in ("One", "Two"):
        text = EXTRACTOR.format(name=name)
        install(tmp_path, f"plugin-{name.lower()}", {f"extractor/{name.lower()}.py": text})
    (tmp_path / "yt_dlp_plugins/extractor/free.py").write_text(EXTRACTOR.format(name="Free"))
    return tmp_path


def warmed_up(directory: Path, *packages: str) -> tuple[list[str | None], str, str]:
    """The extractors for a link of each plugin, the plugins' modules, and the log."""
    done = run(SHOW, directory, *packages)
    assert done.returncode == 0, done.stderr
    extractors, modules = done.stdout.splitlines()
    return json.loads(extractors), modules, done.stderr


def run(code: str, directory: Path, *packages: str) -> subprocess.CompletedProcess[str]:
    """Run code where these packages' plugins are allowed."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{directory}:{ROOT}",
            "YTDLP_PLUGINS": ",".join(packages),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plugin_is_loaded_where_its_package_is_named(installed: Path) -> None:
    generic = "Generic"
    assert warmed_up(installed)[:2] == ([generic] * 3, "[]")
    extractors, modules, log = warmed_up(installed, "plugin-two")
    assert extractors == [generic, "Two", generic]
    assert "extractor.two" in modules
    assert "extractor.one" not in modules
    assert log == ""


@pytest.mark.negative
def test_what_is_not_refused_is_loaded_by_yt_dlp_itself(installed: Path) -> None:
    careless = (
        "from worker.downloads.ytdlp.packages import plugins\nplugins.refuse = lambda: None\n"
    )
    modules = run(careless + SHOW, installed).stdout.splitlines()[1]
    assert all(f"extractor.{name}'" in modules for name in ("one", "two", "free"))


def test_one_that_cannot_be_loaded_costs_itself_and_is_logged(installed: Path) -> None:
    install(installed, "broken", {"extractor/broken.py": "import no_such_module"})
    extractors, _, log = warmed_up(installed, "broken", "plugin-one")
    assert extractors == ["One", "Generic", "Generic"]
    assert "yt_dlp_plugins.extractor.broken cannot be loaded: ModuleNotFoundError" in log
    _, _, log = warmed_up(installed, "missing", "plugin-one")
    assert "yt-dlp's plugin missing cannot be loaded: is not installed here" in log


def test_the_trial_of_a_new_yt_dlp_tells_which_plugins_do_not_go_with_it(installed: Path) -> None:
    text = "print('hello', end='')\nraise ValueError('too new')"
    install(installed, "broken", {"extractor/broken.py": text})
    done = run(ytdlp_upgrade.TRIAL, installed, "plugin-one", "broken")
    assert done.returncode == 0
    told = {"yt_dlp_plugins.extractor.broken": "ValueError: too new"}
    assert json.loads(done.stdout.splitlines()[-1]) == told


def test_check_says_what_is_wrong_with_them(
    installed: Path, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{installed}:{ROOT}")
    monkeypatch.syspath_prepend(installed)
    assert plugins.check_plugins(()) == []
    assert plugins.check_plugins(("plugin-one",)) == [ok("YTDLP_PLUGINS", "loaded: plugin-one")]
    install(installed, "broken", {"extractor/broken.py": "raise ValueError('out of date')"})
    install(installed, "deadly", {"extractor/deadly.py": "import os; os._exit(1)"})
    for package, words in {
        "missing": "missing is not installed here: pip install it",
        "pytest": "pytest has no plugin for yt-dlp",
        "broken": "extractor.broken cannot be loaded, update its package, or take it out",
        "deadly": "it ends the process",
    }.items():
        (found,) = plugins.check_plugins((package,))
        assert found.level is Level.CRITICAL
        assert words in found.text
    (answers,) = plugins.check_endpoints([provider.endpoint])
    assert answers.level is Level.OK
    provider.close()
    (silent,) = plugins.check_endpoints([provider.endpoint])
    assert silent.level is Level.WARNING


def test_the_bot_does_not_start_without_a_plugin_that_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "bot.py")],
        cwd=tmp_path,
        env={**os.environ, "BOT_TOKEN": f"1234567:{'a' * 35}", "YTDLP_PLUGINS": "missing"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78
    assert done.stderr.startswith("YTDLP_PLUGINS: missing is not installed here: ")


# ---------------------------------------------------------------------------- PO tokens


class Provider(ThreadingHTTPServer):
    """A stand-in for a server that makes PO tokens. `asked` are the requests that came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.asked: list[dict[str, object]] = []

    @property
    def endpoint(self) -> tuple[str, int]:
        return "127.0.0.1", self.server_port

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Asked(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(json.loads(body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"poToken": TOKEN}).encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as made, running(made):
        yield made


@pytest.fixture(scope="module")
def youtube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Youtube]:
    with Youtube(tmp_path_factory.mktemp("youtube")) as youtube:
        yield youtube


def prepare(certificate: Path, directory: Path) -> None:
    trust(certificate)
    allow(directory, "pot-stand-in")


@contextmanager
def with_provider(tmp_path: Path, youtube: Youtube, provider: Provider) -> Iterator[Worker]:
    """A worker with a plugin that asks the provider."""
    packages, home = tmp_path / "packages", tmp_path / "home"
    home.mkdir()
    url = f"http://127.0.0.1:{provider.server_port}"
    install(packages, "pot-stand-in", {"extractor/getpot_stand_in.py": PROVIDER.format(url=url)})
    ready = functools.partial(prepare, youtube.certificate, packages)
    with worker(home, prepare=ready) as made:
        yield made


OPTIONS = {"youtube_player_client": ("web",), "youtube_fetch_pot": "always"}


@pytest.mark.usefixtures("needs_deno", "needs_ffmpeg")
def test_a_provider_of_tokens_is_reached_where_it_is_listed(
    tmp_path: Path, youtube: Youtube, provider: Provider
) -> None:
    """By the judge itself, although the site is reached through a proxy, which it is not told."""
    rules = limits_with(proxy=youtube.proxy, timeout_s=60, idle_timeout_s=30)
    access = SiteAccess(options=OPTIONS)
    with with_provider(tmp_path, youtube, provider) as made:
        for endpoints in ((), (provider.endpoint,)):
            with judge(Rules(endpoints=endpoints, idle_timeout_s=30)) as running:
                limits = limits_with(**{**vars(rules), "judge": running.address})
                assert made.run(LINK, limits, access=access).media.facts.kind is MediaKind.VIDEO
            assert bool(provider.asked) == bool(endpoints)
            assert bool(youtube.hits(f"pot={TOKEN}")) == bool(endpoints)
    assert {json.dumps(each) for each in provider.asked} == {'{"proxy": null}'}
