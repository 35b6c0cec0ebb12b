"""Make one film of the periods of a DASH manifest (ISO/IEC 23009-1, 5.3.2).

yt-dlp only puts periods together whose streams are described alike, and takes those of another
size for a film of their own: an advertisement, or all but that.
"""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.networking import Request

from worker.downloads.ytdlp.transfer import mpd

# The key of a piece that may not be there.
_IS_ROUNDED = "is_rounded"

DashFormat = dict[str, Any]

_merge_of_ytdlp = InfoExtractor._merge_mpd_periods
_parse_of_ytdlp = InfoExtractor._parse_mpd_periods


def install() -> None:
    """Let yt-dlp read manifests as players do, and put together all periods of one."""
    InfoExtractor._parse_mpd_periods = _parse  # type: ignore[assignment, method-assign]
    InfoExtractor._merge_mpd_periods = _merge  # type: ignore[assignment, method-assign]


def _parse(extractor: InfoExtractor, document: Any, *args: Any, **options: Any) -> Any:
    """Read a manifest, once it is corrected. Replaces `InfoExtractor._parse_mpd_periods`."""
    with contextlib.suppress(ValueError, ArithmeticError):
        mpd.correct(document)
    return _parse_of_ytdlp(extractor, document, *args, **options)


def _merge(extractor: InfoExtractor, periods: Any) -> Any:
    """Put the periods of a manifest together. Replaces `InfoExtractor._merge_mpd_periods`."""
    try:
        periods = list(periods)
    except (ValueError, ArithmeticError, LookupError) as error:
        # The site may have other formats than those of a manifest that says what cannot be.
        extractor.report_warning(f"A DASH manifest cannot be read: {type(error).__name__}")
        return [], {}
    try:
        found = [period for period in periods if period["formats"]]
        for media in (media for period in found for media in period["formats"]):
            _mark_last(media)
        subtitles = found[0]["subtitles"] if found else {}
        return merged([period["formats"] for period in found]), subtitles
    except (TypeError, KeyError, AttributeError):
        # Another release of yt-dlp may describe formats in another way.
        return _merge_of_ytdlp(extractor, periods)


def merged(periods: Sequence[Sequence[DashFormat]]) -> list[DashFormat]:
    """The formats of the longest period, each with its counterparts in the others around it.

    A period without sound or without pictures is left out, or the two would drift apart. Anything
    else may be missing from one, such as thumbnails.
    """
    if len(periods) < 2:
        return [media for period in periods for media in period]
    longest = max(periods, key=lambda period: max(map(_length, period)))
    kinds = {_kind(media) for media in longest if _is_media(media)}
    whole = [period for period in periods if set(map(_kind, period)) >= kinds]
    return [_joined(media, whole) for media in longest]


def _joined(media: DashFormat, periods: Sequence[Sequence[DashFormat]]) -> DashFormat:
    likest = filter(None, (_likest(media, period) for period in periods))
    fragments = [fragment for like in likest for fragment in _fragments(like)]
    protocol = "http_dash_segments"
    return {**media, "fragments": fragments, "protocol": protocol, "is_dash_periods": True}


def _likest(media: DashFormat, period: Sequence[DashFormat]) -> DashFormat | None:
    """The format of a period that differs least from another period's; None if none is similar."""

    def distance(other: DashFormat) -> tuple[bool, bool, bool, float, float]:
        return (
            other.get("language") != media.get("language"),
            other.get("language_preference") != media.get("language_preference"),
            _codec(other) != _codec(media),
            abs((other.get("height") or 0) - (media.get("height") or 0)),
            abs((other.get("tbr") or 0) - (media.get("tbr") or 0)),
        )

    alike = (other for other in period if _kind(other) == _kind(media))
    return min(alike, key=distance, default=None)


def _kind(media: Mapping[str, Any]) -> tuple[bool, bool, object]:
    """Whether it has pictures and sound; what has neither is named by its suffix."""
    has_video, has_audio = media.get("vcodec") != "none", media.get("acodec") != "none"
    return has_video, has_audio, None if has_video or has_audio else media.get("ext")


def _is_media(media: Mapping[str, Any]) -> bool:
    has_video, has_audio, _ = _kind(media)
    return has_video or has_audio


def _codec(media: Mapping[str, Any]) -> str:
    codec = media.get("vcodec")
    return str(media.get("acodec") if codec == "none" else codec).partition(".")[0]


def _length(media: Mapping[str, Any]) -> float:
    """How long it is in seconds, or else in fragments."""
    fragments = media.get("fragments") or ()
    return sum(fragment.get("duration") or 1.0 for fragment in fragments)


def _fragments(media: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A format's fragments with whole URLs; a format without any is a file."""
    base = media.get("fragment_base_url") or ""
    return [
        {"url": fragment.get("url") or urljoin(base, fragment["path"]), **_kept(fragment)}
        for fragment in media.get("fragments") or [{"url": media["url"]}]
    ]


def _kept(fragment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fragment[name] for name in ("duration", _IS_ROUNDED) if fragment.get(name)}


def _mark_last(media: DashFormat) -> None:
    """Mark the last piece if pieces of one length are counted: by rounding there may be none."""
    pieces = [each for each in media.get("fragments") or () if each.get("duration")]
    if len(pieces) > 1 and len({each["duration"] for each in pieces}) == 1:
        pieces[-1][_IS_ROUNDED] = True


def without_gone_end(stream: DashFormat, gone: Collection[str]) -> DashFormat | None:
    """A stream without last pieces whose URLs are `gone`; None if it has none of these."""
    base = stream.get("fragment_base_url") or ""

    def is_gone(fragment: Mapping[str, Any]) -> bool:
        if not fragment.get(_IS_ROUNDED):
            return False
        url = fragment.get("url") or urljoin(base, fragment["path"])
        return Request(url).url in gone

    fragments = stream.get("fragments")
    if not isinstance(fragments, list):
        return None
    left = [fragment for fragment in fragments if not is_gone(fragment)]
    return None if len(left) == len(fragments) else {**stream, "fragments": left}
