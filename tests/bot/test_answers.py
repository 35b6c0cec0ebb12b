"""What a link is answered with: of several files, the sound alone, remembered, fetched anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.files import image_size
from tests.sandbox.site import MediaSite
from tests.support.media import probe
from tests.support.scene import CHAT, GALLERY, Scene, albums

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture
def scene(site: MediaSite, tmp_path: Path) -> Iterator[Scene]:
    """A bot that knows a site of which every link has a name."""
    with Scene(site, tmp_path, GALLERY) as scene:
        yield scene


def downloads(scene: Scene) -> list[str]:
    """What became of each download."""
    return [state for (state,) in scene.ledger("SELECT state FROM jobs WHERE kind = 'download'")]


# --------------------------------------------------------------------------- several files


@pytest.mark.parametrize(
    ("post", "expected"),
    [
        ("p", [["photo"]]),
        ("v", [["video"]]),
        ("ppp", [["photo"], ["photo", "photo"]]),
        ("vp", [["video"], ["photo"]]),
        ("pvpv", [["photo"], ["video", "photo", "video"]]),
        # An album has ten places, and a post has no more of them.
        ("pppppppppppp", [["photo"], ["photo"] * 9]),
        # What would have to be looked up elsewhere is no part of the post.
        ("vuv", [["video"]]),
    ],
)
def test_a_post_comes_as_an_album(scene: Scene, post: str, expected: list[list[str]]) -> None:
    scene.send(f"/post/{post}")
    answers = scene.wait_for_answers(sum(map(len, expected)))
    assert albums(sorted(answers, key=lambda answer: answer.message_id)) == expected
    captions = [answer.caption for answer in answers if answer.caption]
    assert len(captions) == 1, "the album is explained once"
    # The second time Telegram has it already.
    scene.send(f"/post/{post}")
    scene.wait_for_answers(2 * len(answers))
    assert downloads(scene) == ["done"]


# -------------------------------------------------------------------------- the same media


def test_links_that_name_the_same_media_meet(scene: Scene) -> None:
    for number, link in enumerate(("/watch?v=dawn", "/s/dawn", "/watch?x=1&v=dawn&t=5"), 1):
        scene.send(link)
        scene.wait_for_answers(number)
        scene.api.wait_for(lambda: "running" not in downloads(scene))
    assert downloads(scene) == ["done", "dropped", "dropped"]
    # Each of them is known now, and needs not even a look at the site.
    scene.send("/s/dawn")
    scene.wait_for_answers(4)
    assert len(downloads(scene)) == 3


def test_links_that_name_the_same_media_share_its_download(scene: Scene) -> None:
    links = ("/watch?v=dawn", "/s/dawn", "/watch?x=1&v=dawn&t=5")
    for chat, link in enumerate(links, 1):
        scene.send(link, chat)
    for chat in range(1, len(links) + 1):
        scene.wait_for_answers(1, chat)
    assert scene.api.wait_for(lambda: sorted(downloads(scene)) == ["done", "dropped", "dropped"])


def test_what_the_link_does_not_name_is_not_mixed_up(scene: Scene, site: MediaSite) -> None:
    for number, link in enumerate(("/series?v=dusk&p=1", "/series?v=dusk&p=2", "/s/dusk"), 1):
        scene.send(link)
        scene.wait_for_answers(number)
    assert downloads(scene) == ["done", "done", "done"]


def test_fresh_fetches_what_is_remembered_once_more(scene: Scene, site: MediaSite) -> None:
    scene.send("/s/noon")
    scene.wait_for_answers(1)
    scene.api.say(f"/fresh {scene.link('/watch?v=noon')}", CHAT)
    scene.wait_for_answers(2)
    assert downloads(scene) == ["done", "done"]
    scene.send("/s/noon")
    scene.wait_for_answers(3)
    assert downloads(scene) == ["done", "done"]


def test_a_command_without_a_link_asks_for_one(scene: Scene) -> None:
    scene.api.say("/fresh", CHAT)
    (answer,) = scene.wait_for_answers(1)
    assert "link" in (answer.text or "")


# ------------------------------------------------------------------------- the sound alone


def test_the_right_file_for_what_was_asked(scene: Scene) -> None:
    link = scene.link("/clip.mp4")
    for number, (text, kind) in enumerate(
        (
            (link, "video"),
            (f"/audio {link}", "audio"),
            (link, "video"),
            (f"/audio {link}", "audio"),
        ),
        1,
    ):
        scene.api.say(text, CHAT)
        answers = sorted(scene.wait_for_answers(number), key=lambda answer: answer.message_id)
        assert answers[-1].kind == kind
    media = answers[-1].media
    assert media is not None
    found = probe(media.path)
    assert (found.video, found.audio) == (None, "aac")
    assert found.duration_s == pytest.approx(3, abs=0.2)
    assert media.thumbnail is not None
    assert downloads(scene) == ["done", "done"]


def test_a_film_without_sound_has_none_to_give(scene: Scene) -> None:
    scene.api.say(f"/audio {scene.link('/gif.mp4')}", CHAT)
    (answer,) = scene.wait_for_answers(1)
    assert "no sound" in (answer.text or "")


@pytest.mark.parametrize(("name", "has_cover"), [("covered", True), ("bare", False)])
def test_a_song_has_the_picture_that_its_site_has(scene: Scene, name: str, has_cover: bool) -> None:
    scene.send(f"/song/{name}")
    (answer,) = scene.wait_for_answers(1)
    assert answer.media is not None
    assert answer.kind == "audio"
    assert (answer.media.title, answer.media.performer) == (name, "Ada")
    assert (answer.media.thumbnail is not None) is has_cover
    if answer.media.thumbnail:
        assert max(image_size(answer.media.thumbnail)) == 320
