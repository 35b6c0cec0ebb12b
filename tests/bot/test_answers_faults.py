"""Answers of several files, and shared ones, when something goes wrong in their middle."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.sandbox.errors import bad_request
from tests.sandbox.faults import Call, Fault
from tests.sandbox.site import MediaSite
from tests.support.scene import GALLERY, Scene, albums
from worker.telegram.texts import ENGLISH

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
    scene.api.wait_for(lambda: not scene.ledger(waiting, chat), 40)
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


def test_a_kind_that_the_chat_does_not_take_comes_as_documents(scene: Scene, chat: int) -> None:
    def refuse_videos(call: Call) -> None:
        of_album = str(call.params.get("media"))
        if call.method == "sendVideo" or (call.method == "sendMediaGroup" and "video" in of_album):
            raise bad_request("not enough rights to send videos to the chat")

    scene.api.on_call = refuse_videos
    link = f"/post/ppvpp?{chat}"
    for number in (1, 2):
        # The second time Telegram has them already, as what it has made of them.
        scene.send(link, chat)
        answers = scene.wait_for_answers(5 * number, chat)
        last = sorted(answers, key=lambda answer: answer.message_id)[-5:]
        assert [answer.kind for answer in last] == ["photo", "photo", "document", "photo", "photo"]
        assert [answer.caption is not None for answer in last].count(True) == 1
    downloads = "SELECT id FROM jobs WHERE kind = 'download' AND id IN"
    downloads += " (SELECT download_id FROM requests WHERE chat_id = ?)"
    assert len(scene.ledger(downloads, chat)) == 1


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
