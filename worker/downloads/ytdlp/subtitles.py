"""The subtitles of a video in one language, as something to be downloaded."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt_dlp.utils import ISO639Utils, determine_ext, dfxp2srt

from worker.downloads.file_names import MEDIA_NAME
from worker.downloads.media import subtitle_text
from worker.downloads.media.subtitles import AUTOMATIC, LANGUAGE, MAX_BYTES
from worker.downloads.ytdlp.beside import kept
from worker.downloads.ytdlp.language_tags import tag_of
from worker.downloads.ytdlp.transfer.meter import LIMIT_BYTES
from worker.errors import Fault, JobError, Reason
from worker.protocol.choices import MAX_SUBTITLES, Subtitles

TEXT = "data"
"""The key under which some sites' subtitles have their text, in place of an address."""

# What ffmpeg reads, with the last two converted by yt-dlp; the best first.
_SUFFIXES = ("vtt", "srt", "ass", "ssa", "ttml", "dfxp")
_XML = frozenset({"ttml", "dfxp"})
_XML_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*\?>")
# YouTube's mark for automatic subtitles, as against its translations of these.
_HEARD = "-orig"
_ENGLISH = "en"
# A site can name any number of them.
_MOST_LANGUAGES = 500


@dataclass(frozen=True)
class Track:
    """Subtitles in one language: an IETF tag in lower case, with or without YouTube's `-orig`."""

    language: str
    is_automatic: bool
    source: Mapping[str, Any]


def chosen(info: Mapping[str, Any], language: str | None) -> Track:
    """The subtitles of a video in this language, or else in the most similar one.

    Subtitles that a person has written come before automatic ones. Raises JobError without any.
    """
    tracks = list(_tracks(info))
    if not tracks:
        raise JobError(Reason.NO_SUBTITLES, Fault.PERMANENT, "no subtitles in a known format")
    spoken = tag_of(info.get("language")) or _ENGLISH
    wanted = [tag_of(language)] if language else [spoken, _ENGLISH]
    found = [
        (track.is_automatic, place, -likeness, track)
        for place, tag in enumerate(wanted)
        for track in tracks
        if (likeness := _likeness(track, tag))
    ]
    if found:
        return min(found, key=lambda each: each[:3])[3]
    if language:
        detail = f"none of {len(tracks)} is {language}"
        there = tuple(each.tag for each in listed(info))
        raise JobError(Reason.NO_SUCH_SUBTITLES, Fault.PERMANENT, detail, languages=there)
    return min(tracks, key=_preference)


def listed(info: Mapping[str, Any]) -> tuple[Subtitles, ...]:
    """The subtitles of a video from which people can choose, the likeliest first.

    If a person has written some in a language, the automatic ones are left out.
    """
    tracks = sorted(_tracks(info), key=_preference)
    written = {_base(track.language) for track in tracks if not track.is_automatic}
    found: dict[str, Subtitles] = {}
    for track in tracks:
        tag = track.language.removesuffix(_HEARD)
        if not (track.is_automatic and _base(tag) in written):
            found.setdefault(tag, Subtitles(tag, track.is_automatic))
    return tuple(found.values())[:MAX_SUBTITLES]


def _base(language: str) -> str:
    return language.partition("-")[0]


def download_of(info: Mapping[str, Any], track: Track) -> dict[str, Any]:
    """Subtitles of a video as yt-dlp's extractors return what is to be downloaded."""
    source = {name: value for name, value in track.source.items() if name != "name"}
    language = track.language.removesuffix(_HEARD)
    return {**kept(info), **source, LANGUAGE: language, AUTOMATIC: track.is_automatic}


def long_tag(language: str) -> str:
    """The language as an MP4 file names it, in three letters (ISO 639-2); `und` if it cannot."""
    short = _base(language)
    return short if len(short) == 3 else ISO639Utils.short2long(short) or "und"


def write(info: Mapping[str, Any]) -> dict[str, Any]:
    """Write subtitles whose text an extractor has found already, as if they were downloaded."""
    path = Path(f"{MEDIA_NAME}.{info['ext']}")
    path.write_text(info[TEXT], encoding="utf-8", errors="replace")
    found = {name: value for name, value in info.items() if name != TEXT}
    return {**found, "requested_downloads": [{"filepath": str(path), LIMIT_BYTES: MAX_BYTES}]}


def make_plain(path: Path, info: Mapping[str, Any], charset: str | None = None) -> None:
    """Rewrite the subtitles at `path` as UTF-8, XML as SubRip, and WebVTT without styles.

    `charset` is their encoding as the server names it. Raises JobError for broken XML.
    """
    if path.stat().st_size > MAX_BYTES:
        return  # it is refused later
    text = subtitle_text.decoded(path.read_bytes(), info[LANGUAGE], charset)
    if info["ext"] in _XML:
        text = _subrip_of(text)
    path.write_text(subtitle_text.cues_alone(text), encoding="utf-8")


def _subrip_of(xml: str) -> str:
    declared = _XML_DECLARATION.match(xml)
    plain = subtitle_text.with_seconds(xml[declared.end() if declared else 0 :])
    try:
        return str(dfxp2srt(plain.encode()))
    except Exception as error:  # a stranger's XML may raise anything
        raise JobError(Reason.BROKEN_FILE, Fault.PERMANENT, "TTML") from error


def _tracks(info: Mapping[str, Any]) -> Iterator[Track]:
    for field, is_automatic in (("subtitles", False), ("automatic_captions", True)):
        named = info.get(field)
        languages = named.items() if isinstance(named, dict) else ()
        for language, sources in itertools.islice(languages, _MOST_LANGUAGES):
            tag, source = tag_of(language), _best(sources)
            if tag and source:
                yield Track(tag, is_automatic, source)


def _best(sources: object) -> Mapping[str, Any] | None:
    """Among formats of the same subtitles, the one that is read best here."""
    given = sources if isinstance(sources, list) else []
    named = [{**each, "ext": _suffix(each)} for each in given if isinstance(each, dict)]
    usable = filter(_is_usable, named)
    return min(usable, key=lambda each: _SUFFIXES.index(each["ext"]), default=None)


def _suffix(source: Mapping[str, Any]) -> str:
    """The suffix of a format, which yt-dlp takes from the address if the site gives none."""
    return str(source.get("ext") or determine_ext(str(source.get("url")))).lower()


def _is_usable(source: Mapping[str, Any]) -> bool:
    if source["ext"] not in _SUFFIXES:
        return False
    url = source.get("url")
    is_there = isinstance(url, str) and url.startswith(("http://", "https://"))
    return is_there or isinstance(source.get(TEXT), str)


def _likeness(track: Track, wanted: str) -> int:
    """How well the language of subtitles matches the one that is wanted; 0 if it is another.

    >>> _likeness(Track("en-us", False, {}), "en")
    2
    """
    language = track.language
    if language.removesuffix(_HEARD) == wanted:
        return 4 if language.endswith(_HEARD) else 3
    if language.partition("-")[0] != wanted.partition("-")[0]:
        return 0
    is_wider = wanted.startswith(f"{language}-") or language.startswith(f"{wanted}-")
    return 2 if is_wider else 1


def _preference(track: Track) -> tuple[bool, bool]:
    return track.is_automatic, not track.language.endswith(_HEARD)
