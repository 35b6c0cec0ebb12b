"""SIGKILL on the way of an answer of several files: one final answer, none lost, nothing left."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox.chats import ChatMessage
from tests.sandbox.errors import bad_request
from tests.sandbox.faults import Call
from tests.sandbox.site import MediaSite
from tests.support.file_server import served
from tests.support.kills import (
    die_at_commits,
    downloads_worker,
    mortal,
    telegram_worker,
    the_bot,
    yt_dlp,
)
from tests.support.media import make
from tests.support.scene import CHAT, GALLERY, ONE_WORKER_EACH, Scene, once

pytestmark = [pytest.mark.usefixtures("needs_ffmpeg"), pytest.mark.timeout(240)]


@pytest.fixture
def film_url(film: Path, tmp_path: Path) -> Iterator[str]:
    """Where a film lies that is larger than one megabyte and not than four."""
    files = tmp_path / "files"
    files.mkdir()
    make(files / "film.mp4", "-c copy", film)
    with served(files) as url:
        yield f"{url}/film.mp4"


def assert_is_one_album(answers: list[ChatMessage], kinds: list[str]) -> int:
    """One answer, and beside it each other file, equally often. Returns how often."""
    first, *others = sorted(answers, key=lambda answer: answer.caption is None)
    assert first.kind == kinds[0]
    assert {answer.caption for answer in others} == {None}
    in_order = [answer.kind for answer in sorted(others, key=lambda answer: answer.message_id)]
    times = len(in_order) // (len(kinds) - 1)
    assert in_order == kinds[1:] * times
    return times


def assert_are_all_parts(answers: list[ChatMessage]) -> None:
    """The first part once, for it is the answer, and each other at least once."""
    said = [re.search(r"part (\d+) of (\d+)", answer.caption or "") for answer in answers]
    numbers = [int(words[1]) for words in said if words]
    (parts,) = {int(words[2]) for words in said if words}
    assert len(numbers) == len(answers)
    assert set(numbers) == set(range(1, parts + 1))
    assert numbers.count(1) == 1
    assert parts > 2


def wait_until_answered(scene: Scene) -> None:
    scene.api.wait_for(
        lambda: scene.ledger("SELECT 1 FROM requests WHERE answered_at IS NOT NULL"), 40
    )
    scene.wait_for_no_directories()


# ---------------------------------------------------------------------------- while it is sent


@pytest.mark.parametrize("victim", [the_bot, telegram_worker])
@pytest.mark.parametrize(
    ("method", "hook", "albums"),
    [
        # Nobody knows that it stands in the chat, or soon will, so it is sent again.
        ("sendMediaGroup", "on_call", 2),
        ("sendMediaGroup", "on_applied", 2),
        ("editMessageMedia", "on_call", 1),
        ("editMessageMedia", "on_applied", 1),
    ],
)
def test_killed_within_an_answer_of_several_files(
    method: str,
    hook: str,
    albums: int,
    victim: Callable[[Scene], None],
    site: MediaSite,
    tmp_path: Path,
) -> None:
    env = {**ONE_WORKER_EACH, **GALLERY}
    with Scene(site, tmp_path, env) as scene:
        killed: list[bool] = []

        def action() -> None:
            victim(scene)
            killed.append(True)

        setattr(scene.api, hook, once(method, action))
        scene.send("/post/ppp")
        scene.api.wait_for(lambda: killed)
        if victim is the_bot:
            scene.bot.wait_for_empty_tree()
            scene.restart_after_death()
        wait_until_answered(scene)
        assert assert_is_one_album(scene.answers(), ["photo"] * 3) == albums


def test_killed_when_a_refused_file_has_come_as_a_document(site: MediaSite, tmp_path: Path) -> None:
    """What was sent before it is counted, and only the document may come once more."""
    env = {**ONE_WORKER_EACH, **GALLERY}
    with Scene(site, tmp_path, env) as scene:

        def refuse_videos(call: Call) -> None:
            if call.method == "sendVideo" or "video" in str(call.params.get("media")):
                raise bad_request("VIDEO_CONTENT_TYPE_INVALID")

        killed: list[bool] = []

        def kill() -> None:
            scene.bot.kill()
            killed.append(True)

        scene.api.on_call = refuse_videos
        scene.api.on_applied = once("sendDocument", kill)
        scene.send("/post/ppvp")
        scene.api.wait_for(lambda: killed)
        scene.bot.wait_for_empty_tree()
        scene.restart_after_death()
        wait_until_answered(scene)
        kinds = [answer.kind for answer in scene.answers()]
        assert kinds == ["photo", "photo", "document", "document", "photo"]


# ---------------------------------------------------------------------- while it is downloaded


@pytest.mark.parametrize("victim", [the_bot, downloads_worker, yt_dlp])
def test_killed_while_a_post_is_downloaded(
    victim: Callable[[Scene], None], site: MediaSite, tmp_path: Path
) -> None:
    env = {**ONE_WORKER_EACH, **GALLERY}
    with Scene(site, tmp_path, env) as scene:
        before = site.hits("/slow/2.mp4")
        scene.send("/post/psp")
        # The first file is there by then, and the second is on its way.
        scene.api.wait_for(lambda: site.hits("/slow/2.mp4") > before)
        victim(scene)
        if victim is the_bot:
            scene.bot.wait_for_empty_tree()
            scene.restart_after_death()
        wait_until_answered(scene)
        assert assert_is_one_album(scene.answers(), ["photo", "video", "photo"]) == 1


@pytest.mark.parametrize("victim", [the_bot, downloads_worker, yt_dlp])
def test_killed_while_a_video_is_cut(
    victim: Callable[[Scene], None], film_url: str, site: MediaSite, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    # A cut that begins while this file is there never ends.
    stuck = programs / "stuck"
    stuck.touch()
    (programs / "ffmpeg").write_text(
        "#!/bin/sh\n"
        f'case "$*" in *segment*) [ ! -e {stuck} ] || exec sleep 60;; esac\n'
        f'PATH={os.environ["PATH"]} exec ffmpeg "$@"\n'
    )
    (programs / "ffmpeg").chmod(0o755)
    env = {**ONE_WORKER_EACH, "MAX_FILE_MB": "1", "PATH": f"{programs}:{os.environ['PATH']}"}
    with Scene(site, tmp_path, env) as scene:
        scene.api.say(film_url, CHAT)
        scene.api.wait_for(lambda: scene.workers("sleep"))
        stuck.unlink()
        victim(scene)
        if victim is the_bot:
            scene.bot.wait_for_empty_tree()
            scene.restart_after_death()
        wait_until_answered(scene)
        answers = scene.answers()
        assert_are_all_parts(answers)
        assert len({answer.caption for answer in answers}) == len(answers)


# --------------------------------------------------------------------- at the ledger's commits

FURTHER = pytest.mark.parametrize(
    "further", [5, pytest.param(1, marks=pytest.mark.exhaustive)], ids=["some", "every"]
)


@pytest.mark.timeout(600)
@FURTHER
def test_killed_at_commits_of_a_posts_way(further: int, site: MediaSite, tmp_path: Path) -> None:
    with mortal(site, tmp_path, **GALLERY) as scene:
        scene.bot.kill()
        scene.send("/post/ppvp")
        assert die_at_commits(scene, 2, further) > 8
        wait_until_answered(scene)
        assert_is_one_album(scene.answers(), ["photo", "photo", "video", "photo"])


@pytest.mark.timeout(600)
@FURTHER
def test_killed_at_commits_of_the_way_of_a_video_that_is_cut(
    further: int, film_url: str, site: MediaSite, tmp_path: Path
) -> None:
    with mortal(site, tmp_path, MAX_FILE_MB="1") as scene:
        scene.bot.kill()
        scene.api.say(film_url, CHAT)
        assert die_at_commits(scene, 3, further) > 8
        wait_until_answered(scene)
        assert_are_all_parts(scene.answers())
