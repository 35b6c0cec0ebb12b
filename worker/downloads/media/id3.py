"""Measure the ID3 tag before the sound of an MP3 or AAC file (ID3v2.4, 3.1)."""

HEADER_BYTES = 10

_NAME, _FOOTER = b"ID3", 0x10


def is_tag(head: bytes) -> bool:
    """Whether a tag begins with these bytes."""
    return head[:3] == _NAME


def tag_bytes(header: bytes) -> int:
    """The length of the tag that begins with these bytes; 0 if none does."""
    if not is_tag(header) or len(header) < HEADER_BYTES:
        return 0
    length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(header[9:5:-1]))
    return HEADER_BYTES + length + (HEADER_BYTES if header[5] & _FOOTER else 0)
