"""What a link is answered with: of several files, the sound alone, remembered, fetched again."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.sandbox.files import image_size
from tests.sandbox.site import MediaSite
from tests.support.media import probe
from tests.support.scene import GALLERY, Scene, albums

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


_chats = count(9000)

Downloads = Callable[[], list[str]]


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A bot that knows a site of which every link has a name; each test has names of its own."""
    with Scene(site, tmp_path_factory.mktemp("bot"), GALLERY) as scene:
        yield scene


@pytest.fixture
def chat() -> int:
    return next(_chats)


@pytest.fixture
def downloads(scene: Scene) -> Downloads:
    """Tells what became of each download of the test."""
    ((before,),) = scene.ledger("SELECT coalesce(max(id), 0) FROM jobs")
    sql = "SELECT state FROM jobs WHERE kind = 'download' AND id > ?"
    return lambda: [state for (state,) in scene.ledger(sql, before)]


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
def test_a_post_comes_as_an_album(
    scene: Scene, chat: int, downloads: Downloads, post: str, expected: list[list[str]]
) -> None:
    scene.send(f"/post/{post}", chat)
    answers = scene.wait_for_answers(sum(map(len, expected)), chat)
    assert albums(sorted(answers, key=lambda answer: answer.message_id)) == expected
    captions = [answer.caption for answer in answers if answer.caption]
    assert len(captions) == 1, "the album is explained once"
    # The second time Telegram has it already.
    scene.send(f"/post/{post}", chat)
    scene.wait_for_answers(2 * len(answers), chat)
    assert downloads() == ["done"]


# -------------------------------------------------------------------------- the same media


def test_links_that_name_the_same_media_meet(scene: Scene, chat: int, downloads: Downloads) -> None:
    for number, link in enumerate(("/watch?v=dawn", "/s/dawn", "/watch?index=1&v=dawn&t=5"), 1):
        scene.send(link, chat)
        scene.wait_for_answers(number, chat)
        scene.api.wait_for(lambda: "running" not in downloads())
    assert downloads() == ["done", "dropped", "dropped"]
    # Each of them is known now, and needs not even a look at the site.
    scene.send("/s/dawn", chat)
    scene.wait_for_answers(4, chat)
    assert len(downloads()) == 3


def test_links_that_name_the_same_media_share_its_download(
    scene: Scene, downloads: Downloads
) -> None:
    links = ("/watch?v=dawn_again", "/s/dawn_again", "/watch?index=1&v=dawn_again&t=5")
    people = {next(_chats): link for link in links}
    for chat, link in people.items():
        scene.send(link, chat)
    for chat in people:
        scene.wait_for_answers(1, chat)
    assert scene.api.wait_for(lambda: sorted(downloads()) == ["done", "dropped", "dropped"])


def test_what_the_link_does_not_name_is_not_mixed_up(
    scene: Scene, chat: int, downloads: Downloads
) -> None:
    for number, link in enumerate(("/series?v=dusk&p=1", "/series?v=dusk&p=2", "/s/dusk"), 1):
        scene.send(link, chat)
        scene.wait_for_answers(number, chat)
    assert downloads() == ["done", "done", "done"]


def test_fresh_fetches_what_is_remembered_once_more(
    scene: Scene, chat: int, downloads: Downloads
) -> None:
    scene.send("/s/noon", chat)
    scene.wait_for_answers(1, chat)
    scene.api.say(f"/fresh {scene.link('/watch?v=noon')}", chat)
    scene.wait_for_answers(2, chat)
    assert downloads() == ["done", "done"]
    scene.send("/s/noon", chat)
    scene.wait_for_answers(3, chat)
    assert downloads() == ["done", "done"]


def test_a_command_without_a_link_asks_for_one(scene: Scene, chat: int) -> None:
    scene.api.say("/fresh", chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert "link" in (answer.text or "")


# ------------------------------------------------------------------------- the sound alone


def test_the_right_file_for_what_was_asked(scene: Scene, chat: int, downloads: Downloads) -> None:
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
        scene.api.say(text, chat)
        answers = sorted(scene.wait_for_answers(number, chat), key=lambda answer: answer.message_id)
        assert answers[-1].kind == kind
    media = answers[-1].media
    assert media is not None
    found = probe(media.path)
    assert (found.video, found.audio) == (None, "aac")
    assert found.duration_s == pytest.approx(3, abs=0.2)
    assert media.thumbnail is not None
    assert downloads() == ["done", "done"]


def test_a_film_without_sound_has_none_to_give(scene: Scene, chat: int) -> None:
    scene.api.say(f"/audio {scene.link('/gif.mp4')}", chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert "no sound" in (answer.text or "")


@pytest.mark.parametrize(("name", "has_cover"), [("covered", True), ("bare", False)])
def test_a_song_has_the_picture_that_its_site_has(
    scene: Scene, chat: int, name: str, has_cover: bool
) -> None:
    scene.send(f"/song/{name}", chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.media is not None
    assert answer.kind == "audio"
    assert (answer.media.title, answer.media.performer) == (name, "Ada")
    assert (answer.media.thumbnail is not None) is has_cover
    if answer.media.thumbnail:
        assert max(image_size(answer.media.thumbnail)) == 320
