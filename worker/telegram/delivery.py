"""The tasks that call the Bot API, one function each; those that edit are safe to repeat."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from io import FileIO

from telebot import types

from worker.errors import Fault, FileIdRefused, JobError, MessageGone, Reason
from worker.protocol import (
    AnswerButton,
    Deliver,
    Delivered,
    EditStatus,
    Explain,
    GroupSent,
    MediaFile,
    MediaKind,
    Posted,
    PostStatus,
    Progress,
    RemoveStatus,
    Reply,
    SendGroup,
    SentApart,
    ShowAction,
    ShowLook,
)
from worker.protocol.panels import ShowPanel
from worker.telegram import fields, illustrations, live, status_removal, texts, transport
from worker.telegram.buttons import (
    Rows,
    look_rows,
    panel_button_text,
    panel_rows,
    status_rows,
)
from worker.telegram.choices import menu_rows
from worker.telegram.client import Client
from worker.telegram.errors import MessageIsMedia
from worker.telegram.input_media import delivered, input_media
from worker.telegram.lists import list_rows


def post_status(client: Client, task: PostStatus) -> Posted:
    """Post the status message below a link. Not safe to repeat after `TelegramUnreachable`."""
    words = texts.catalogue_of(task.reader.language)
    text = texts.progress(words, Progress(task.stage))
    buttons = status_rows(words, task.request_id, task.stage)
    return Posted(
        client.send_text(
            task.reader.chat_id, text, task.reply_to_id, buttons, thread_id=task.reader.thread_id
        )
    )


def edit_status(client: Client, task: EditStatus) -> None:
    """Show progress, unless the message is gone or has become media meanwhile."""
    words = texts.catalogue_of(task.reader.language)
    text = texts.progress(words, task.progress)
    buttons = status_rows(words, task.request_id, task.progress.stage)
    with suppress(MessageGone):
        client.edit_text(
            task.reader.chat_id, task.message_id, text, buttons, transport.SHOWING_TIMEOUT_S
        )


def show_action(client: Client, task: ShowAction) -> None:
    """Show that the bot is at work, for five seconds."""
    client.send_action(task.place.chat_id, task.action, task.place.thread_id)


def deliver(client: Client, task: Deliver) -> Delivered:
    """Turn the status message into the file. Safe to repeat, except as a message of its own.

    Raises `FileIdRefused` when the file brought a `file_id` that Telegram does not take, and
    `MessageGone` when there is no message to turn.
    """
    if task.reply_to_id is not None:
        return _deliver_apart(client, task, task.reply_to_id)
    return _or_as_document(task.file, functools.partial(_deliver_as, client, task))


def send_group(client: Client, task: SendGroup) -> GroupSent:
    """Send the files beside the answer, or as many of the first ones as Telegram takes together.

    Not safe to repeat after `TelegramUnreachable`. An album with one file that Telegram does not
    take is refused as a whole, and often without a word about which one it is. So a refused album
    is halved, until the file stands alone and can come as a document. What is refused is not in
    the chat: one call at most has an effect, and what it has sent is what is counted.
    """
    files = task.files
    while len(files) > 1:
        try:
            return _send_album(client, task, files)
        except JobError as error:
            if not _is_refusal(error):
                raise
        files = files[: len(files) // 2]
    (file,) = files
    caption = _caption_beside(task, file)
    send = functools.partial(_send_as, client, task, file, caption, ())
    return GroupSent((_or_as_document(file, send),))


def show_look(client: Client, task: ShowLook) -> Delivered:
    """Turn the status message into what is known of media; as safe to repeat as `explain`."""
    words = texts.catalogue_of(task.reader.language)
    text = texts.look(words, task.look)
    rows = look_rows(words, task.request_id, task.look)
    rows = rows or live.offer_rows(words, task.request_id, task.look.live, task.offer)
    if task.reply_to_id is not None:
        chat_id, thread_id = task.reader.chat_id, task.reader.thread_id
        message_id = client.send_text(chat_id, text, task.reply_to_id, rows, thread_id=thread_id)
        is_removed = _remove_status(client, task)
        return Delivered(None, message_id=message_id, leaves_status=not is_removed)
    client.edit_text(task.reader.chat_id, task.message_id, text, rows)
    return Delivered(None)


def explain(client: Client, task: Explain) -> SentApart | None:
    """Turn the status message into the sentence that says why there is no media.

    Safe to repeat, except as a message of its own, which takes the status message's place. A
    message that is media by now has been answered already. Raises `MessageGone`.
    """
    words = texts.catalogue_of(task.reader.language)
    text = texts.explanation(
        words,
        task.reason,
        task.error_id,
        task.wait_s,
        task.limit_mb,
        task.languages,
        has_offer=bool(task.offer),
    )
    rows = live.refusal_rows(words, task.request_id, task.reason, task.offer)
    if task.reply_to_id is not None:
        chat_id, thread_id = task.reader.chat_id, task.reader.thread_id
        message_id = client.send_text(chat_id, text, task.reply_to_id, rows, thread_id=thread_id)
        return SentApart(message_id, leaves_status=not _remove_status(client, task))
    with suppress(MessageIsMedia):
        client.edit_text(task.reader.chat_id, task.message_id, text, rows)
    return None


def reply(client: Client, task: Reply) -> None:
    """Send a message that is not an answer. Not safe to repeat after `TelegramUnreachable`."""
    words = texts.catalogue_of(task.reader.language)
    text = "\n".join(texts.notice(words, notice) for notice in task.notices)
    chat_id, thread_id = task.reader.chat_id, task.reader.thread_id
    path = illustrations.of(task.notices)
    if path is None:
        client.send_text(chat_id, text, task.reply_to_id, thread_id=thread_id)
        return
    # Uploaded each time: it is small, and the number of replies in a minute is limited.
    with FileIO(path) as file:
        photo = types.InputMediaPhoto(types.InputFile(file, path.name), caption=text)
        client.send_media(chat_id, photo, task.reply_to_id, transport.READ_TIMEOUT_S, thread_id)


def show_panel(client: Client, task: ShowPanel) -> Posted:
    """Post a panel, or edit its message. Posting is not safe to repeat, as with `reply`."""
    words = texts.catalogue_of(task.reader.language)
    lines = [texts.notice(words, notice) for notice in task.view.notices]
    lines[1:1] = [panel_button_text(words, button) for button in task.view.told]
    text = "\n".join(lines)
    buttons = panel_rows(words, task.panel_id, task.view)
    chat_id, message_id = task.reader.chat_id, task.message_id
    if message_id is None:
        return Posted(
            client.send_text(
                chat_id, text, task.reply_to_id, buttons, thread_id=task.reader.thread_id
            )
        )
    client.edit_text(chat_id, message_id, text, buttons)
    return Posted(message_id)


def answer_button(client: Client, task: AnswerButton) -> None:
    """Show what a pressed button opens, and answer the press even if that is refused.

    Safe to repeat: a press that was answered, or was too long ago, needs no answer.
    """
    words = texts.catalogue_of(task.language)
    try:
        with suppress(MessageGone):
            _show_menu(client, words, task)
    finally:
        if task.callback_id:
            said = texts.notice(words, task.notice) if task.notice else ""
            client.answer_button(task.callback_id, said)


def _show_menu(client: Client, words: texts.Catalogue, task: AnswerButton) -> None:
    if menu := task.menu:
        client.edit_buttons(menu.chat_id, menu.message_id, menu_rows(words, menu))
    if found := task.list_menu:
        client.edit_buttons(found.chat_id, found.message_id, list_rows(words, found))


def _is_refusal(error: JobError) -> bool:
    """Whether Telegram has looked at a file and does not take it as this kind of media."""
    return error.reason is Reason.UPLOAD_REFUSED and error.fault is Fault.PERMANENT


def _or_as_document(file: MediaFile, send: Callable[[MediaKind], Delivered]) -> Delivered:
    """Send a file as its own kind or, if Telegram refuses that, as a document.

    A photo has limits of its own (10 MB, 10 000 pixels, a ratio of 20: sendPhoto). The rule of a
    group that may not have this kind is no such refusal: it is not evaded with a document.
    """
    try:
        return send(file.facts.kind)
    except JobError as error:
        if not _is_refusal(error):
            raise
        if file.file_id is not None:
            # It was taken before. Perhaps this person forbids voice messages, perhaps the words are
            # new for a file that Telegram has no more; the file itself may still be taken.
            raise FileIdRefused(f"what is remembered is refused: {error.detail}") from error
        if file.facts.kind is MediaKind.DOCUMENT:
            raise
    return send(MediaKind.DOCUMENT)


def _deliver_as(client: Client, task: Deliver, kind: MediaKind) -> Delivered:
    with ExitStack() as files, _named_files(client.local, (task.file,)):
        caption = _caption(task)
        media, silence_s = input_media(kind, client.local, task.file, files, caption)
        message = client.edit_media(
            task.reader.chat_id, task.message_id, media, silence_s, _buttons_of(task)
        )
        return delivered(kind, message)


def _buttons_of(task: Deliver) -> Rows:
    return menu_rows(texts.catalogue_of(task.reader.language), task.menu) if task.menu else ()


def _deliver_apart(client: Client, task: Deliver, reply_to_id: int) -> Delivered:
    """Send the file as a message of its own, and remove the status message if that can be done."""
    apart = SendGroup(task.request_id, task.reader, reply_to_id, (task.file,))
    send = functools.partial(_send_as, client, apart, task.file, _caption(task), _buttons_of(task))
    answer = _or_as_document(task.file, send)
    return replace(answer, leaves_status=not _remove_status(client, task))


def _remove_status(client: Client, task: Deliver | ShowLook | Explain) -> bool:
    """Remove the status message of an answer that came as a message of its own.

    Returns whether it is gone, or has no buttons any more.
    """
    return status_removal.try_remove(client, RemoveStatus(task.reader.chat_id, task.message_id))


def _send_as(
    client: Client,
    task: SendGroup,
    file: MediaFile,
    caption: str | None,
    buttons: Rows,
    kind: MediaKind,
) -> Delivered:
    with ExitStack() as files, _named_files(client.local, (file,)):
        media, silence_s = input_media(kind, client.local, file, files, caption)
        message = client.send_media(
            task.reader.chat_id, media, task.reply_to_id, silence_s, task.reader.thread_id, buttons
        )
        return replace(delivered(kind, message), message_id=fields.integer(message, "message_id"))


def _send_album(client: Client, task: SendGroup, album: Sequence[MediaFile]) -> GroupSent:
    with ExitStack() as files, _named_files(client.local, album):
        inputs = [
            input_media(file.facts.kind, client.local, file, files, _caption_beside(task, file))
            for file in album
        ]
        media = [each for each, _ in inputs]
        silence_s = max(silence_s for _, silence_s in inputs)
        messages = client.send_group(
            task.reader.chat_id, media, task.reply_to_id, silence_s, task.reader.thread_id
        )
    sent = zip(album, messages, strict=True)
    return GroupSent(tuple(delivered(file.facts.kind, message) for file, message in sent))


def _caption(task: Deliver) -> str:
    return texts.caption(texts.catalogue_of(task.reader.language), task.file, task.captions)


def _caption_beside(task: SendGroup, file: MediaFile) -> str | None:
    """The caption of a file beside the answer: none, unless it is one part of several."""
    words = texts.catalogue_of(task.reader.language)
    return texts.caption(words, file, task.captions) if file.facts.parts > 1 else None


@contextmanager
def _named_files(local: bool, files: Sequence[MediaFile]) -> Iterator[None]:
    """Let `FileIdRefused` through only if one of the files has a `file_id`."""
    try:
        yield
    except FileIdRefused as error:
        if any(file.file_id is not None for file in files):
            raise
        refusal = _refused_source(local, str(error))
    else:
        return
    raise refusal


def _refused_source(local: bool, words: str) -> JobError:
    """The error for a refused file URI, which Telegram words like a refused `file_id`."""
    if local:
        words = f"is the Bot API server run with --local and may it read the file? {words}"
    fault = Fault.OPERATOR if local else Fault.PERMANENT
    return JobError(Reason.UPLOAD_REFUSED, fault, words)
