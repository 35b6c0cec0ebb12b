"""Files beside the answer: albums and single messages."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.chats import ChatMessage
from tests.sandbox.errors import bad_request
from tests.sandbox.faults import Call, Fault, FaultKind
from tests.support.telegram_driver import CHAT, JPEG, MP4, PNG, REQUEST, TOKEN, TelegramDriver
from worker.dispatch.albums import next_group
from worker.errors import (
    ChatClosed,
    FileIdRefused,
    JobError,
    Reason,
    TelegramBusy,
    TelegramUnreachable,
)
from worker.protocol import (
    Action,
    Explain,
    GroupSent,
    MediaFacts,
    MediaFile,
    MediaKind,
    Place,
    PostStatus,
    Reader,
    Reply,
    SendGroup,
    ShowAction,
)
from worker.protocol.notices import Notice, Topic
from worker.telegram import delivery
from worker.telegram.api_access import ApiAccess
from worker.telegram.client import Client

CONTENTS = {
    MediaKind.VIDEO: ("clip.mp4", MP4),
    MediaKind.ANIMATION: ("loop.mp4", MP4),
    MediaKind.AUDIO: ("song.mp3", b"ID3" + b"\0" * 50),
    MediaKind.VOICE: ("voice.ogg", b"OggS" + b"\0" * 50),
    MediaKind.PHOTO: ("picture.png", PNG),
    MediaKind.DOCUMENT: ("paper.pdf", b"%PDF"),
}


@pytest.fixture
def driver() -> Iterator[TelegramDriver]:
    with BotApi(TOKEN) as api:
        yield TelegramDriver(api).post()


def a_file(
    folder: Path,
    kind: MediaKind,
    number: int = 1,
    *,
    file_id: str | None = None,
    part: int = 1,
    parts: int = 1,
) -> MediaFile:
    name, content = CONTENTS[kind]
    path = folder / f"{number}-{name}"
    path.write_bytes(content)
    thumbnail = path.with_suffix(".thumbnail.jpg")
    thumbnail.write_bytes(JPEG)
    facts = MediaFacts(kind, "Dusk", duration_s=3.0, part=part, parts=parts)
    link = "https://a.example/v"
    return MediaFile(str(path), len(content), link, facts, str(thumbnail), file_id)


def send(driver: TelegramDriver, *files: MediaFile) -> tuple[GroupSent, list[ChatMessage]]:
    """Send them; what is answered, and the messages that came into the chat by it."""
    before = len(driver.api.chat(CHAT))
    sent = driver.do(SendGroup(REQUEST, Reader(CHAT), driver.link_id, files))
    assert isinstance(sent, GroupSent)
    return sent, driver.api.chat(CHAT)[before:]


@pytest.mark.parametrize("kind", MediaKind)
def test_a_single_file_of_any_kind_is_a_message(
    driver: TelegramDriver, tmp_path: Path, kind: MediaKind
) -> None:
    file = a_file(tmp_path, kind)
    sent, (message,) = send(driver, file)
    assert message.kind == kind
    assert message.reply_to == driver.link_id
    assert message.media is not None
    assert message.media.path.read_bytes() == CONTENTS[kind][1]
    assert (message.media.thumbnail is None) == (kind in {MediaKind.PHOTO, MediaKind.VOICE})
    assert [each.kind for each in sent.sent] == [kind]
    # And again by the name that Telegram has given it.
    again, (message,) = send(driver, replace(file, file_id=sent.sent[0].file_id))
    assert again == GroupSent((replace(sent.sent[0], message_id=message.message_id),))
    assert message.kind == kind


def test_several_files_are_one_album(driver: TelegramDriver, tmp_path: Path) -> None:
    kinds = (MediaKind.PHOTO, MediaKind.VIDEO, MediaKind.PHOTO)
    files = [a_file(tmp_path, kind, number) for number, kind in enumerate(kinds)]
    sent, messages = send(driver, *files)
    assert [message.kind for message in messages] == list(kinds)
    assert len({message.fields["media_group_id"] for message in messages}) == 1
    assert [each.kind for each in sent.sent] == list(kinds)
    known = [
        replace(file, file_id=each.file_id) for file, each in zip(files, sent.sent, strict=True)
    ]
    again, messages = send(driver, *known)
    assert again == sent
    assert [message.kind for message in messages] == list(kinds)
    assert not [call for call in driver.api.calls[-1:] if call.uploads]


@pytest.mark.parametrize("thread_id", [5, None])
@pytest.mark.parametrize("count", [1, 2])
def test_files_are_sent_to_their_topic(
    driver: TelegramDriver, tmp_path: Path, count: int, thread_id: int | None
) -> None:
    files = tuple(a_file(tmp_path, MediaKind.PHOTO, number) for number in range(count))
    reader = Reader(CHAT, thread_id=thread_id)
    driver.do(SendGroup(REQUEST, reader, driver.link_id, files))
    driver.do(PostStatus(REQUEST, reader, driver.link_id))
    driver.do(Reply(reader, driver.link_id, (Notice(Topic.HINT),)))
    driver.do(ShowAction(Place(CHAT, thread_id), Action.UPLOAD_PHOTO))
    driver.do(Explain(REQUEST, reader, 1, Reason.CRASHED, reply_to_id=driver.link_id))
    *calls, removal = driver.api.calls[-6:]
    assert removal.method == "deleteMessage"
    assert [call.params.get("message_thread_id") for call in calls] == [thread_id] * 5


def test_parts_say_which_they_are_and_the_rest_of_an_album_says_nothing(
    driver: TelegramDriver, tmp_path: Path
) -> None:
    _, (part,) = send(driver, a_file(tmp_path, MediaKind.VIDEO, 1, part=2, parts=3))
    assert part.caption == "Dusk\n0:03 · part 2 of 3"
    _, (other,) = send(driver, a_file(tmp_path, MediaKind.VIDEO, 2))
    assert other.caption is None


def test_a_local_server_is_given_the_files_addresses(tmp_path: Path) -> None:
    with BotApi(TOKEN, local=True) as api:
        driver = TelegramDriver(api, local=True).post()
        for count in (1, 2):
            files = [a_file(tmp_path, MediaKind.VIDEO, number) for number in range(count)]
            send(driver, *files)
            sizes = [upload.size for upload in api.calls[-1].uploads.values()]
            assert sizes == [len(JPEG)] * count


def test_a_name_that_telegram_refuses_is_said_to_be_so(
    driver: TelegramDriver, tmp_path: Path
) -> None:
    with pytest.raises(FileIdRefused):
        send(driver, a_file(tmp_path, MediaKind.VIDEO, file_id="BAACAgIAAxkBAAI"))


def a_post(folder: Path, letters: str) -> list[MediaFile]:
    """A file for each letter: a picture, a video, or x for what Telegram takes for no picture."""
    kinds = [MediaKind.VIDEO if letter == "v" else MediaKind.PHOTO for letter in letters]
    files = [a_file(folder, kind, number) for number, kind in enumerate(kinds)]
    for letter, file in zip(letters, files, strict=True):
        if letter == "x":
            Path(file.path).write_bytes(b"no picture at all")
    return files


def send_all(driver: TelegramDriver, files: list[MediaFile]) -> list[MediaFile]:
    """Send group after group, as many files as were left, and return them as Telegram has them."""
    sent: list[MediaFile] = []
    while group := next_group(files[len(sent) :], 50_000_000):
        result, messages = send(driver, *group)
        assert len(messages) == len(result.sent)
        known = zip(group, result.sent, strict=False)
        for file, each in known:
            facts = replace(file.facts, kind=each.kind or file.facts.kind)
            sent.append(replace(file, facts=facts, file_id=each.file_id))
    return sent


@pytest.mark.parametrize("letters", ["x", "px", "xp", "pxp", "vxv", "xx", "ppppppppx", "pxpppppxp"])
def test_what_is_refused_comes_as_a_document_in_its_place(
    driver: TelegramDriver, tmp_path: Path, letters: str
) -> None:
    before = len(driver.api.chat(CHAT))
    files = a_post(tmp_path, letters)
    known = send_all(driver, files)
    kinds = {"p": "photo", "v": "video", "x": "document"}
    messages = driver.api.chat(CHAT)[before:]
    assert [message.kind for message in messages] == [kinds[letter] for letter in letters]
    for file, message in zip(files, messages, strict=True):
        assert message.media is not None
        assert message.media.path.read_bytes() == Path(file.path).read_bytes()
    # Once Telegram has them nothing is refused any more.
    calls = len(driver.api.calls)
    assert send_all(driver, known) == known
    assert {call.status for call in driver.api.calls[calls:]} == {200}


@pytest.mark.negative
def test_one_file_alone_would_have_the_whole_album_refused(
    driver: TelegramDriver, tmp_path: Path
) -> None:
    before = len(driver.api.chat(CHAT))
    task = SendGroup(REQUEST, Reader(CHAT), driver.link_id, tuple(a_post(tmp_path, "pxp")))
    with pytest.raises(JobError) as caught:
        delivery._send_album(Client(ApiAccess(TOKEN, driver.api.url)), task, task.files)
    assert caught.value.reason is Reason.UPLOAD_REFUSED
    assert len(driver.api.chat(CHAT)) == before


@pytest.mark.parametrize("letters", ["p", "pp"])
def test_what_telegram_does_not_take_at_all_has_a_reason(
    driver: TelegramDriver, tmp_path: Path, letters: str
) -> None:
    def refuse(call: Call) -> None:
        if call.method.startswith("send"):
            raise bad_request("not today")

    driver.api.on_call = refuse
    with pytest.raises(JobError) as caught:
        send(driver, *a_post(tmp_path, letters))
    assert caught.value.reason is Reason.UPLOAD_REFUSED


@pytest.mark.parametrize("letters", ["v", "vp", "pvpv"])
def test_what_a_group_does_not_allow_is_not_sent_by_halves(
    driver: TelegramDriver, tmp_path: Path, letters: str
) -> None:
    def refuse(call: Call) -> None:
        if call.method.startswith("send"):
            raise bad_request("not enough rights to send videos to the chat")

    driver.api.on_call = refuse
    calls = len(driver.api.calls)
    with pytest.raises(JobError) as caught:
        send(driver, *a_post(tmp_path, letters))
    assert caught.value.reason is Reason.NO_RIGHT_TO_VIDEOS
    assert len(driver.api.calls) == calls + 1


@pytest.mark.parametrize("kind", ["too_many_requests", "server_error", "bad_gateway", "cut_before"])
def test_what_is_no_refusal_is_left_to_the_queue(
    driver: TelegramDriver, tmp_path: Path, kind: FaultKind
) -> None:
    driver.api.faults.add(Fault("sendMediaGroup", kind))
    with pytest.raises((TelegramBusy, TelegramUnreachable)):
        send(driver, *a_post(tmp_path, "pp"))
    assert [call.method for call in driver.api.calls].count("sendMediaGroup") == 1


@pytest.mark.parametrize("count", [1, 2])
def test_an_answer_that_is_lost_leaves_it_open(
    driver: TelegramDriver, tmp_path: Path, count: int
) -> None:
    files = [a_file(tmp_path, MediaKind.PHOTO, number) for number in range(count)]
    driver.api.faults.add(Fault("sendMediaGroup" if count > 1 else "sendPhoto", "cut_after"))
    with pytest.raises(TelegramUnreachable):
        send(driver, *files)


def test_a_closed_chat_ends_it(driver: TelegramDriver, tmp_path: Path) -> None:
    driver.api.block(CHAT)
    with pytest.raises(ChatClosed):
        send(driver, a_file(tmp_path, MediaKind.VIDEO))
