"""Note which sound of a manifest is a dub beside the film's own, or describes its pictures.

yt-dlp leaves out what a manifest says of that, apart from an explicit DEFAULT=NO. What other sites
say nothing of is the film's own sound; so only what counts for less is marked.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import parse_m3u8_attributes

from worker.downloads.ytdlp.transfer import hls_variables

# yt-dlp's `language_preference` for these; without one it takes -1.
ANOTHER, DESCRIPTION = -2, -10

_TRACK = "#EXT-X-MEDIA:"
_DESCRIBES = "public.accessibility.describes-video"
_ROLES = "urn:mpeg:dash:role:2011"
# For people who do not see (ETSI TS 102 822-3-1, AudioPurposeCS).
_AUDIO_PURPOSES, _FOR_THE_BLIND = "urn:tva:metadata:cs:AudioPurposeCS:2007", "1"
_BESIDE = frozenset({"alternate", "supplementary", "commentary", "dub"})

_parse_hls_of_ytdlp = InfoExtractor._parse_m3u8_formats_and_subtitles


def install() -> None:
    """Let yt-dlp note the role of each sound track that a manifest names.

    Comes after whatever else replaces its parser of DASH.
    """
    InfoExtractor._parse_m3u8_formats_and_subtitles = _parse_hls  # type: ignore[assignment, method-assign]
    parse_dash: Any = InfoExtractor._parse_mpd_periods

    def parse(
        extractor: InfoExtractor, mpd_doc: Any, mpd_id: str | None = None, *args: Any, **more: Any
    ) -> Iterator[Any]:
        found = preferences(mpd_doc)
        for period in parse_dash(extractor, mpd_doc, mpd_id, *args, **more):
            for media in period["formats"]:
                name = str(media.get("format_id")).removeprefix(f"{mpd_id}-" if mpd_id else "")
                if (preference := found.get((period["id"], name))) is not None:
                    media["language_preference"] = preference
            yield period

    InfoExtractor._parse_mpd_periods = parse  # type: ignore[assignment, method-assign]


def _parse_hls(
    extractor: InfoExtractor, m3u8_doc: str, m3u8_url: str | None = None, *args: Any, **more: Any
) -> Any:
    """Replaces `InfoExtractor._parse_m3u8_formats_and_subtitles`."""
    text = explicit(hls_variables.replaced(m3u8_doc, m3u8_url or ""))
    parsed: Any = _parse_hls_of_ytdlp(extractor, text, m3u8_url, *args, **more)
    formats, subtitles = parsed
    described = _descriptions(text, m3u8_url or "")
    for media in formats:
        if media.get("vcodec") == "none" and media.get("url") in described:
            media["language_preference"] = DESCRIPTION
    return formats, subtitles


def explicit(text: str) -> str:
    """A master playlist with the defaults of each sound track written out.

    NO is the default of DEFAULT (RFC 8216, 4.3.4.1). A track without a URI is in the videos, of
    which yt-dlp learns if it is the first of its group; here the first is what a player plays.
    """
    lines = text.splitlines()
    tracks = {n: found for n, line in enumerate(lines) if (found := _sound_track(line))}
    if not tracks:
        return text
    decided = {track.get("GROUP-ID") for track in tracks.values() if _is_played(track)}
    for number, track in tracks.items():
        if track.get("GROUP-ID") in decided and "DEFAULT" not in track:
            lines[number] += ",DEFAULT=NO"
    first = sorted(tracks, key=lambda n: (tracks[n].get("DEFAULT") != "YES", "URI" in tracks[n]))
    moved = dict(zip(tracks, (lines[number] for number in first), strict=True))
    return "\n".join(moved.get(number, line) for number, line in enumerate(lines))


def _sound_track(line: str) -> dict[str, str] | None:
    """The attributes of a sound track; None if the line is about something else."""
    if not line.startswith(_TRACK):
        return None
    attributes: dict[str, str] = parse_m3u8_attributes(line)
    return attributes if attributes.get("TYPE") == "AUDIO" else None


def _is_played(track: dict[str, str]) -> bool:
    """Whether it is heard where nobody chooses: as the default one, or in the videos."""
    return track.get("DEFAULT") == "YES" or not track.get("URI")


def _descriptions(text: str, url: str) -> set[str]:
    """The addresses of the tracks that describe the pictures."""
    tracks = filter(None, map(_sound_track, text.splitlines()))
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for track in tracks:
        uri = track.get("URI") or ""
        # As yt-dlp does.
        address = uri if re.match(r"https?://", uri) else urljoin(url, uri)
        found[_DESCRIBES in track.get("CHARACTERISTICS", "")].add(address)
    return found[True] - found[False]


def preferences(manifest: Element) -> dict[tuple[str, str], int]:
    """The preferences of a DASH manifest's lesser sound, by the ids of period and representation.

    As the roles and the accessibility descriptors say (ISO/IEC 23009-1, 5.8.4).
    """
    found: dict[tuple[str, str], int] = {}
    for number, period in enumerate(_children(manifest, "Period")):
        sets = [each for each in _children(period, "AdaptationSet") if _is_sound(each)]
        main = {each.get("lang") for each in sets if "main" in _values(each, "Role", _ROLES)}
        for each in sets:
            if (preference := _preference(each, main)) is None:
                continue
            for representation in _children(each, "Representation"):
                name = representation.get("id") or each.get("id") or "audio"
                found[period.get("id", f"period-{number}"), name] = preference
    return found


def _preference(adaptation_set: Element, main: set[str | None]) -> int | None:
    """The preference of a set, given the languages of the sets that a manifest calls main."""
    roles = _values(adaptation_set, "Role", _ROLES)
    purposes = _values(adaptation_set, "Accessibility", _AUDIO_PURPOSES)
    helps = _values(adaptation_set, "Accessibility", _ROLES)
    if "description" in roles | helps or _FOR_THE_BLIND in purposes:
        return DESCRIPTION
    is_other = "main" not in roles and bool(main) and adaptation_set.get("lang") not in main
    return ANOTHER if roles & _BESIDE or is_other else None


def _is_sound(adaptation_set: Element) -> bool:
    places = (adaptation_set, *_children(adaptation_set, "Representation"))
    kinds = (place.get(name) for name in ("contentType", "mimeType") for place in places)
    return (next(filter(None, kinds), None) or "").startswith("audio")


def _values(element: Element, name: str, scheme: str) -> set[str]:
    """The values of the descriptors of this name and scheme."""
    descriptors = (each for each in _children(element, name) if each.get("schemeIdUri") == scheme)
    return {each.get("value", "") for each in descriptors}


def _children(element: Element, name: str) -> Iterator[Element]:
    """The children of this name, in whatever namespace."""
    return (each for each in element if str(each.tag).rpartition("}")[2] == name)
