"""A multipart/form-data body that is read from disk while it is sent.

It has a known length, so that it goes out with a Content-Length; it takes 64 kB of memory
whatever the files' size; and it can be sent again from the start.
"""

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from io import FileIO

from worker.errors import Fault, JobError, Reason

_CHUNK_BYTES = 64 * 1024
_FIELD_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_FILE_NAME = re.compile(r"[^\x00-\x1f\x7f\"\\;]{1,255}")


class Multipart:
    """Text fields, then files: `name -> (file name, open file)`.

    Names stand in a header as they are, since Telegram's server knows no way to escape (tdlib/td,
    HttpReader): ValueError for a file's with a quote, semicolon, backslash or control character,
    and for a field's that is not plain ASCII.
    """

    def __init__(self, texts: Mapping[str, str], files: Mapping[str, tuple[str, FileIO]]) -> None:
        self._boundary = secrets.token_hex(16)
        self._texts = b"".join(
            self._head(name) + text.encode("utf-8", "replace") + b"\r\n"
            for name, text in texts.items()
        )
        self._files = [
            (self._head(name, file_name), file, os.fstat(file.fileno()).st_size)
            for name, (file_name, file) in files.items()
        ]
        self._end = f"--{self._boundary}--\r\n".encode()

    @property
    def content_type(self) -> str:
        """The value of the Content-Type header."""
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        """The body's size in bytes."""
        of_files = sum(len(head) + size + 2 for head, _, size in self._files)
        return len(self._texts) + of_files + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        """The body in pieces. Raises JobError when a file has become shorter meanwhile."""
        yield self._texts
        for head, file, size in self._files:
            yield head
            yield from _content(file, size)
            yield b"\r\n"
        yield self._end

    def _head(self, name: str, file_name: str | None = None) -> bytes:
        is_fit = file_name is None or _FILE_NAME.fullmatch(file_name)
        if not is_fit or not _FIELD_NAME.fullmatch(name):
            raise ValueError("a name that could break the header of a multipart body")
        head = f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if file_name is not None:
            head += f'; filename="{file_name}"\r\nContent-Type: application/octet-stream'
        return f"{head}\r\n\r\n".encode()


def _content(file: FileIO, size: int) -> Iterator[bytes]:
    left = size
    try:
        file.seek(0)
        while left:
            chunk = file.read(min(_CHUNK_BYTES, left))
            if not chunk:
                break
            left -= len(chunk)
            yield chunk
    except OSError as error:
        # Caught here, because the HTTP library takes every OSError for one of the network.
        raise JobError(
            Reason.INTERNAL, Fault.RETRYABLE, f"the file cannot be read (errno {error.errno})"
        ) from None
    if left:
        raise JobError(Reason.INTERNAL, Fault.RETRYABLE, "the file shrank while it was sent")
