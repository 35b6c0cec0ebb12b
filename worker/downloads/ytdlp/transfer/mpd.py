"""Correct the document of a DASH manifest (ISO/IEC 23009-1) where yt-dlp does not read it right.

Pure, apart from changing the document. yt-dlp takes a period without a duration to last as long as
the whole, a piece that is repeated until something else comes for a single one, and fast-forward
pictures for a quality. It breaks at pieces that are ranges of one file.
"""

import itertools
import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement

from yt_dlp.utils import parse_duration

from worker.downloads.ytdlp.network.page_limits import MAX_FRAGMENTS

# DASH-IF IOP, 3.2.9: a set for fast forward and rewind.
_TRICK_MODE = "http://dashif.org/guidelines/trickmode"
# What rounding may add to the length of a period, as a share of a piece.
_ROUNDING = 0.01


def correct(document: Element) -> None:
    """Say in a manifest what it leaves open, and leave out what yt-dlp cannot fetch.

    Raises ValueError or ArithmeticError for what cannot be.
    """
    _fill_in_durations(document)
    total_s = _seconds(document.get("mediaPresentationDuration"))
    for period in document.findall("{*}Period"):
        length_s = _seconds(period.get("duration")) or total_s
        for media in period.findall("{*}AdaptationSet"):
            if _is_trick_mode(media):
                period.remove(media)
                continue
            for representation in media.findall("{*}Representation"):
                if not _is_readable(representation, (media, period, document)):
                    media.remove(representation)
        _count_repeats(period, length_s, 1, 0)


def _fill_in_durations(document: Element) -> None:
    """A period lasts until the next one starts, and the last one until the end (5.3.2.1)."""
    periods = document.findall("{*}Period")
    if len(periods) < 2:
        return
    end = document.get("mediaPresentationDuration")
    next_starts = [*(period.get("start") for period in periods[1:]), end]
    starts_s: float | None = 0.0
    for period, next_start in zip(periods, next_starts, strict=True):
        starts_s = _seconds(period.get("start")) if period.get("start") else starts_s
        length_s, ends_s = _seconds(period.get("duration")), _seconds(next_start)
        if length_s is None and starts_s is not None and ends_s is not None and ends_s > starts_s:
            length_s = ends_s - starts_s
            period.set("duration", f"PT{length_s:.6f}S")
        starts_s = None if starts_s is None or length_s is None else starts_s + length_s


def _seconds(text: str | None) -> float | None:
    found: float | None = parse_duration(text)
    return found


def _is_trick_mode(media: Element) -> bool:
    needed = media.findall("{*}EssentialProperty")
    return any(each.get("schemeIdUri") == _TRICK_MODE for each in needed)


def _count_repeats(element: Element, length_s: float | None, timescale: int, offset: int) -> None:
    """Replace each negative count of repeats below an element by what it stands for (5.3.9.6).

    `timescale` and `offset` are those that the element inherits.
    """
    for kind in ("SegmentTemplate", "SegmentList"):
        for source in element.findall(f"{{*}}{kind}"):
            timescale = int(source.get("timescale") or timescale)
            offset = int(source.get("presentationTimeOffset") or offset)
            end = None if length_s is None else offset + length_s * timescale
            for timeline in source.findall("{*}SegmentTimeline"):
                _count_in(timeline.findall("{*}S"), end)
    for kind in ("AdaptationSet", "Representation"):
        for inner in element.findall(f"{{*}}{kind}"):
            _count_repeats(inner, length_s, timescale, offset)


def _count_in(runs: Sequence[Element], end: float | None) -> None:
    at = 0
    for run, following in itertools.zip_longest(runs, runs[1:]):
        at, length = int(run.get("t") or at), int(run.get("d") or 0)
        repeats = int(run.get("r") or 0)
        if repeats < 0:
            told = following.get("t") if following is not None else None
            until = end if told is None else int(told)
            count = 1 if until is None else math.ceil((until - at) / length - _ROUNDING)
            repeats = min(max(count, 1), MAX_FRAGMENTS + 1) - 1
            run.set("r", str(repeats))
        at += length * (repeats + 1)


def _is_readable(representation: Element, around: Sequence[Element]) -> bool:
    """Whether yt-dlp finds the pieces of a representation, if necessary as one file."""
    for holder in (representation, *around):
        listed = holder.find("{*}SegmentList")
        if listed is None:
            continue
        pieces, heads = listed.findall("{*}SegmentURL"), listed.findall("{*}Initialization")
        files = {piece.get("media") for piece in pieces}
        are_ranges = all(piece.get("mediaRange") for piece in pieces)
        if pieces and are_ranges and len(files) == 1 and holder is representation:
            base = "".join(_bases(representation, *around)[:1])
            files |= {head.get("sourceURL") for head in heads} | {base.rpartition("/")[2]}
            return _make_whole(representation, listed, {name for name in files if name}, base)
        return None not in files and all(head.get("sourceURL") for head in heads)
    return True


def _make_whole(representation: Element, listed: Element, files: set[str], inherited: str) -> bool:
    """Have pieces that are ranges of one file fetched as that file.

    Returns whether they are.
    """
    if len(files) != 1:
        return False
    (file,) = files
    if not inherited.endswith(file):
        base = representation.find("{*}BaseURL")
        if base is None:
            name = representation.tag.replace("Representation", "BaseURL")
            base = SubElement(representation, name)
        base.text = file if "://" in file else f"{base.text or ''}{file}"
    representation.remove(listed)
    return True


def _bases(*elements: Element) -> list[str]:
    found = (base for element in elements for base in element.findall("{*}BaseURL")[:1])
    return [base.text for base in found if base.text]
