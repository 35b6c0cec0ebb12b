"""Which of an answer's files go into the chat together, beside the first one.

Telegram shows up to ten as one album, if their kinds go together (Bot API 10.1,
sendMediaGroup): pictures and videos mix, sounds and documents stay among themselves, and an
animation stays alone.
"""

from collections.abc import Sequence

from worker.protocol import MediaFile, MediaKind

MAX_IN_GROUP = 10

_FAMILIES = {
    MediaKind.PHOTO: "to be seen",
    MediaKind.VIDEO: "to be seen",
    MediaKind.AUDIO: "to be heard",
    MediaKind.DOCUMENT: "to be kept",
}


def next_group(files: Sequence[MediaFile], limit_bytes: int) -> tuple[MediaFile, ...]:
    """The longest run of `files`, from the first one on, that can be sent together.

    What of it has to be uploaded stays within `limit_bytes`, unless a single file is larger.
    """
    group: list[MediaFile] = []
    uploaded = 0
    for file in files[:MAX_IN_GROUP]:
        uploaded += 0 if file.file_id else file.size_bytes
        family = _FAMILIES.get(file.facts.kind)
        if group and (
            family is None or family != _FAMILIES.get(group[0].facts.kind) or uploaded > limit_bytes
        ):
            break
        group.append(file)
    return tuple(group)
