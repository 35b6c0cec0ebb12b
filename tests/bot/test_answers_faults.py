"""Answers of several files, and shared ones, when something goes wrong in their middle."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.sandbox.errors import bad_request
from tests.sandbox.faults import Call, Fault
from tests.sandbox.site import MediaSite
from tests.support.scene import GALLERY, Scene, albums
from worker.errors import Reason
from worker.telegram.texts import ENGLISH, explanation

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

_chats = count(7000)


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home = tmp_path_factory.mktemp("bot")
    with Scene(site, home, GALLERY) as scene:
        yield scene


@pytest.fixture
def chat(scene: Scene) -> Iterator[int]:
    """A chat of its own; afterwards nothing waits in it and nothing is wrong with Telegram."""
    chat = next(_chats)
    yield chat
    scene.api.on_call = scene.api.on_applied = None
    scene.api.faults.clear()
    waiting = "SELECT kind, state FROM jobs WHERE chat_id = ? AND state IN ('waiting', 'running')"
    scene.api.wait_for(lambda: not scene.ledger(waiting, chat))
    assert "Traceback" not in scene.bot.log


@pytest.mark.parametrize(
    ("kind", "is_sent_twice"),
    [
        ("too_many_requests", False),
        ("server_error", False),
        ("bad_gateway", False),
        ("malformed_json", True),
        ("cut_after", True),
    ],
)
def test_telegram_stumbles_over_a_group(
    scene: Scene, chat: int, kind: str, is_sent_twice: bool
) -> None:
    fault = Fault("sendMediaGroup", kind, chat_id=chat)  # type: ignore[arg-type]
    scene.api.faults.add(fault)
    scene.send(f"/post/ppp?{chat}", chat)
    answers = scene.wait_for_answers(5 if is_sent_twice else 3, chat)
    assert fault.hits == 1
    assert [answer.caption is not None for answer in answers].count(True) == 1
    assert sorted(map(len, albums(answers)))[-1] == 2


@pytest.mark.parametrize("post", ["ppvpp", "v"])
def test_right_that_the_chat_does_not_give_is_named(scene: Scene, chat: int, post: str) -> None:
    uploads: list[int] = []

    def refuse_videos(call: Call) -> None:
        uploads.append(len(call.uploads))
        if "video" in str(call.params.get("media")):
            raise bad_request("not enough rights to send videos to the chat")

    scene.api.on_call = refuse_videos
    scene.send(f"/post/{post}?{chat}", chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.text == explanation(ENGLISH, Reason.NO_RIGHT_TO_VIDEOS)
    assert answer.buttons == []
    assert sum(map(bool, uploads)) == 1


def test_ten_spellings_of_one_link_and_the_first_gives_up(scene: Scene, chat: int) -> None:
    people = [chat, *(next(_chats) for _ in range(9))]
    for number, person in enumerate(people):
        scene.send(f"/watch?n={number}&v=dawn&of={chat}", person)
    status = scene.wait_for_status("", chat)
    scene.api.press(chat, status.message_id, "Cancel")
    for person in people[1:]:
        (answer,) = scene.wait_for_answers(1, person)
        assert answer.kind == "video"
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.text == ENGLISH.cancelled or answer.kind == "video"
    scene.wait_for_no_directories()
