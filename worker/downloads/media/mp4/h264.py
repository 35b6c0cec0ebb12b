"""Read the size and format of H.264 pictures from the decoder configuration in an MP4.

Only ordinary pictures are read: 8 bits, 4:2:0, progressive, square pixels. Anything else is
`Unusual` and left to ffprobe.
"""

import struct
from dataclasses import dataclass

_PROFILES = frozenset({66, 77, 100})  # Baseline, Main, High
_HIGH = 100
_SEQUENCE_PARAMETERS = 7
_LONGEST = 512
# Values of aspect_ratio_idc (H.264, table E-1).
_UNSPECIFIED, _SQUARE, _EXTENDED = 0, 1, 255


class Unusual(Exception):
    """Raised for a file that is not an ordinary one; the argument says why."""


@dataclass(frozen=True)
class Pictures:
    """Width and height in pixels, and ffmpeg's name for the pixel format."""

    width: int
    height: int
    pixel_format: str


def pictures(record: bytes | memoryview) -> Pictures:
    """Read the content of an `avcC` box (ISO/IEC 14496-15, 5.3.3.1.2).

    Raises Unusual, and struct.error for a record that is too short.
    """
    version, lengths, count, length = struct.unpack_from(">B3xBBH", record)
    if version != 1 or lengths & 3 != 3 or count & 31 != 1 or length > _LONGEST:
        raise Unusual("not one set of parameters")
    (unit,) = struct.unpack_from(f">{length}s", record, 8)
    if unit[:1] != bytes([0x60 | _SEQUENCE_PARAMETERS]):
        raise Unusual("no sequence parameters")
    return _of_parameters(_Bits(_unescaped(unit[1:])))


def _unescaped(payload: bytes) -> bytes:
    """The payload of a unit without emulation prevention bytes (H.264, 7.4.1)."""
    if any(b"\0\0" + bytes([byte]) in payload for byte in (0, 1, 2)):
        raise Unusual("a start code inside of a unit")
    return payload.replace(b"\0\0\3", b"\0\0")


def _of_parameters(bits: "_Bits") -> Pictures:
    """Parse a sequence parameter set (H.264, 7.3.2.1.1) up to the last field that matters."""
    profile = bits.take(8)
    bits.take(16)  # constraints, level
    bits.golomb()  # id
    if profile not in _PROFILES:
        raise Unusual(f"profile {profile}")
    if profile == _HIGH:
        chroma, luma_depth, chroma_depth = bits.golomb(), bits.golomb(), bits.golomb()
        if (chroma, luma_depth, chroma_depth) != (1, 0, 0):
            raise Unusual("not 8 bits in 4:2:0")
        if bits.take(2):  # no transform, scaling matrices
            raise Unusual("scaling matrices")
    bits.golomb()  # length of frame numbers
    if (order := bits.golomb()) == 1:
        raise Unusual("picture order count of type 1")
    if order == 0:
        bits.golomb()
    bits.golomb()  # reference pictures
    bits.take(1)  # gaps
    width, height = 16 * (bits.golomb() + 1), 16 * (bits.golomb() + 1)
    if not bits.take(1):
        raise Unusual("interlaced")
    bits.take(1)  # direct inference
    if bits.take(1):  # in units of two pixels, for 4:2:0
        left, right, top, bottom = (2 * bits.golomb() for _ in range(4))
        width, height = width - left - right, height - top - bottom
    return Pictures(width, height, "yuvj420p" if _shows_full_range(bits) else "yuv420p")


def _shows_full_range(bits: "_Bits") -> bool:
    """Whether black is 0 rather than 16 (H.264, E.1.1). Raises Unusual for oblong pixels."""
    if not bits.take(1):
        return False
    if bits.take(1):
        shape = bits.take(8)
        across, down = (bits.take(16), bits.take(16)) if shape == _EXTENDED else (1, 1)
        if shape not in {_UNSPECIFIED, _SQUARE, _EXTENDED} or across != down:
            raise Unusual("oblong pixels")
    if bits.take(1):
        bits.take(1)  # overscan
    return bool(bits.take(1)) and bool(bits.take(4) & 1)  # the last of a format of three bits


class _Bits:
    """Reads bits one after another. Raises Unusual at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        self._left -= count
        if self._left < 0:
            raise Unusual("parameters that end early")
        return self._value >> self._left & ((1 << count) - 1)

    def golomb(self) -> int:
        """The next number in Exp-Golomb code (H.264, 9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        if zeros > 16:
            raise Unusual("a number out of range")
        return (1 << zeros) - 1 + self.take(zeros)
