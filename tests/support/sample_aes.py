"""Sound in an HLS playlist with sample encryption (Apple, "MPEG-2 Stream Encryption Format")."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from Cryptodome.Cipher import AES

from tests.support.media import make

KEY, IV = b"sixteen bytes: k", bytes(15) + b"\1"

_BLOCK, _CLEAR = 16, 16


def make_playlist(directory: Path, key: str) -> Path:
    """A playlist `sound.m3u8` of three pieces of a second each, whose key is at this address."""
    sound = make(directory / "clear.aac", "-vn -c:a copy -f adts")
    hidden = directory / "hidden.aac"
    hidden.write_bytes(b"".join(map(_encrypted, _frames(sound.read_bytes()))))
    pieces = "-c copy -hls_time 1 -hls_list_size 0"
    playlist = make(directory / "sound.m3u8", pieces, source=hidden)
    for path in (sound, hidden):
        path.unlink()
    line = f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="{key}",IV=0x{IV.hex()}'
    playlist.write_text(playlist.read_text().replace("#EXTINF", f"{line}\n#EXTINF", 1))
    return playlist


def _frames(data: bytes) -> Iterator[bytes]:
    """The frames of an ADTS stream (ISO 14496-3, 1.A.3.2), heads included."""
    at = 0
    while at < len(data):
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        yield data[at : at + length]
        at += length


def _encrypted(frame: bytes) -> bytes:
    """A frame whose whole blocks behind its head and the first sixteen bytes are encrypted."""
    begin = (7 if frame[1] & 1 else 9) + _CLEAR
    end = begin + max(0, len(frame) - begin) // _BLOCK * _BLOCK
    cipher = AES.new(KEY, AES.MODE_CBC, IV)
    return frame[:begin] + cipher.encrypt(frame[begin:end]) + frame[end:]
