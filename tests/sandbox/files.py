"""The files that the stand-in holds: what was uploaded, under which file_id."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .bodies import Upload
from .errors import ApiError, bad_request

MEBIBYTE = 1024 * 1024
CLOUD_LIMIT = 50 * MEBIBYTE
LOCAL_LIMIT = 2000 * MEBIBYTE
DOWNLOAD_LIMIT = 20 * MEBIBYTE
PHOTO_LIMIT = 10 * MEBIBYTE
THUMBNAIL_LIMIT = 200 * 1024
THUMBNAIL_SIDE = 320

# A file_id begins with its type; clients must not read it, people who debug do.
_PREFIX = {
    "photo": "AgACAgIAAx",
    "video": "BAACAgIAAx",
    "document": "BQACAgIAAx",
    "animation": "CgACAgIAAx",
    "audio": "CQACAgIAAx",
    "voice": "AwACAgIAAx",
    "thumbnail": "AAMCAgADGQ",
}
_MIME = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".txt": "text/plain",
}
_PLAYS_AS = {
    "video": (".mp4", ".mov", ".m4v"),
    "animation": (".mp4", ".m4v", ".gif"),
    "audio": (".mp3", ".m4a", ".ogg", ".opus", ".flac"),
    "voice": (".ogg", ".mp3", ".m4a"),
}


@dataclass(frozen=True)
class StoredFile:
    """One file under one file_id. The same bytes have one path and one file_unique_id."""

    kind: str
    file_id: str
    file_unique_id: str
    path: Path
    size: int
    file_name: str
    mime_type: str
    width: int
    height: int
    served_as: str

    def described(self) -> dict[str, Any]:
        """The fields that every kind of file has in a Message."""
        return {
            "file_id": self.file_id,
            "file_unique_id": self.file_unique_id,
            "file_size": self.size,
        }


class FileStore:
    """Keeps uploads by content and hands out file_ids. Its owner does the locking."""

    def __init__(self, folder: Path, local: bool) -> None:
        self._folder = folder
        self._local = local
        self._files: dict[str, StoredFile] = {}
        self._count = 0

    def by_id(self, file_id: str) -> StoredFile:
        """The file behind a file_id that was handed out here; another one is a 400."""
        try:
            return self._files[file_id]
        except KeyError:
            raise bad_request(
                "wrong remote file identifier specified: Wrong string length"
            ) from None

    def by_path(self, served_as: str) -> StoredFile | None:
        """The file with the path that getFile returned."""
        return next((f for f in self._files.values() if f.served_as == served_as), None)

    def resolve(self, value: str, kind: str, uploads: dict[str, Upload]) -> StoredFile:
        """What a `media`, `video`, ... parameter means: `attach://`, `file://` or a file_id."""
        if value.startswith("attach://"):
            name = value.removeprefix("attach://")
            if name not in uploads:
                raise bad_request(f'file "{name}" is not in the request')
            return self.keep(uploads[name], kind)
        if value.startswith("file:"):
            return self._keep_local(value, kind)
        if value.startswith(("http://", "https://")):
            raise bad_request("failed to get HTTP URL content")
        file = self.by_id(value)
        if kind == "thumbnail":
            raise bad_request("a thumbnail can be uploaded as a new file only")
        if file.kind != kind:
            raise bad_request(
                f"can't use file of type {file.kind.capitalize()} as {kind.capitalize()}"
            )
        return file

    def keep(self, upload: Upload, kind: str) -> StoredFile:
        """Check an upload and store it."""
        _check(upload.path, upload.size, kind)
        if kind in _PLAYS_AS and not _plays(upload, kind):
            kind = "document"
        suffix = Path(upload.file_name).suffix.lower()
        path = self._folder / (upload.digest + suffix)
        if not path.exists():
            os.link(upload.path, path)
        self._count += 1
        width, height = image_size(path) if kind in ("photo", "thumbnail") else (0, 0)
        unique = hashlib.sha256(f"{kind} {upload.digest}".encode()).digest()
        file = StoredFile(
            kind=kind,
            file_id=_PREFIX[kind] + secrets.token_urlsafe(45),
            file_unique_id="AgAD" + base64.urlsafe_b64encode(unique[:9]).decode(),
            path=path,
            size=upload.size,
            file_name=upload.file_name,
            mime_type=_MIME.get(suffix, "application/octet-stream"),
            width=width,
            height=height,
            served_as=f"{kind}s/file_{self._count}{suffix}",
        )
        self._files[file.file_id] = file
        return file

    def _keep_local(self, uri: str, kind: str) -> StoredFile:
        parts = urlsplit(uri)
        if not self._local or parts.netloc not in ("", "localhost"):
            raise bad_request("invalid file URI specified: can't be used without --local")
        source = Path(unquote(parts.path))
        if not source.is_file():
            raise bad_request("file not found")
        # A copy, as the bot may remove its own file as soon as it has the answer.
        copy = self._folder / f"local-{secrets.token_hex(8)}"
        shutil.copyfile(source, copy)
        with copy.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        upload = Upload("", source.name, "", copy, copy.stat().st_size, digest)
        try:
            return self.keep(upload, kind)
        finally:
            copy.unlink()


def _check(path: Path, size: int, kind: str) -> None:
    if size == 0:
        raise bad_request("file must be non-empty")
    if size > LOCAL_LIMIT:
        raise ApiError(413, "Request Entity Too Large")
    if kind == "photo":
        if size > PHOTO_LIMIT:
            raise bad_request(
                f"file of size {size} bytes is too big for a photo; "
                f"the maximum size is {PHOTO_LIMIT} bytes"
            )
        if image_size(path) == (0, 0):
            raise bad_request("IMAGE_PROCESS_FAILED")
    if kind == "thumbnail":
        with path.open("rb") as file:
            is_jpeg = file.read(3) == b"\xff\xd8\xff"
        if not is_jpeg or size >= THUMBNAIL_LIMIT or max(image_size(path)) > THUMBNAIL_SIDE:
            raise bad_request("wrong thumbnail: a JPEG below 200 kB and 320 px is expected")


def _plays(upload: Upload, kind: str) -> bool:
    """Whether Telegram would show it as `kind`; otherwise it arrives as a document."""
    if Path(upload.file_name).suffix.lower() in _PLAYS_AS[kind]:
        return True
    with upload.path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return True
    return kind == "audio" and head.startswith((b"ID3", b"\xff\xfb", b"OggS", b"fLaC"))


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of a JPEG, PNG or GIF, (0, 0) for anything else."""
    with path.open("rb") as file:
        data = file.read(256 * 1024)
    if data.startswith(b"\x89PNG") and len(data) > 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data.startswith(b"GIF8") and len(data) > 10:
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    return 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return 0, 0


def media_result(file: StoredFile, details: Mapping[str, Any], thumb: StoredFile | None) -> Any:
    """The value of a Message's `video`, `audio`, ... field."""
    if file.kind == "photo":
        return _photo_sizes(file)
    result = {"file_name": file.file_name, "mime_type": file.mime_type, **file.described()}
    if file.kind in ("video", "animation"):
        result["width"] = details.get("width", 320)
        result["height"] = details.get("height", 320)
    if file.kind != "document":
        result["duration"] = details.get("duration", 0)
    if file.kind == "audio":
        result |= {name: details[name] for name in ("performer", "title") if name in details}
    if thumb is not None:
        result["thumbnail"] = {"width": thumb.width, "height": thumb.height, **thumb.described()}
    return result


def _photo_sizes(file: StoredFile) -> list[dict[str, Any]]:
    """The picture in the sizes that the server makes of it, the original last."""
    sizes = []
    for side in (90, 320, max(file.width, file.height)):
        scale = min(1.0, side / max(file.width, file.height))
        size = {"width": int(file.width * scale), "height": int(file.height * scale)}
        sizes.append({**file.described(), **size})
    return sizes
