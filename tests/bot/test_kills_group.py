"""SIGKILL on the way of an answer of several files: one final answer, none lost, nothing left.

The cases share a bot, or what its deaths have left of it, and each has a chat of its own.
`-m exhaustive` has it killed at every commit of such a way.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


CHATS = itertools.count(CHAT)


@pytest.fixture
def chat() -> int:
    """One that the bot does not know yet."""
    return next(CHATS)


@pytest.fixture(scope="module")
def shared_gallery(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    env = {**ONE_WORKER_EACH, **GALLERY}
    with Scene(site, tmp_path_factory.mktemp("gallery"), env) as scene:
        yield scene


@pytest.fixture
def gallery(shared_gallery: Scene) -> Iterator[Scene]:
    """A bot that knows posts of several files, with nothing under way."""
    with shared_gallery.told():
        shared_gallery.wait_until_idle()
        yield shared_gallery


@pytest.fixture(scope="module")
def film_url(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a film lies that is larger than one megabyte and not than four."""
    files = tmp_path_factory.mktemp("files")
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


def wait_until_answered(scene: Scene, chat: int = CHAT) -> list[ChatMessage]:
    """The whole answer to the only link of a chat."""
    answered = f"SELECT 1 FROM requests WHERE chat_id = {chat} AND answered_at IS NOT NULL"
    scene.api.wait_for(lambda: scene.ledger(answered))
    scene.wait_until_idle()
    return scene.answers(chat)


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
    gallery: Scene,
    chat: int,
) -> None:
    killed: list[bool] = []

    def action() -> None:
        victim(gallery)
        killed.append(True)

    setattr(gallery.api, hook, once(method, action))
    gallery.send(f"/post/ppp?{chat}", chat)
    gallery.api.wait_for(lambda: killed)
    if victim is the_bot:
        gallery.bot.wait_for_empty_tree()
        gallery.restart_after_death()
    assert assert_is_one_album(wait_until_answered(gallery, chat), ["photo"] * 3) == albums


def test_killed_when_a_refused_file_has_come_as_a_document(gallery: Scene, chat: int) -> None:
    """What was sent before it is counted, and only the document may come once more."""

    def refuse_videos(call: Call) -> None:
        if call.method == "sendVideo" or "video" in str(call.params.get("media")):
            raise bad_request("VIDEO_CONTENT_TYPE_INVALID")

    killed: list[bool] = []

    def kill() -> None:
        gallery.bot.kill()
        killed.append(True)

    gallery.api.on_call = refuse_videos
    gallery.api.on_applied = once("sendDocument", kill)
    gallery.send("/post/ppvp", chat)
    gallery.api.wait_for(lambda: killed)
    gallery.bot.wait_for_empty_tree()
    gallery.restart_after_death()
    kinds = [answer.kind for answer in wait_until_answered(gallery, chat)]
    gallery.api.on_call = None
    assert kinds == ["photo", "photo", "document", "document", "photo"]


# ---------------------------------------------------------------------- while it is downloaded


@pytest.mark.parametrize("victim", [the_bot, downloads_worker, yt_dlp])
def test_killed_while_a_post_is_downloaded(
    victim: Callable[[Scene], None], gallery: Scene, chat: int
) -> None:
    before = gallery.site.hits("/slow/2.mp4")
    gallery.send(f"/post/psp?{chat}", chat)
    # The first file is there by then, and the second is on its way.
    gallery.api.wait_for(lambda: gallery.site.hits("/slow/2.mp4") > before)
    victim(gallery)
    if victim is the_bot:
        gallery.bot.wait_for_empty_tree()
        gallery.restart_after_death()
    answers = wait_until_answered(gallery, chat)
    assert assert_is_one_album(answers, ["photo", "video", "photo"]) == 1


@dataclass(frozen=True)
class Cutting:
    """A bot whose cuts never end if they begin while the file `stuck` is there."""

    scene: Scene
    stuck: Path


@pytest.fixture(scope="module")
def shared_cutting(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cutting]:
    home = tmp_path_factory.mktemp("cutting")
    programs = home / "programs"
    programs.mkdir()
    stuck = programs / "stuck"
    (programs / "ffmpeg").write_text(
        "#!/bin/sh\n"
        f'case "$*" in *segment*) [ ! -e {stuck} ] || exec sleep 60;; esac\n'
        f'PATH={os.environ["PATH"]} exec ffmpeg "$@"\n'
    )
    (programs / "ffmpeg").chmod(0o755)
    env = {**ONE_WORKER_EACH, "MAX_FILE_MB": "1", "PATH": f"{programs}:{os.environ['PATH']}"}
    with Scene(site, home, env) as scene:
        yield Cutting(scene, stuck)


@pytest.fixture
def cutting(shared_cutting: Cutting) -> Iterator[Cutting]:
    with shared_cutting.scene.told():
        yield shared_cutting


@pytest.mark.parametrize("victim", [the_bot, downloads_worker, yt_dlp])
def test_killed_while_a_video_is_cut(
    victim: Callable[[Scene], None], film_url: str, cutting: Cutting, chat: int
) -> None:
    scene = cutting.scene
    cutting.stuck.touch()
    scene.api.say(f"{film_url}?{chat}", chat)
    scene.api.wait_for(lambda: scene.workers("sleep"))
    cutting.stuck.unlink()
    victim(scene)
    if victim is the_bot:
        scene.bot.wait_for_empty_tree()
        scene.restart_after_death()
    answers = wait_until_answered(scene, chat)
    assert_are_all_parts(answers)
    assert len({answer.caption for answer in answers}) == len(answers)


# ------------------------------------------------------------- at each of the ledger's commits


@pytest.mark.timeout(600)
@pytest.mark.exhaustive
def test_killed_at_commits_of_a_posts_way(site: MediaSite, tmp_path: Path) -> None:
    with mortal(site, tmp_path, **GALLERY) as scene:
        scene.bot.kill()
        scene.send("/post/ppvp")
        assert die_at_commits(scene, 2, 1) > 8
        assert_is_one_album(wait_until_answered(scene), ["photo", "photo", "video", "photo"])


@pytest.mark.timeout(600)
@pytest.mark.exhaustive
def test_killed_at_commits_of_the_way_of_a_video_that_is_cut(
    film_url: str, site: MediaSite, tmp_path: Path
) -> None:
    with mortal(site, tmp_path, MAX_FILE_MB="1") as scene:
        scene.bot.kill()
        scene.api.say(film_url, CHAT)
        assert die_at_commits(scene, 3, 1) > 8
        assert_are_all_parts(wait_until_answered(scene))
