"""The tasks that answer a request, run against the Bot API stand-in."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.chats import ChatMessage
from tests.sandbox.errors import bad_request
from tests.sandbox.faults import Call
from worker.errors import Fault, FileIdRefused, JobError, MessageGone, Reason
from worker.protocol import (
    Action,
    AnswerButton,
    CancelRequest,
    Deliver,
    Delivered,
    EditStatus,
    Explain,
    HandleUpdate,
    MediaFile,
    MediaKind,
    Posted,
    PostStatus,
    Progress,
    Reply,
    ShowAction,
    Stage,
    TelegramTask,
)
from worker.telegram import Connection, TelegramResult, make_handler, texts

TOKEN = "123456789:AAHsecret-0123456789abcdefghijklmno"
CHAT, REQUEST = 1001, 17

MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 1000
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\0" * 100
JPEG = (
    b"\xff\xd8\xff\xc0\0\x11\x08" + struct.pack(">HH", 180, 320) + b"\x03" + b"\0" * 9 + b"\xff\xd9"
)


class Desk:
    """A telegram worker's handler, and the chat that it writes to."""

    def __init__(self, api: BotApi, local: bool = False) -> None:
        self.api = api
        self._handle = make_handler(Connection(TOKEN, api.url, local))
        self.link_id = api.say("https://a.example/v", CHAT)
        self.message_id = 0

    def do(self, task: TelegramTask) -> TelegramResult:
        return self._handle(None, task)

    def post(self) -> "Desk":
        posted = self.do(PostStatus(REQUEST, CHAT, self.link_id))
        assert isinstance(posted, Posted)
        self.message_id = posted.message_id
        return self

    def deliver(self, media: MediaFile, file_id: str | None = None) -> Delivered:
        delivered = self.do(
            Deliver(REQUEST, CHAT, self.message_id, replace(media, file_id=file_id))
        )
        assert isinstance(delivered, Delivered)
        return delivered

    @property
    def message(self) -> ChatMessage:
        """The status message as it is now."""
        return next(m for m in self.api.chat(CHAT) if m.message_id == self.message_id)


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi(TOKEN) as api:
        yield api


@pytest.fixture
def desk(api: BotApi) -> Desk:
    return Desk(api).post()


@pytest.fixture
def clip(tmp_path: Path) -> MediaFile:
    """A video with everything that is known of one."""
    path, thumbnail = tmp_path / "clip.mp4", tmp_path / "clip.jpg"
    path.write_bytes(MP4)
    thumbnail.write_bytes(JPEG)
    return MediaFile(
        str(path),
        MediaKind.VIDEO,
        len(MP4),
        "Häppy <Times>",
        "https://a.example/v?a=1&b=2",
        width=1280,
        height=720,
        duration_s=12.6,
        thumbnail=str(thumbnail),
        uploader="Ada",
    )


def of_kind(clip: MediaFile, kind: MediaKind, name: str, content: bytes) -> MediaFile:
    path = Path(clip.path).with_name(name)
    path.write_bytes(content)
    return replace(clip, kind=kind, path=str(path), size_bytes=len(content))


# ---------------------------------------------------------------------------- the status


def test_a_status_answers_the_link_and_can_be_cancelled(desk: Desk) -> None:
    assert desk.message.reply_to == desk.link_id
    assert desk.message.text == texts.progress(Progress(Stage.ACCEPTED))
    assert desk.message.buttons == [[("Cancel", f"cancel:{REQUEST}")]]
    desk.api.press(CHAT, desk.message_id, "Cancel")
    update = desk.api.pending_updates[-1]
    [effect] = desk.do(HandleUpdate(update)) or ()  # type: ignore[misc]
    assert isinstance(effect, CancelRequest)
    assert (effect.request_id, effect.user_id) == (REQUEST, CHAT)


def test_a_status_is_posted_though_the_link_is_deleted(api: BotApi) -> None:
    desk = Desk(api)
    api.delete_message(CHAT, desk.link_id)
    assert desk.post().message.reply_to is None


@pytest.mark.parametrize("action", Action)
def test_every_action_is_one_that_telegram_knows(desk: Desk, action: Action) -> None:
    shown = []
    desk.api.events.subscribe(lambda event: shown.append((event.kind, event.text)))
    assert desk.do(ShowAction(CHAT, action)) is None
    assert shown == [("action", action)]


def test_progress_is_shown_and_may_repeat_itself(desk: Desk) -> None:
    progress = Progress(Stage.DOWNLOADING, 5_000_000, 10_000_000)
    task = EditStatus(REQUEST, CHAT, desk.message_id, progress)
    assert desk.do(task) is None
    assert desk.do(task) is None
    assert desk.message.text == texts.progress(progress)
    assert desk.message.buttons == [[("Cancel", f"cancel:{REQUEST}")]]


def test_progress_for_a_message_that_is_gone_does_not_matter(desk: Desk) -> None:
    desk.api.delete_message(CHAT, desk.message_id)
    progress = Progress(Stage.DOWNLOADING)
    assert desk.do(EditStatus(REQUEST, CHAT, desk.message_id, progress)) is None


def test_late_progress_leaves_the_media_alone(desk: Desk, clip: MediaFile) -> None:
    desk.deliver(clip)
    late = EditStatus(REQUEST, CHAT, desk.message_id, Progress(Stage.DOWNLOADING, 1))
    assert desk.do(late) is None
    assert desk.message.kind == "video"


# ------------------------------------------------------------------------------ the media


def test_the_status_turns_into_the_video(desk: Desk, clip: MediaFile) -> None:
    delivered = desk.deliver(clip)
    message = desk.message
    assert message.media is not None
    assert delivered == Delivered(message.media.file_id, MediaKind.VIDEO)
    assert message.media.path.read_bytes() == MP4
    assert message.media.file_name == "Happy_Times.mp4"
    assert (message.media.width, message.media.height, message.media.duration) == (1280, 720, 13)
    assert message.media.supports_streaming
    assert message.media.thumbnail is not None
    assert message.media.thumbnail.read_bytes() == JPEG
    assert message.caption == "Häppy <Times>\nAda · 0:13"
    assert [(e["type"], e["url"]) for e in message.entities] == [("text_link", clip.source_url)]
    assert message.buttons == []


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        (MediaKind.AUDIO, "song.mp3", b"ID3" + b"\0" * 50),
        (MediaKind.ANIMATION, "loop.mp4", MP4),
        (MediaKind.PHOTO, "picture.png", PNG),
        (MediaKind.DOCUMENT, "paper.pdf", b"%PDF"),
    ],
)
def test_the_status_turns_into_media_of_any_kind(
    desk: Desk, clip: MediaFile, kind: MediaKind, name: str, content: bytes
) -> None:
    media = of_kind(clip, kind, name, content)
    first = desk.deliver(media)
    assert first.kind is kind
    assert desk.message.kind == kind
    again = desk.post().deliver(media, first.file_id)
    assert again == first
    assert desk.message.media is not None
    assert desk.message.media.path.read_bytes() == content


def test_a_song_has_a_title_and_a_performer(desk: Desk, clip: MediaFile) -> None:
    desk.deliver(of_kind(clip, MediaKind.AUDIO, "song.mp3", b"ID3"))
    assert desk.message.media is not None
    assert desk.message.media.title == "Häppy <Times>"
    assert desk.message.media.performer == "Ada"


def test_delivering_twice_is_one_answer(desk: Desk, clip: MediaFile) -> None:
    first = desk.deliver(clip)
    assert desk.deliver(clip) == Delivered(None)
    assert desk.deliver(clip, first.file_id) == Delivered(None)
    assert [m.kind for m in desk.api.chat(CHAT)] == ["text", "video"]


def test_a_kind_that_telegram_chose_itself_is_remembered(desk: Desk, clip: MediaFile) -> None:
    media = of_kind(clip, MediaKind.VIDEO, "clip.flv", b"FLV\x01")
    assert desk.deliver(media).kind is MediaKind.DOCUMENT


@pytest.mark.parametrize("content", [b"no picture at all", PNG + b"\0" * 11 * 1024 * 1024])
def test_a_photo_that_is_refused_comes_as_a_document(
    desk: Desk, clip: MediaFile, content: bytes
) -> None:
    media = of_kind(clip, MediaKind.PHOTO, "picture.png", content)
    assert desk.deliver(media).kind is MediaKind.DOCUMENT
    assert desk.message.kind == "document"


def test_a_video_that_is_refused_comes_as_a_document(desk: Desk, clip: MediaFile) -> None:
    def refuse_videos(call: Call) -> None:
        if call.method == "editMessageMedia" and call.params["media"]["type"] == "video":
            raise bad_request("not enough rights to send videos to the chat")

    desk.api.on_call = refuse_videos
    assert desk.deliver(clip).kind is MediaKind.DOCUMENT
    assert desk.message.kind == "document"
    assert desk.message.caption


def test_a_file_id_that_is_refused_is_said_to_be_so(desk: Desk, clip: MediaFile) -> None:
    with pytest.raises(FileIdRefused):
        desk.deliver(clip, "BAACAgIAAxkBAAI")


def test_media_for_a_message_that_is_gone_is_not_lost_silently(desk: Desk, clip: MediaFile) -> None:
    desk.api.delete_message(CHAT, desk.message_id)
    with pytest.raises(MessageGone):
        desk.deliver(clip)


def test_a_local_server_is_given_the_files_address(clip: MediaFile) -> None:
    with BotApi(TOKEN, local=True) as api:
        desk = Desk(api, local=True).post()
        spaced = of_kind(clip, MediaKind.VIDEO, "a %20 ä.mp4", MP4)
        assert desk.deliver(spaced).kind is MediaKind.VIDEO
        [call] = [call for call in api.calls if call.method == "editMessageMedia"]
        assert call.params["media"]["media"].startswith("file:///")
        assert [upload.size for upload in call.uploads.values()] == [len(JPEG)]


def test_a_server_that_is_not_local_is_the_operators_business(api: BotApi, clip: MediaFile) -> None:
    desk = Desk(api, local=True).post()
    with pytest.raises(JobError) as caught:
        desk.deliver(clip)
    assert caught.value.fault is Fault.OPERATOR
    assert "--local" in caught.value.detail


# ------------------------------------------------------------------------------ the words


def test_the_status_turns_into_a_sentence(desk: Desk) -> None:
    task = Explain(REQUEST, CHAT, desk.message_id, Reason.INTERNAL, "7f3a2c")
    assert desk.do(task) is None
    assert desk.do(task) is None
    assert desk.message.text == texts.explanation(Reason.INTERNAL, "7f3a2c")
    assert desk.message.buttons == []


def test_no_sentence_replaces_media_that_came(desk: Desk, clip: MediaFile) -> None:
    desk.deliver(clip)
    assert desk.do(Explain(REQUEST, CHAT, desk.message_id, Reason.CRASHED)) is None
    assert desk.message.kind == "video"


def test_a_sentence_for_a_message_that_is_gone_is_not_lost_silently(desk: Desk) -> None:
    desk.api.delete_message(CHAT, desk.message_id)
    with pytest.raises(MessageGone):
        desk.do(Explain(REQUEST, CHAT, desk.message_id, None))


def test_a_reply_is_plain_text(desk: Desk) -> None:
    assert desk.do(Reply(CHAT, desk.link_id, "<b>& /help")) is None
    last = desk.api.chat(CHAT)[-1]
    assert (last.text, last.reply_to) == ("<b>& /help", desk.link_id)


def test_a_button_pressed_too_long_ago_needs_no_answer(desk: Desk) -> None:
    assert desk.do(AnswerButton("123", "Cancelled.")) is None
