"""The tasks that answer a request, run against the Bot API stand-in."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.sandbox.api import BotApi
from tests.sandbox.errors import bad_request
from tests.sandbox.faults import Call, FaultKind
from tests.sandbox.faults import Fault as Trouble
from tests.support.taken_lists import a_list
from tests.support.telegram_driver import CHAT, JPEG, MP4, PNG, REQUEST, TOKEN, TelegramDriver
from tests.support.telegram_driver import api as api
from tests.support.telegram_driver import clip as clip
from tests.support.telegram_driver import driver as driver
from worker.errors import Fault, FileIdRefused, JobError, MessageGone, Reason
from worker.form import WHOLE
from worker.protocol import (
    Action,
    AnswerButton,
    Deliver,
    Delivered,
    EditStatus,
    Explain,
    HandleUpdate,
    LiveOffer,
    MediaFile,
    MediaKind,
    Place,
    Posted,
    Progress,
    Reader,
    RemoveStatus,
    Reply,
    SentApart,
    SetMenus,
    ShowAction,
    ShowList,
    ShowLook,
    Stage,
)
from worker.protocol.choices import Menu
from worker.protocol.effects import CancelRequest
from worker.protocol.lists import ListMenu
from worker.protocol.looks import Live, MediaLook
from worker.protocol.notices import Cancelled, Label, Notice, Topic
from worker.protocol.panels import PanelButton, ShowPanel, View
from worker.telegram import illustrations, texts
from worker.telegram.api_access import ApiAccess
from worker.telegram.client import Client
from worker.telegram.texts import ENGLISH


def of_kind(clip: MediaFile, kind: MediaKind, name: str, content: bytes) -> MediaFile:
    path = Path(clip.path).with_name(name)
    path.write_bytes(content)
    facts = replace(clip.facts, kind=kind)
    return replace(clip, facts=facts, path=str(path), size_bytes=len(content))


# ---------------------------------------------------------------------------- the status


def test_a_status_answers_the_link_and_can_be_cancelled(driver: TelegramDriver) -> None:
    assert driver.message.reply_to == driver.link_id
    assert driver.message.text == texts.progress(ENGLISH, Progress(Stage.ACCEPTED))
    assert driver.message.buttons == [[("Cancel", f"cancel:{REQUEST}")]]
    driver.api.press(CHAT, driver.message_id, "Cancel")
    update = driver.api.pending_updates[-1]
    [effect] = driver.do(HandleUpdate(update)) or ()  # type: ignore[misc]
    assert isinstance(effect, CancelRequest)
    assert (effect.request_id, effect.user_id) == (REQUEST, CHAT)


def test_a_status_is_posted_though_the_link_is_deleted(api: BotApi) -> None:
    driver = TelegramDriver(api)
    api.delete_message(CHAT, driver.link_id)
    assert driver.post().message.reply_to is None


@pytest.mark.parametrize("action", Action)
def test_every_action_is_one_that_telegram_knows(driver: TelegramDriver, action: Action) -> None:
    shown = []
    driver.api.events.subscribe(lambda event: shown.append((event.kind, event.text)))
    assert driver.do(ShowAction(Place(CHAT), action)) is None
    assert shown == [("action", action)]


def test_progress_is_shown_and_may_repeat_itself(driver: TelegramDriver) -> None:
    progress = Progress(Stage.DOWNLOADING, 5_000_000, 10_000_000)
    task = EditStatus(REQUEST, Reader(CHAT), driver.message_id, progress)
    assert driver.do(task) is None
    assert driver.do(task) is None
    assert driver.message.text == texts.progress(ENGLISH, progress)
    assert driver.message.buttons == [[("Cancel", f"cancel:{REQUEST}")]]


def test_progress_for_a_message_that_is_gone_does_not_matter(driver: TelegramDriver) -> None:
    driver.api.delete_message(CHAT, driver.message_id)
    progress = Progress(Stage.DOWNLOADING)
    assert driver.do(EditStatus(REQUEST, Reader(CHAT), driver.message_id, progress)) is None


def test_late_progress_leaves_the_media_alone(driver: TelegramDriver, clip: MediaFile) -> None:
    driver.deliver(clip)
    late = EditStatus(REQUEST, Reader(CHAT), driver.message_id, Progress(Stage.DOWNLOADING, 1))
    assert driver.do(late) is None
    assert driver.message.kind == "video"


# ------------------------------------------------------------------------------ the media


def test_the_status_turns_into_the_video(driver: TelegramDriver, clip: MediaFile) -> None:
    delivered = driver.deliver(clip)
    message = driver.message
    assert message.media is not None
    assert delivered == Delivered(message.media.file_id, MediaKind.VIDEO)
    assert message.media.path.read_bytes() == MP4
    assert message.media.file_name == "Häppy Times.mp4"
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
    driver: TelegramDriver, clip: MediaFile, kind: MediaKind, name: str, content: bytes
) -> None:
    media = of_kind(clip, kind, name, content)
    first = driver.deliver(media)
    assert first.kind is kind
    assert driver.message.kind == kind
    again = driver.post().deliver(media, first.file_id)
    assert again == first
    assert driver.message.media is not None
    assert driver.message.media.path.read_bytes() == content


def test_a_song_has_a_title_and_a_performer(driver: TelegramDriver, clip: MediaFile) -> None:
    driver.deliver(of_kind(clip, MediaKind.AUDIO, "song.mp3", b"ID3"))
    assert driver.message.media is not None
    assert driver.message.media.title == "Häppy <Times>"
    assert driver.message.media.performer == "Ada"


def test_delivering_twice_is_one_answer(driver: TelegramDriver, clip: MediaFile) -> None:
    first = driver.deliver(clip)
    assert driver.deliver(clip) == Delivered(None)
    assert driver.deliver(clip, first.file_id) == Delivered(None)
    assert [m.kind for m in driver.api.chat(CHAT)] == ["text", "video"]


def test_the_file_comes_as_a_message_of_its_own(driver: TelegramDriver, clip: MediaFile) -> None:
    task = Deliver(REQUEST, Reader(CHAT), driver.message_id, clip, reply_to_id=driver.link_id)
    delivered = driver.do(task)
    (link, answer) = [m for m in driver.api.chat(CHAT) if not m.deleted]
    assert answer.media is not None
    assert delivered == Delivered(answer.media.file_id, MediaKind.VIDEO, answer.message_id)
    assert (answer.reply_to, answer.buttons) == (link.message_id, [])
    assert answer.caption == "Häppy <Times>\nAda · 0:13"


@pytest.mark.parametrize(
    ("refuses", "kind"), [(False, MediaKind.VOICE), (True, MediaKind.DOCUMENT)]
)
def test_a_voice_message_comes_as_a_message_of_its_own(
    driver: TelegramDriver, clip: MediaFile, refuses: bool, kind: MediaKind
) -> None:
    def refuse(call: Call) -> None:
        # People can forbid voice messages.
        if refuses and call.method == "sendVoice":
            raise bad_request("VOICE_MESSAGES_FORBIDDEN")

    driver.api.on_call = refuse
    voice = replace(of_kind(clip, MediaKind.VOICE, "talk.ogg", b"OggS" * 20), thumbnail=None)
    task = Deliver(REQUEST, Reader(CHAT), driver.message_id, voice, reply_to_id=driver.link_id)
    delivered = driver.do(task)
    (link, answer) = [m for m in driver.api.chat(CHAT) if not m.deleted]
    assert answer.media is not None
    assert delivered == Delivered(answer.media.file_id, kind, answer.message_id)
    assert answer.kind == kind
    assert answer.reply_to == link.message_id
    assert answer.caption == "Häppy <Times>\nAda · 0:13"
    again = replace(task, file=replace(voice, file_id=answer.media.file_id))
    if refuses:
        with pytest.raises(FileIdRefused):
            driver.do(again)
    else:
        repeated = driver.do(again)
        assert isinstance(repeated, Delivered)
        assert repeated.file_id == delivered.file_id


@pytest.mark.parametrize("answer", ["media", "list", "look", "sentence"])
def test_an_answer_as_a_message_of_its_own_has_its_buttons(
    driver: TelegramDriver, clip: MediaFile, answer: str
) -> None:
    status_id, link_id, reader = driver.message_id, driver.link_id, Reader(CHAT)
    offer, code = LiveOffer(WHOLE.code, (5,)), WHOLE.code
    look = MediaLook("A stream", live=Live.NOW)
    below, below_list = Menu(CHAT, status_id, 1, code), ListMenu(CHAT, status_id, 1, 3, True)
    tasks: dict[str, Deliver | ShowList | ShowLook | Explain] = {
        "media": Deliver(REQUEST, reader, status_id, clip, link_id, below),
        "list": ShowList(reader, status_id, a_list(3), below_list, link_id),
        "look": ShowLook(REQUEST, reader, status_id, look, link_id, offer),
        "sentence": Explain(
            REQUEST, reader, status_id, Reason.LIVE, reply_to_id=link_id, offer=offer
        ),
    }
    result = driver.do(tasks[answer])
    (_, sent) = [m for m in driver.api.chat(CHAT) if not m.deleted]
    assert isinstance(result, Delivered | SentApart)
    assert result.message_id == sent.message_id
    assert sent.buttons


@pytest.mark.parametrize("trouble", ["server_error", "too_many_requests", "cut_before"])
def test_a_status_that_cannot_be_removed_is_said_to_be_left(
    driver: TelegramDriver, clip: MediaFile, trouble: FaultKind
) -> None:
    place, link_id = (REQUEST, Reader(CHAT), driver.message_id), driver.link_id
    look = MediaLook("A stream", live=Live.NOW)
    driver.api.faults.add(Trouble("deleteMessage", trouble, times=4))
    delivered = driver.do(Deliver(*place, clip, reply_to_id=link_id))
    assert isinstance(delivered, Delivered)
    assert delivered.leaves_status
    shown = driver.do(ShowLook(*place, look, reply_to_id=link_id))
    assert isinstance(shown, Delivered)
    assert shown.leaves_status
    told = driver.do(Explain(*place, Reason.CRASHED, reply_to_id=link_id))
    assert isinstance(told, SentApart)
    assert told.leaves_status
    menu = ListMenu(CHAT, driver.message_id, REQUEST, 3, True)
    listed = ShowList(Reader(CHAT), driver.message_id, a_list(3), menu, link_id)
    listed_apart = driver.do(listed)
    assert isinstance(listed_apart, Delivered)
    assert listed_apart.leaves_status
    assert not driver.message.deleted
    assert driver.do(RemoveStatus(CHAT, driver.message_id)) is None
    assert driver.message.deleted


def test_a_status_that_is_gone_is_removed(driver: TelegramDriver) -> None:
    driver.api.delete_message(CHAT, driver.message_id)
    assert driver.do(RemoveStatus(CHAT, driver.message_id)) is None


def test_a_status_that_may_not_be_removed_any_more_loses_its_button(
    driver: TelegramDriver, clip: MediaFile
) -> None:
    def refuse(call: Call) -> None:
        if call.method == "deleteMessage":
            raise bad_request("message can't be deleted for everyone")

    driver.api.on_call = refuse
    assert driver.message.buttons
    task = Deliver(REQUEST, Reader(CHAT), driver.message_id, clip, reply_to_id=driver.link_id)
    delivered = driver.do(task)
    assert isinstance(delivered, Delivered)
    assert not delivered.leaves_status
    assert not driver.message.deleted
    assert not driver.message.buttons


def test_a_kind_that_telegram_chose_itself_is_remembered(
    driver: TelegramDriver, clip: MediaFile
) -> None:
    media = of_kind(clip, MediaKind.VIDEO, "clip.flv", b"FLV\x01")
    assert driver.deliver(media).kind is MediaKind.DOCUMENT


@pytest.mark.parametrize("content", [b"no picture at all", PNG + b"\0" * 11 * 1024 * 1024])
def test_a_photo_that_is_refused_comes_as_a_document(
    driver: TelegramDriver, clip: MediaFile, content: bytes
) -> None:
    media = of_kind(clip, MediaKind.PHOTO, "picture.png", content)
    assert driver.deliver(media).kind is MediaKind.DOCUMENT
    assert driver.message.kind == "document"


def test_a_video_that_is_refused_comes_as_a_document(
    driver: TelegramDriver, clip: MediaFile
) -> None:
    def refuse_videos(call: Call) -> None:
        if call.method == "editMessageMedia" and call.params["media"]["type"] == "video":
            raise bad_request("VIDEO_CONTENT_TYPE_INVALID")

    driver.api.on_call = refuse_videos
    assert driver.deliver(clip).kind is MediaKind.DOCUMENT
    assert driver.message.kind == "document"
    assert driver.message.caption


@pytest.mark.parametrize(
    ("kind", "words", "reason"),
    [
        (MediaKind.VIDEO, "not enough rights to send videos", Reason.NO_RIGHT_TO_VIDEOS),
        (MediaKind.VIDEO, "CHAT_SEND_VIDEOS_FORBIDDEN", Reason.NO_RIGHT_TO_VIDEOS),
        (MediaKind.PHOTO, "CHAT_SEND_PHOTOS_FORBIDDEN", Reason.NO_RIGHT_TO_PHOTOS),
        (MediaKind.AUDIO, "CHAT_SEND_AUDIOS_FORBIDDEN", Reason.NO_RIGHT_TO_MUSIC),
        (MediaKind.DOCUMENT, "CHAT_SEND_DOCS_FORBIDDEN", Reason.NO_RIGHT_TO_FILES),
        (MediaKind.ANIMATION, "CHAT_SEND_MEDIA_FORBIDDEN", Reason.NO_RIGHT_TO_MEDIA),
    ],
)
def test_what_a_group_does_not_allow_is_uploaded_once(
    driver: TelegramDriver, clip: MediaFile, kind: MediaKind, words: str, reason: Reason
) -> None:
    def refuse(call: Call) -> None:
        if call.method == "editMessageMedia":
            raise bad_request(words)

    driver.api.on_call = refuse
    with pytest.raises(JobError) as caught:
        driver.deliver(of_kind(clip, kind, "file.bin", MP4))
    assert caught.value.reason is reason
    calls = [call for call in driver.api.calls if call.method == "editMessageMedia"]
    assert len(calls) == 1


def test_a_file_id_that_is_refused_is_said_to_be_so(
    driver: TelegramDriver, clip: MediaFile
) -> None:
    with pytest.raises(FileIdRefused):
        driver.deliver(clip, "BAACAgIAAxkBAAI")


def test_a_file_that_was_taken_before_is_not_refused_for_good(
    driver: TelegramDriver, clip: MediaFile
) -> None:
    def refuse(call: Call) -> None:
        if call.method == "editMessageMedia" and not call.uploads:
            raise bad_request("MEDIA_FILE_INVALID")

    first = driver.deliver(clip)
    driver.api.on_call = refuse
    with pytest.raises(FileIdRefused, match="MEDIA_FILE_INVALID"):
        driver.post().deliver(clip, first.file_id)
    assert driver.deliver(clip).kind is MediaKind.VIDEO


def test_media_for_a_message_that_is_gone_is_not_lost_silently(
    driver: TelegramDriver, clip: MediaFile
) -> None:
    driver.api.delete_message(CHAT, driver.message_id)
    with pytest.raises(MessageGone):
        driver.deliver(clip)


def test_a_local_server_is_given_the_files_address(clip: MediaFile) -> None:
    with BotApi(TOKEN, local=True) as api:
        driver = TelegramDriver(api, local=True).post()
        spaced = of_kind(clip, MediaKind.VIDEO, "a %20 ä.mp4", MP4)
        assert driver.deliver(spaced).kind is MediaKind.VIDEO
        [call] = [call for call in api.calls if call.method == "editMessageMedia"]
        assert call.params["media"]["media"].startswith("file:///")
        assert [upload.size for upload in call.uploads.values()] == [len(JPEG)]


def test_a_server_that_is_not_local_is_the_operators_business(api: BotApi, clip: MediaFile) -> None:
    driver = TelegramDriver(api, local=True).post()
    with pytest.raises(JobError) as caught:
        driver.deliver(clip)
    assert caught.value.fault is Fault.OPERATOR
    assert "--local" in caught.value.detail


# ------------------------------------------------------------------------------ the words


def test_the_status_turns_into_a_sentence(driver: TelegramDriver) -> None:
    task = Explain(REQUEST, Reader(CHAT), driver.message_id, Reason.INTERNAL, "7f3a2c")
    assert driver.do(task) is None
    assert driver.do(task) is None
    assert driver.message.text == texts.explanation(ENGLISH, Reason.INTERNAL, "7f3a2c")
    assert driver.message.buttons == []


def test_the_sentence_comes_as_a_message_of_its_own(driver: TelegramDriver) -> None:
    task = Explain(
        REQUEST, Reader(CHAT), driver.message_id, Reason.INTERNAL, reply_to_id=driver.link_id
    )
    driver.do(task)
    (link, answer) = [m for m in driver.api.chat(CHAT) if not m.deleted]
    assert answer.text == texts.explanation(ENGLISH, Reason.INTERNAL)
    assert answer.reply_to == link.message_id == driver.link_id


def test_no_sentence_replaces_media_that_came(driver: TelegramDriver, clip: MediaFile) -> None:
    driver.deliver(clip)
    assert driver.do(Explain(REQUEST, Reader(CHAT), driver.message_id, Reason.CRASHED)) is None
    assert driver.message.kind == "video"


def test_a_sentence_for_a_message_that_is_gone_is_not_lost_silently(driver: TelegramDriver) -> None:
    driver.api.delete_message(CHAT, driver.message_id)
    with pytest.raises(MessageGone):
        driver.do(Explain(REQUEST, Reader(CHAT), driver.message_id, None))


def test_a_reply_is_plain_text(driver: TelegramDriver) -> None:
    notice = Notice(Topic.VERBATIM, {"text": "<b>& /help"})
    assert driver.do(Reply(Reader(CHAT), driver.link_id, (notice,))) is None
    last = driver.api.chat(CHAT)[-1]
    assert (last.text, last.reply_to) == ("<b>& /help", driver.link_id)


@pytest.mark.parametrize("local", [False, True])
def test_a_reply_with_a_picture_is_a_photo_with_a_caption(local: bool) -> None:
    with BotApi(TOKEN, local=local) as api:
        driver = TelegramDriver(api, local)
        driver.do(Reply(Reader(CHAT), driver.link_id, (Notice(Topic.HELP_PICTURE),)))
        (_, picture) = api.chat(CHAT)
        assert (picture.kind, picture.reply_to) == ("photo", driver.link_id)
        assert picture.caption == ENGLISH.notices[Topic.HELP_PICTURE]
        assert picture.media is not None
        shown = illustrations.PICTURES[Topic.HELP_PICTURE]
        assert picture.media.path.read_bytes() == shown.read_bytes()
        # It answers no message where there is none, and goes to its topic.
        driver.do(Reply(Reader(CHAT, "en", 12), None, (Notice(Topic.HELP_PICTURE),)))
        assert [message.reply_to for message in api.chat(CHAT)] == [None, driver.link_id, None]
        topics = [call.params.get("message_thread_id") for call in api.calls[-2:]]
        assert topics == [None, 12]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("not enough rights to send photos to the chat", Reason.NO_RIGHT_TO_PHOTOS),
        ("CHAT_SEND_PHOTOS_FORBIDDEN", Reason.NO_RIGHT_TO_PHOTOS),
        ("CHAT_SEND_MEDIA_FORBIDDEN", Reason.NO_RIGHT_TO_MEDIA),
        ("PHOTO_INVALID_DIMENSIONS", Reason.UPLOAD_REFUSED),
    ],
)
def test_a_picture_that_is_refused_comes_in_no_other_way(
    driver: TelegramDriver, words: str, error: Reason
) -> None:
    def refuse(call: Call) -> None:
        if call.method == "sendPhoto":
            raise bad_request(words)

    driver.api.on_call = refuse
    before = len(driver.api.chat(CHAT))
    with pytest.raises(JobError) as caught:
        driver.do(Reply(Reader(CHAT), driver.link_id, (Notice(Topic.HELP_PICTURE),)))
    assert (caught.value.reason, caught.value.fault) == (error, Fault.PERMANENT)
    assert len(driver.api.chat(CHAT)) == before
    assert [call.method for call in driver.api.calls[-1:]] == ["sendPhoto"]


def test_a_button_pressed_too_long_ago_needs_no_answer(driver: TelegramDriver) -> None:
    assert driver.do(AnswerButton("123", "en", Notice(Cancelled.DONE))) is None


def test_a_panel_is_posted_and_then_edited_in_place(api: BotApi, driver: TelegramDriver) -> None:
    row = (PanelButton(Notice(Label.CANCEL_NUMBER, {"number": 1}), "17"),)
    view = View((Notice(Topic.QUEUE_TITLE, {"count": 1}), Notice(Topic.QUEUE_EMPTY)), (row,))
    task = ShowPanel(3, Reader(CHAT), driver.link_id, None, view)
    posted = driver.do(task)
    assert isinstance(posted, Posted)
    panel = api.chat(CHAT)[-1]
    assert panel.message_id == posted.message_id
    assert panel.text == "You have one unfinished link:\nYou have no links waiting."
    assert "panel:3.17" in str(panel.buttons)
    edit = replace(task, message_id=posted.message_id, view=View(view.notices))
    # Once more changes nothing, which Telegram refuses and is as good.
    assert driver.do(edit) == driver.do(edit) == posted
    assert not api.chat(CHAT)[-1].buttons


def test_menus_are_set_and_taken_from_a_former_admin(api: BotApi, driver: TelegramDriver) -> None:
    api.open(5)
    assert driver.do(SetMenus("a", (5,), ())) is None
    assert set(api.menus) == {"all_private_chats", "all_group_chats", "chat:5"}
    assert {"ban", "audio"} <= {command["command"] for command in api.menus["chat:5"]}
    # One with whom the bot has no chat is passed over.
    driver.do(SetMenus("b", (6,), (5,)))
    assert set(api.menus) == {"all_private_chats", "all_group_chats"}


def test_a_groups_admins_are_asked_for(api: BotApi, driver: TelegramDriver) -> None:
    client = Client(ApiAccess(TOKEN, api.url))
    api.open(-100200, admins={5})
    assert client.is_chat_admin(-100200, 5)
    assert not client.is_chat_admin(-100200, 6)
    assert not client.is_chat_admin(-100999, 5)
