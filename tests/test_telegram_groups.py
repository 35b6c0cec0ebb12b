"""Files beside the answer: albums and single messages."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.chats import ChatMessage
from tests.sandbox.faults import Fault
from tests.test_telegram_delivery import CHAT, JPEG, MP4, PNG, REQUEST, TOKEN, Desk
from worker.errors import ChatClosed, FileIdRefused, JobError, Reason, TelegramUnreachable
from worker.jobs import GroupSent, MediaFile, MediaKind, SendGroup

CONTENTS = {
    MediaKind.VIDEO: ("clip.mp4", MP4),
    MediaKind.ANIMATION: ("loop.mp4", MP4),
    MediaKind.AUDIO: ("song.mp3", b"ID3" + b"\0" * 50),
    MediaKind.PHOTO: ("picture.png", PNG),
    MediaKind.DOCUMENT: ("paper.pdf", b"%PDF"),
}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with BotApi(TOKEN) as api:
        yield Desk(api).post()


def a_file(folder: Path, kind: MediaKind, number: int = 1, **more: object) -> MediaFile:
    name, content = CONTENTS[kind]
    path = folder / f"{number}-{name}"
    path.write_bytes(content)
    thumbnail = path.with_suffix(".thumbnail.jpg")
    thumbnail.write_bytes(JPEG)
    file = MediaFile(str(path), kind, len(content), "Dusk", "https://a.example/v")
    return replace(file, thumbnail=str(thumbnail), duration_s=3.0, **more)  # type: ignore[arg-type]


def send(desk: Desk, *files: MediaFile) -> tuple[GroupSent, list[ChatMessage]]:
    """Send them; what is answered, and the messages that came into the chat by it."""
    before = len(desk.api.chat(CHAT))
    sent = desk.do(SendGroup(REQUEST, CHAT, desk.link_id, files))
    assert isinstance(sent, GroupSent)
    return sent, desk.api.chat(CHAT)[before:]


@pytest.mark.parametrize("kind", MediaKind)
def test_a_single_file_of_any_kind_is_a_message(
    desk: Desk, tmp_path: Path, kind: MediaKind
) -> None:
    file = a_file(tmp_path, kind)
    sent, (message,) = send(desk, file)
    assert message.kind == kind
    assert message.reply_to == desk.link_id
    assert message.media is not None
    assert message.media.path.read_bytes() == CONTENTS[kind][1]
    assert (message.media.thumbnail is None) == (kind is MediaKind.PHOTO)
    assert [each.kind for each in sent.sent] == [kind]
    # And again by the name that Telegram has given it.
    again, (message,) = send(desk, replace(file, file_id=sent.sent[0].file_id))
    assert again == sent
    assert message.kind == kind


def test_several_files_are_one_album(desk: Desk, tmp_path: Path) -> None:
    kinds = (MediaKind.PHOTO, MediaKind.VIDEO, MediaKind.PHOTO)
    files = [a_file(tmp_path, kind, number) for number, kind in enumerate(kinds)]
    sent, messages = send(desk, *files)
    assert [message.kind for message in messages] == list(kinds)
    assert len({message.fields["media_group_id"] for message in messages}) == 1
    assert [each.kind for each in sent.sent] == list(kinds)
    known = [
        replace(file, file_id=each.file_id) for file, each in zip(files, sent.sent, strict=True)
    ]
    again, messages = send(desk, *known)
    assert again == sent
    assert [message.kind for message in messages] == list(kinds)
    assert not [call for call in desk.api.calls[-1:] if call.uploads]


def test_parts_say_which_they_are_and_the_rest_of_an_album_says_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    _, (part,) = send(desk, a_file(tmp_path, MediaKind.VIDEO, 1, part=2, parts=3))
    assert part.caption == "Dusk\n0:03 · part 2 of 3"
    _, (other,) = send(desk, a_file(tmp_path, MediaKind.VIDEO, 2))
    assert other.caption is None


def test_a_local_server_is_given_the_files_addresses(tmp_path: Path) -> None:
    with BotApi(TOKEN, local=True) as api:
        desk = Desk(api, local=True).post()
        for count in (1, 2):
            files = [a_file(tmp_path, MediaKind.VIDEO, number) for number in range(count)]
            send(desk, *files)
            sizes = [upload.size for upload in api.calls[-1].uploads.values()]
            assert sizes == [len(JPEG)] * count


def test_a_name_that_telegram_refuses_is_said_to_be_so(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(FileIdRefused):
        send(desk, a_file(tmp_path, MediaKind.VIDEO, file_id="BAACAgIAAxkBAAI"))


@pytest.mark.parametrize("count", [1, 2])
def test_what_telegram_does_not_take_has_a_reason(desk: Desk, tmp_path: Path, count: int) -> None:
    files = [a_file(tmp_path, MediaKind.PHOTO, number) for number in range(count)]
    for file in files:
        Path(file.path).write_bytes(b"no picture at all")
    with pytest.raises(JobError) as caught:
        send(desk, *files)
    assert caught.value.reason is Reason.UPLOAD_REFUSED


@pytest.mark.parametrize("count", [1, 2])
def test_an_answer_that_is_lost_leaves_it_open(desk: Desk, tmp_path: Path, count: int) -> None:
    files = [a_file(tmp_path, MediaKind.PHOTO, number) for number in range(count)]
    desk.api.faults.add(Fault("sendMediaGroup" if count > 1 else "sendPhoto", "cut_after"))
    with pytest.raises(TelegramUnreachable):
        send(desk, *files)


def test_a_closed_chat_ends_it(desk: Desk, tmp_path: Path) -> None:
    desk.api.block(CHAT)
    with pytest.raises(ChatClosed):
        send(desk, a_file(tmp_path, MediaKind.VIDEO))
