"""The chapters of a video: what its site says, and the form in which ffmpeg takes them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from worker.downloads.media.contents import number
from worker.downloads.text import clean
from worker.form import MAX_CLIP_CS
from worker.protocol.choices import MAX_CHAPTERS, Chapter

TITLE_LIMIT = 100
_LONGEST_S = MAX_CLIP_CS / 100
_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "=;#\\\n"})


def of(info: Mapping[str, Any], length_s: float | None) -> tuple[Chapter, ...]:
    """The chapters that a site gives for a video of this length, in order.

    None if there is only one.
    """
    found = listed(info.get("chapters"), length_s)
    return found if len(found) > 1 else ()


def listed(said: Any, length_s: float | None) -> tuple[Chapter, ...]:
    """The chapters in a list as yt-dlp has them; none where it is no such list."""
    known = filter(None, map(_chapter, said)) if isinstance(said, list) else ()
    return kept(known, length_s)


def as_said(found: Iterable[Chapter]) -> list[dict[str, Any]]:
    """The inverse of `listed`."""
    return [
        {"title": each.title, "start_time": each.start_s, "end_time": each.end_s} for each in found
    ]


def kept(chapters: Iterable[Chapter], length_s: float | None) -> tuple[Chapter, ...]:
    """Those of the chapters that lie in a video of this length, without overlaps."""
    found: list[Chapter] = []
    for chapter in sorted(chapters, key=lambda each: each.start_s):
        end_s = min(chapter.end_s, length_s or chapter.end_s)
        start_s = max(chapter.start_s, found[-1].end_s if found else 0.0)
        if start_s < end_s and len(found) < MAX_CHAPTERS:
            found.append(Chapter(chapter.title, start_s, end_s))
    return tuple(found)


def write(path: Path, chapters: Iterable[Chapter]) -> None:
    """Write a file of metadata for ffmpeg (its documentation, Metadata)."""
    blocks = (
        "[CHAPTER]\nTIMEBASE=1/1000\n"
        f"START={round(chapter.start_s * 1000)}\nEND={round(chapter.end_s * 1000)}\n"
        f"title={chapter.title.translate(_SPECIAL)}\n"
        for chapter in chapters
    )
    path.write_text(";FFMETADATA1\n" + "".join(blocks), encoding="utf-8")


def _chapter(said: Any) -> Chapter | None:
    if not isinstance(said, dict):
        return None
    start_s, end_s = number(said.get("start_time")), number(said.get("end_time"))
    if start_s is None or end_s is None or not start_s < end_s <= _LONGEST_S:
        return None
    return Chapter(clean(str(said.get("title") or ""), TITLE_LIMIT), start_s, end_s)
