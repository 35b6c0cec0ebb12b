"""Find where an MPEG transport stream (ISO/IEC 13818-1) was put together of parts.

Only the packets in which something begins are looked at: a table of streams, or a frame.
"""

import mmap
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from worker.downloads.media import file_types

_PACKET = 188
_SYNC = 0x47
_PACKETS = re.compile(rb"\x47(?:.{187}\x47){4}", re.DOTALL)
_MAX_COVER_BYTES = 256 * 1024
_SCRAMBLED, _MAX_PACKETS = 0x40, 4096
_BEGINS = re.compile(rb"[\x40-\x5f\xc0-\xdf]")  # payload_unit_start_indicator
_PRIVATE = 0xBD  # the stream id of AC-3, and of subtitles and of ID3 tags
_AC3 = b"\x0b\x77"
_CLOCK_HZ = 90_000
_WRAP = 1 << 33  # when the clock begins again, after 26.5 hours
# Jumps that no encoder makes by itself, except in slides that are shown for long.
_BACK, _FORTH, _FORTH_AT_FIRST = _CLOCK_HZ // 10, 2 * _CLOCK_HZ, 10 * _CLOCK_HZ
_STEPS = 8
# The parameters of H.264, of HEVC and of MPEG-2, up to what comes next.
_VIDEO_PARAMETERS = re.compile(
    rb"\x00\x00\x01(?:[\x27\x47\x67].|\x42\x01|\xb3).{4,}?(?=\x00\x00\x01|\x00\x00\x00|$)",
    re.DOTALL,
)


@dataclass
class _StreamPart:
    """What has been seen of one part: its streams by their packet ids."""

    times: dict[int, int] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)
    """The time from the last frame but one to the last."""
    parameters: dict[int, bytes] = field(default_factory=dict)
    streams: bytes = b""
    has_sound: bool = False
    suspected: int | None = None
    """Where pictures jump forward, which is a joint if the sound does so too."""


def uncover(path: Path) -> None:
    """Cut off the picture that a file begins with, if the packets of a stream follow it.

    Some sites pass the pieces of a stream off as pictures, to keep them where pictures are stored.
    ffmpeg skips the pictures before the other pieces, and takes the first one for the whole.
    """
    with path.open("rb") as file:
        head = file.read(_MAX_COVER_BYTES)
        kind = file_types.of_bytes(head)
        found = _PACKETS.search(head) if kind and kind.is_picture else None
        if not found:
            return
        uncovered = path.with_name(f"{path.name}.uncovered")
        with uncovered.open("wb") as target:
            file.seek(found.start())
            shutil.copyfileobj(file, target)
    uncovered.replace(path)


def is_scrambled(path: Path) -> bool:
    """Whether most packets at the start of a file are encrypted (transport_scrambling_control)."""
    with path.open("rb") as file:
        start = file.read(_PACKET)
        if start[:1] == bytes((_SYNC,)):
            start += file.read(_MAX_PACKETS * _PACKET)
    scrambled = sum(byte >= _SCRAMBLED for byte in start[3::_PACKET])
    return set(start[::_PACKET]) == {_SYNC} and scrambled > len(start) // _PACKET // 2


def joints_of_ts(data: mmap.mmap) -> Iterator[int]:
    """Where, in bytes, a part begins that is not the first."""
    last = 0
    for joint in _suspected_joints(data):
        # Sound and pictures may both tell of one.
        if joint > last:
            yield joint
            last = joint


def _suspected_joints(data: mmap.mmap) -> Iterator[int]:
    end = len(data) // _PACKET * _PACKET  # the last packet may be cut off
    if end < 2 * _PACKET or set(data[:end:_PACKET]) != {_SYNC}:
        return
    part, table_id, table_at = _StreamPart(), -1, 0
    for found in _BEGINS.finditer(data[1:end:_PACKET]):
        position = found.start() * _PACKET
        packet = data[position : position + _PACKET]
        packet_id = (packet[1] & 0x1F) << 8 | packet[2]
        payload = _payload(packet)
        if packet_id == 0:
            table_id, table_at = _table_id(payload), position
        elif packet_id == table_id:
            streams = _section(payload)
            if part.streams and streams != part.streams:
                part = _StreamPart()
                yield table_at
            part.streams = streams
        elif _begins_frame(payload) and _note_frame(part, packet_id, payload, table_at):
            joint = part.suspected
            part = _StreamPart(streams=part.streams)
            yield table_at if joint is None else joint
            _note_frame(part, packet_id, payload, table_at)


def _payload(packet: bytes) -> bytes:
    if packet[3] & 0x20:  # an adaptation field
        return packet[5 + packet[4] :]
    return packet[4:]


def _begins_frame(payload: bytes) -> bool:
    """Whether sound or a picture begins. The times of subtitles and of tags jump as they may."""
    if payload[:3] != b"\x00\x00\x01" or len(payload) <= 14:
        return False
    return payload[3] != _PRIVATE or _content(payload).startswith(_AC3)


def _content(payload: bytes) -> bytes:
    return payload[9 + payload[8] :]


def _section(payload: bytes) -> bytes:
    """A table's section without its header and its checksum."""
    section = payload[1 + payload[0] :] if payload else b""
    if len(section) < 12:
        return b""
    length = (section[1] & 0x0F) << 8 | section[2]
    return section[8 : max(8, 3 + length - 4)]


def _table_id(payload: bytes) -> int:
    """The packet id of the table of the first programme's streams."""
    section = _section(payload)
    for at in range(0, len(section) - 3, 4):
        if section[at] or section[at + 1]:
            return (section[at + 2] & 0x1F) << 8 | section[at + 3]
    return -1


def _note_frame(part: _StreamPart, packet_id: int, payload: bytes, table_at: int) -> bool:
    """Note a frame. True if it belongs to another part than those before it."""
    is_sound = payload[3] & 0xE0 == 0xC0 or payload[3] == _PRIVATE
    content = _content(payload)
    parameters = _of_sound(content) if is_sound else _of_pictures(content)
    before = part.parameters.get(packet_id)
    if parameters and before and not _are_alike(parameters, before):
        return True
    if parameters:
        part.parameters[packet_id] = parameters
    part.has_sound |= is_sound
    if (time := _time(payload)) is None:
        return False
    earlier = part.times.get(packet_id, time)
    step = part.steps.get(packet_id)
    passed = (time - earlier + _WRAP // 2) % _WRAP - _WRAP // 2
    part.times[packet_id], part.steps[packet_id] = time, passed
    if passed < -_BACK:
        return True
    is_leap = passed > (max(_FORTH, _STEPS * step) if step else _FORTH_AT_FIRST)
    if part.has_sound and not is_sound:
        # If the sound goes on, a picture is just shown for long.
        part.suspected = table_at if is_leap else part.suspected
        return False
    if is_leap:
        return True
    if is_sound:
        part.suspected = None
    return False


def _are_alike(one: bytes, other: bytes) -> bool:
    """Whether they agree as far as both were in one packet."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _time(payload: bytes) -> int | None:
    """When a frame is decoded, or else shown, on a clock of 90 kHz."""
    flags = payload[7] >> 6
    at = 14 if flags == 3 else 9
    if flags < 2 or len(payload) < at + 5:
        return None
    a, b, c, d, e = payload[at : at + 5]
    return (a >> 1 & 7) << 30 | b << 22 | c >> 1 << 15 | d << 7 | e >> 1


def _of_pictures(content: bytes) -> bytes | None:
    found = _VIDEO_PARAMETERS.search(content)
    return found[0] if found else None


def _of_sound(content: bytes) -> bytes | None:
    """The bits of the first frame's header that hold the rate and the channels."""
    if len(content) < 8:
        return None
    if content[0] == 0xFF and content[1] & 0xF6 == 0xF0:  # ADTS
        return bytes((content[2] & 0xFD, content[3] & 0xC0))
    if content[0] == 0xFF and content[1] & 0xE0 == 0xE0:  # MPEG audio
        is_mono = content[3] & 0xC0 == 0xC0
        return bytes((content[1] & 0x1E, content[2] & 0x0C, is_mono))
    if content.startswith(_AC3):
        return bytes((content[4] & 0xC0, content[6] & 0xE0))
    return None
