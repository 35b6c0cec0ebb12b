"""Files as Telegram's InputMedia objects, and what Telegram has made of them."""

from collections.abc import Mapping
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Any

from telebot import types

from worker.file_titles import file_name
from worker.protocol import Delivered, MediaFacts, MediaFile, MediaKind
from worker.telegram import fields, texts, transport
from worker.telegram.files import open_media, open_thumbnail, size_of

# After the last byte of an upload Telegram is silent while it works on the file; a local server
# meanwhile sends it on to Telegram itself, at 1 MB/s or faster.
_PROCESSING_S = 60.0
_BYTES_PER_S = 1_000_000

_MAX_TAG = 64  # of an audio's title and performer, UTF-16 units


def input_media(
    kind: MediaKind,
    local: bool,
    file: MediaFile,
    files: ExitStack,
    caption: str | None,
) -> tuple[types.InputMedia, float]:
    """The media to be sent, and for how many seconds Telegram may be silent about it."""
    if file.file_id is not None:
        return _described(kind, file.facts, file.file_id, None, caption), transport.READ_TIMEOUT_S
    opened = files.enter_context(open_media(file.path))
    silence_s = _PROCESSING_S + size_of(opened) / _BYTES_PER_S
    source = Path(file.path).absolute().as_uri() if local else _upload(opened, file)
    thumbnail = open_thumbnail(file.thumbnail)
    if thumbnail is None:
        return _described(kind, file.facts, source, None, caption), silence_s
    files.enter_context(thumbnail)
    picture = types.InputFile(thumbnail, "thumb.jpg")
    return _described(kind, file.facts, source, picture, caption), silence_s


def _upload(file: FileIO, media: MediaFile) -> types.InputFile:
    return types.InputFile(file, file_name(media.facts.title, media.path, media.source_url))


def _described(
    kind: MediaKind,
    facts: MediaFacts,
    source: str | types.InputFile,
    thumbnail: types.InputFile | None,
    caption: str | None,
) -> types.InputMedia:
    """The InputMedia object of that kind (Bot API 10.1), with the facts that it has fields for."""
    captioned: dict[str, Any] = {"caption": caption, "parse_mode": "HTML"} if caption else {}
    duration_s = max(1, round(facts.duration_s)) if facts.duration_s else None
    match kind:
        case MediaKind.VIDEO:
            return types.InputMediaVideo(
                source,
                thumbnail,
                width=facts.width,
                height=facts.height,
                duration=duration_s,
                supports_streaming=True,
                **captioned,
            )
        case MediaKind.ANIMATION:
            return types.InputMediaAnimation(
                source,
                thumbnail,
                width=facts.width,
                height=facts.height,
                duration=duration_s,
                **captioned,
            )
        case MediaKind.AUDIO:
            return types.InputMediaAudio(
                source,
                thumbnail,
                duration=duration_s,
                performer=texts.short_line(facts.uploader or "", _MAX_TAG),
                title=texts.short_line(facts.title, _MAX_TAG),
                **captioned,
            )
        case MediaKind.VOICE:
            return InputMediaVoice(source, duration_s, captioned)
        case MediaKind.PHOTO:
            return types.InputMediaPhoto(source, **captioned)
        case MediaKind.DOCUMENT:
            # Otherwise Telegram makes a sticker of a WebP, and an animation of a GIF.
            return types.InputMediaDocument(
                source, thumbnail, disable_content_type_detection=True, **captioned
            )


class InputMediaVoice(types.InputMedia):
    """A voice message, which can only be sent: no message can be turned into one (Bot API 10.1)."""

    def __init__(
        self, source: str | types.InputFile, duration_s: int | None, captioned: Mapping[str, Any]
    ) -> None:
        super().__init__("voice", source, **captioned)
        self._duration_s = duration_s

    def to_dict(self) -> dict[str, Any]:
        """The object, with the fields that `sendVoice` has."""
        given: dict[str, Any] = super().to_dict()  # type: ignore[no-untyped-call]
        return {**given, "duration": self._duration_s}


def delivered(kind: MediaKind, message: Mapping[str, Any] | None) -> Delivered:
    """What Telegram made of a file, which need not be the kind that it was sent as."""
    # An animation also stands in `document`, for old clients, so that field is looked at last.
    for found in (kind, *(other for other in MediaKind if other is not kind)):
        if found is MediaKind.DOCUMENT and fields.mapping(message, "animation"):
            continue
        sizes = fields.items(message, "photo")
        part = sizes[-1] if found is MediaKind.PHOTO and sizes else fields.mapping(message, found)
        file_id = fields.text(part, "file_id")
        if file_id:
            return Delivered(file_id, found)
    return Delivered(None)
