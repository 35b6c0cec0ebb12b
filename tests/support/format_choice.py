"""Formats as yt-dlp lists them, and the choice that is made among them."""

from typing import Any

from worker.downloads.media.conversion import Budget
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.form import WHOLE, Form

MB = 1_000_000


def a_format(name: str, mb: float | None = None, height: int | None = None, **more: Any) -> Any:
    size = {} if mb is None else {"filesize": int(mb * MB)}
    shape = {} if height is None else {"height": height, "width": height * 16 // 9}
    return {"format_id": name, "vcodec": "avc1", "acodec": "mp4a", **size, **shape, **more}


def silent(name: str, mb: float | None, height: int, **more: Any) -> Any:
    return a_format(name, mb, height, **{"acodec": "none", "protocol": "https", **more})


def sound(name: str, mb: float | None, **more: Any) -> Any:
    return a_format(name, mb, **{"vcodec": "none", "protocol": "https", **more})


def chooser(
    limit_mb: float = 50, *, has_ffmpeg: bool = True, length_s: float = 60, form: Form = WHOLE
) -> Chooser:
    made = Chooser(Budget(42, int(limit_mb * MB)), has_ffmpeg, form=form)
    made.duration_s = length_s
    return made


def chosen(made: Chooser, *best_first: Any) -> str:
    (found,) = made({"formats": list(reversed(best_first))})
    return str(found["format_id"])


def cutter(max_parts: int = 4, **options: Any) -> Chooser:
    made = Chooser(Budget(42, 50 * MB), has_ffmpeg=True, max_parts=max_parts, **options)
    made.duration_s = 60
    return made
