"""Secrets of a whole bot: in nothing that it says, and in nothing that its processes show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hostile.proxy import PASSWORD, Proxy
from tests.sandbox.faults import Fault
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import maintenance
from tests.support.scene import Scene

OTHER_PASSWORD = "word-of-the-other-proxy"
COOKIE, QUERY, ADMIN = "value-of-a-cookie", "secret-of-a-link", 815


@contextmanager
def a_talkative_bot(
    site: MediaSite, tmp_path: Path, module: str
) -> Iterator[tuple[Scene, dict[str, str]]]:
    """A bot with a proxy and cookies, and its secrets by name."""
    cookies = tmp_path / "cookies.txt"
    lines = (f"{host}\tFALSE\t/\tFALSE\t0\tname\t{COOKIE}\n" for host in ("127.0.0.1", "a.example"))
    cookies.write_text("# Netscape HTTP Cookie File\n" + "".join(lines))
    settings = dict.fromkeys(("IN_MAIN", "IN_FORK_SERVER"), f"tests.hostile.{module}")
    settings |= {"COOKIES_FILE": str(cookies), "JOB_MAX_ATTEMPTS": "2", "ADMINS": str(ADMIN)}
    scene = Scene(site, tmp_path, settings)
    token = scene.api.token
    with Proxy(scene.api.url) as proxy, Proxy(site.url, password=OTHER_PASSWORD) as other:
        scene.bot.env |= {"PROXY": proxy.setting, "DOWNLOAD_PROXY": other.setting}
        with scene:
            yield (
                scene,
                {
                    "token": token,
                    "token's secret": token.partition(":")[2],
                    "token in an address": token.replace(":", "%3A"),
                    "proxy's password": PASSWORD,
                    "password of downloads' proxy": OTHER_PASSWORD,
                    "cookie": COOKIE,
                    "query": QUERY,
                },
            )
        assert proxy.hits
        assert other.hits, "each lets nobody through to what the other is for"


def found_in(text: str, secrets: dict[str, str]) -> set[str]:
    return {name for name, secret in secrets.items() if secret.lower() in text.lower()}


def have_a_bad_day(scene: Scene) -> None:
    """A media that comes, links that fail each in its way, and a Telegram that stumbles."""
    for method, kind in (("getUpdates", "server_error"), ("sendMessage", "bad_gateway")):
        scene.api.faults.add(Fault(method, kind))  # type: ignore[arg-type]
    scene.send(f"/clip.mp4?key={QUERY}")
    scene.wait_for_answers(1)
    scene.api.faults.add(Fault("editMessageText", "cut_after"))
    scene.send(f"/404.mp4?key={QUERY}")
    scene.wait_for_answers(2)
    scene.api.say(f"http://127.0.0.2:8080/x.mp4?key={QUERY}", 4711)
    scene.wait_for_answers(3)
    scene.kill("telegram")
    scene.send(f"/text.html?key={QUERY}")
    scene.wait_for_answers(4)


def send_cookies(scene: Scene, path: Path) -> None:
    """An admin sends the file with cookies."""
    message_id = scene.api.say(None, ADMIN, document=scene.api.hold(path))
    assert scene.api.wait_for(
        lambda: [each for each in scene.api.chat(ADMIN) if "I keep these" in (each.text or "")]
    )
    (sent,) = [each for each in scene.api.chat(ADMIN) if each.message_id == message_id]
    assert sent.deleted


def shown_by_processes(scene: Scene) -> str:
    """Arguments and first environments of all processes of the bot."""
    shown = []
    for pid in scene.bot.tree():
        for name in ("cmdline", "environ"):
            try:
                shown.append(Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return "\n".join(shown)


def test_no_secret_is_in_anything_that_the_bot_says(site: MediaSite, tmp_path: Path) -> None:
    with a_talkative_bot(site, tmp_path, "talkative") as (scene, secrets):
        assert found_in(shown_by_processes(scene), secrets) == set()
        have_a_bad_day(scene)
        send_cookies(scene, tmp_path / "cookies.txt")
        stored = list((scene.data_dir / "cookies").iterdir())
        assert [COOKIE in path.read_text() for path in stored] == [True, True]
        others = [
            path for path in scene.data_dir.rglob("*") if path.is_file() and path not in stored
        ]
        assert not [path for path in others if COOKIE.encode() in path.read_bytes()]
        assert found_in(shown_by_processes(scene), secrets) == set()
        assert found_in(scene.bot.log, secrets) == set(), scene.bot.log
        # What was said about Telegram at all, so that there was something to be taken out.
        assert re.search(r"POST .*/sendMessage", scene.bot.log)

        failed = scene.ledger("SELECT id FROM jobs WHERE state = 'failed'")
        assert failed
        for arguments in (
            ("health", "--detailed"),
            ("failed", "list"),
            *(("failed", "show", str(job)) for (job,) in failed),
            ("orphans",),
            ("zombies",),
        ):
            for more in ((), ("--json",)):
                said = maintenance(scene.data_dir, *arguments, *more)
                assert said.text
                assert found_in(said.text + said.errors, secrets) == set(), said


@pytest.mark.negative
def test_without_redaction_secrets_are_in_the_log(site: MediaSite, tmp_path: Path) -> None:
    with a_talkative_bot(site, tmp_path, "indiscreet") as (scene, secrets):
        have_a_bad_day(scene)
        found = found_in(scene.bot.log, secrets)
        scene.api.token = "nowhere"  # the scene itself looks for it at its end
    assert {"token", "password of downloads' proxy"} <= found
