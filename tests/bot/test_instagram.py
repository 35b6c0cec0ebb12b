"""Posts of a site that answers browsers alone, through the whole bot: of one item and of many."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.sandbox import trusting_bot
from tests.sandbox.chats import ChatMessage
from tests.sandbox.errors import bad_request
from tests.sandbox.faults import Call
from tests.sandbox.files import image_size
from tests.sandbox.site import MediaSite
from tests.support.instagram import INSTAGRAM, LINK, Instagram
from tests.support.scene import Scene, albums
from worker.downloads.confinement import network
from worker.downloads.confinement.network import Network

pytestmark = [
    pytest.mark.usefixtures("needs_ffmpeg"),
    pytest.mark.skipif(
        network.active() is Network.NONE, reason="nothing confines native code here"
    ),
]

_chats = count(4000)

REFUSED = frozenset({100, 104})
"""Widths of pictures that Telegram refuses, wherever they stand in a post."""


@pytest.fixture(scope="module")
def instagram(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instagram]:
    with Instagram(tmp_path_factory.mktemp("instagram")) as made:
        yield made


@pytest.fixture(scope="module")
def scene(
    instagram: Instagram, site: MediaSite, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    env = {"PROXY": instagram.proxy, "SSL_CERT_FILE": str(instagram.certificate)}
    script = Path(trusting_bot.__file__)
    with Scene(site, tmp_path_factory.mktemp("bot"), env, script=script) as made:
        yield made


@pytest.fixture
def chat(scene: Scene) -> Iterator[int]:
    yield next(_chats)
    scene.api.on_call = None


def test_a_reel_is_answered_without_a_login(scene: Scene, instagram: Instagram, chat: int) -> None:
    scene.api.say(LINK, chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert "Ada" in str(answer)
    assert instagram.turned_away == []
    assert f"{INSTAGRAM}/api/graphql" in instagram.requests


def outline(message: ChatMessage) -> str:
    """A picture by its width, and anything else by its kind."""
    media = message.media
    assert media
    return str(image_size(media.path)[0]) if message.kind == "photo" else message.kind


def sent(scene: Scene, chat: int, number: int) -> list[ChatMessage]:
    """The messages of an answer, in the order in which they stand in the chat."""
    return sorted(scene.wait_for_answers(number, chat), key=lambda each: each.message_id)


def pictures(number: int, *, films: tuple[int, ...] = ()) -> list[str]:
    """So many items: pictures of different widths, and films at some places."""
    return ["film" if place in films else str(120 + place) for place in range(number)]


@pytest.mark.parametrize(
    ("items", "groups"),
    [
        (pictures(1), [1]),
        (pictures(2, films=(0,)), [1, 1]),
        (pictures(10, films=(4, 9)), [1, 9]),
        (pictures(11), [1, 10]),
        (pictures(35, films=(0, 1, 11, 20, 34)), [1, 10, 10, 10, 4]),
    ],
    ids=lambda value: str(len(value)),
)
def test_a_post_comes_whole_and_in_order(
    scene: Scene, instagram: Instagram, chat: int, items: list[str], groups: list[int]
) -> None:
    scene.api.say(instagram.post(f"whole{len(items)}", items), chat)
    messages = sent(scene, chat, len(items))
    assert [outline(each).replace("video", "film") for each in messages] == items
    assert [len(album) for album in albums(messages)] == groups
    assert [bool(each.caption) for each in messages] == [True] + [False] * (len(items) - 1)


def test_a_picture_that_telegram_refuses_comes_as_a_document_in_its_place(
    scene: Scene, instagram: Instagram, chat: int
) -> None:
    def refuse(call: Call) -> None:
        is_shown = call.method == "sendPhoto" or "photo" in str(call.params.get("media"))
        widths = {image_size(upload.path)[0] for upload in call.uploads.values()}
        if is_shown and widths & REFUSED:
            raise bad_request("IMAGE_PROCESS_FAILED")

    scene.api.on_call = refuse
    items = ["100", "101", "102", "film", "104", "105", "106"]
    scene.api.say(instagram.post("refused", items), chat)
    messages = sent(scene, chat, len(items))
    assert [outline(each) for each in messages] == [
        *("document", "101", "102", "video", "document", "105", "106"),
    ]
