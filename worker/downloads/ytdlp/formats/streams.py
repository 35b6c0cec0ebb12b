"""What a site's formats hold: pictures, sound, which codecs, which language. All pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from worker.downloads.media.contents import positive, side
from worker.downloads.ytdlp.language_tags import tag_of
from worker.errors import Fault, JobError, Reason
from worker.form import Form
from worker.protocol.choices import MAX_LANGUAGES, Language

Format = Mapping[str, Any]
Learned = Mapping[object, Mapping[str, str]]

_NOTHING: Learned = {}

# yt-dlp's preference for a sound track that a player takes only when somebody asks for it (RFC
# 8216, EXT-X-MEDIA, DEFAULT and AUTOSELECT).
_ALTERNATE = -2
# yt-dlp's preference for sound that describes the pictures.
_DESCRIPTION = -10
# yt-dlp's preference for a preview, a damaged file, sign language, or a codec that nothing plays.
_INFERIOR = -10
_WATERMARKED = -2
_IS_INFERIOR = "is_inferior"
_HIGHEST_AAC_KBPS = 400
# Frame rates between these two are shown to people; a higher one cannot be true.
_HIGH_RATE, _HIGHEST_RATE = 45, 300
# ISO 639-2 for an undetermined language, several, or none.
_NO_LANGUAGES = frozenset({"und", "mul", "zxx"})
# As in `hls-360p`, also where yt-dlp has numbered several of this name.
_HEIGHT_IN_NAME = re.compile(r"(?:^|[-_ ])([1-9]\d{2,3})p(?:\d\d)?(?:-\d+)?$", re.IGNORECASE)
# What yt-dlp tests without a program of its own.
_TESTABLE = frozenset({"http", "https", "m3u8_native", "http_dash_segments"})
_WITH_INDEX = frozenset({"mp4", "m4a", "m4v", "mov", "unknown_video"})


def understood(formats: Iterable[Format], learned: Learned = _NOTHING) -> list[Format]:
    """The formats, with the codecs and heights that a manifest leaves out or gets wrong corrected.

    In a plain file, a stream that is not mentioned exists. In a manifest of HLS or DASH it may as
    well be a track of its own, and then the file is silent. `learned` has the codecs of formats
    that were looked at, by their ids; where one is silent, all videos of its manifest are.
    """
    known = [
        {**_classified(_with_named_height(f)), **learned.get(f.get("format_id"), {})}
        for f in formats
    ]
    filmed = {_manifest(media) for media in known if has(media, "vcodec")} - {None}
    with_tracks = {_manifest(media) for media in known if _is_track(media)} & filmed
    proven = {
        _manifest(media)
        for media in known
        if learned.get(media.get("format_id"), {}).get("acodec") == "none"
    }

    def is_silent(media: Format) -> bool:
        is_vague = not (media.get("vcodec") and media.get("acodec"))
        silent = (proven | with_tracks) if is_vague else proven
        return has(media, "vcodec") and _manifest(media) in silent - {None}

    def repeats_track(media: Format) -> bool:
        is_variant = is_sound(media) and not _is_track(media) and not _is_alternate(media)
        return is_variant and _manifest(media) in with_tracks

    left = [media for media in known if not repeats_track(media)]
    return [{**media, "acodec": "none"} if is_silent(media) else media for media in left]


def has(media: Format, which: str) -> bool:
    """Whether it has a stream, by the name of yt-dlp's field for its codec."""
    # A stream that the site does not mention exists: a plain file has video and audio.
    codec = media.get(which)
    return not (isinstance(codec, str) and codec.lower() == "none")


def without_song(info: Mapping[str, Any], form: Form) -> Sequence[Format] | None:
    """The formats without the song that a video of TikTok names; None where none is to go.

    It is not the sound of the video, which may be another part of the song, or speech over it. It
    stays where what is wanted does not come without it.
    """
    if info.get("extractor_key") != "TikTok":
        return None
    others = [media for media in info.get("formats") or () if media.get("format_id") != "audio"]
    wanted = "acodec" if form.is_sound_only else "vcodec"
    return others if any(has(media, wanted) for media in others) else None


def is_sound(media: Format) -> bool:
    """Whether it is sound alone."""
    return has(media, "acodec") and not has(media, "vcodec")


def with_inferior_marked(formats: Sequence[Format]) -> list[Format]:
    """The formats, with a mark on those that yt-dlp calls damaged or another thing.

    If all that have pictures are like that, these get no mark, and likewise those of sound. A
    watermarked file is marked if a clean video plays everywhere.
    """
    good = [media for media in formats if not (_is_poor(media) or _is_watermarked(media))]
    kinds = {has(media, "vcodec") for media in good}
    is_clean = any(has(media, "vcodec") and plays(media) for media in good)

    def gives_way(media: Format) -> bool:
        if _is_watermarked(media):
            return is_clean
        return _is_poor(media) and has(media, "vcodec") in kinds

    return [{**media, _IS_INFERIOR: True} if gives_way(media) else media for media in formats]


def is_inferior(media: Format) -> bool:
    """Whether it is marked as what is sent only if nothing else is left."""
    return bool(media.get(_IS_INFERIOR))


def _is_poor(media: Format) -> bool:
    preference = media.get("preference")
    return isinstance(preference, int) and preference <= _INFERIOR


def _is_watermarked(media: Format) -> bool:
    """Whether yt-dlp prefers others for its watermark, as with TikTok's own downloads."""
    is_less = media.get("preference") == _WATERMARKED
    return is_less and "watermark" in str(media.get("format_note")).lower()


def is_untested(media: Format) -> bool:
    """Whether yt-dlp doubts that it can be fetched, or that it is open to everybody."""
    is_doubted = media.get("__needs_testing") or media.get("has_drm")
    return bool(is_doubted) and media.get("protocol") in _TESTABLE


def tested(formats: Sequence[Format], media: Format, *, works: bool) -> Sequence[Format]:
    """The formats after a test of one of them, which is left out if it does not work."""
    name = media.get("format_id")
    if not works and (left := without(formats, lambda each: each.get("format_id") == name)):
        return left
    passed = {"__needs_testing": False, "has_drm": False}
    return [{**each, **passed} if each.get("format_id") == name else each for each in formats]


def without(
    formats: Sequence[Format], is_unwanted: Callable[[Format], bool]
) -> Sequence[Format] | None:
    """The formats that are left; None if these lack the pictures or the sound."""
    left = [media for media in formats if not is_unwanted(media)]

    def kinds(of: Sequence[Format]) -> set[str]:
        return {kind for kind in ("vcodec", "acodec") if any(has(media, kind) for media in of)}

    return left if kinds(left) == kinds(formats) else None


def is_plain(media: Format) -> bool:
    """Whether it is a plain file, whose first bytes say what it holds."""
    return media.get("protocol") in {"http", "https"} and not _is_in_manifest(media)


def is_file_with_index(media: Format) -> bool:
    """Whether it is a file whose index may say which bytes some seconds of it need."""
    return media.get("protocol") in {"http", "https"} and media.get("ext") in _WITH_INDEX


def comes_in_part(media: Format) -> bool:
    """Whether a span of it can be fetched alone, as far as is known before."""
    if _is_hls(media) or is_file_with_index(media):
        return True
    in_fragments = str(media.get("protocol")) == "http_dash_segments"
    return in_fragments and not media.get("is_dash_periods")


def plays(media: Format) -> bool:
    """Whether its video plays everywhere as it is, as far as the site says."""
    codec = str(media.get("vcodec") or "h264").lower()
    return codec.startswith(("avc", "h264"))


def sound_plays(media: Format) -> bool:
    """Whether its sound plays everywhere as it is, as far as the site says."""
    codec = str(media.get("acodec") or "mp4a").lower()
    return codec.startswith(("mp4a", "aac", "mp3"))


def lines(media: Format) -> int:
    """The shorter side in pixels; 0 if the site gives neither."""
    return min(filter(None, (side(media.get("width")), side(media.get("height")))), default=0)


def is_storyboard(media: Format) -> bool:
    """Whether it is pictures for a player's progress bar, which yt-dlp lists as a format."""
    return media.get("ext") == "mhtml" or media.get("protocol") == "mhtml"


def has_locked_pictures(formats: Iterable[Format]) -> bool:
    """Whether all formats with pictures are encrypted for others, though sound may not be.

    yt-dlp leaves such formats out before any is chosen.
    """
    filmed = [media for media in formats if has(media, "vcodec")]
    # Of what names neither a codec nor a height, pictures are only supposed.
    is_film = any(media.get("vcodec") or media.get("height") for media in filmed)
    return is_film and all(media.get("has_drm") not in (None, False, "maybe") for media in filmed)


def in_the_original_language(formats: Sequence[Format]) -> list[Format]:
    """The formats without those whose sound is a dub, as far as the site says.

    A smaller file or a better codec is no reason for another language.
    """
    original = max((_preference(f) for f in formats if has(f, "acodec")), default=0)
    return [f for f in formats if not has(f, "acodec") or _preference(f) == original]


def in_language(formats: Sequence[Format], language: str | None) -> list[Format]:
    """The formats with sound in this language; without one, in the original.

    Raises JobError if none has it.
    """
    if language is None:
        return in_the_original_language(formats)
    wanted = tag_of(language)
    found = [f for f in formats if has(f, "acodec") and language_of(f) == wanted]
    if not found:
        there = tuple(each.tag for each in languages(formats))
        detail = f"no sound in {language}"
        raise JobError(Reason.NO_SUCH_LANGUAGE, Fault.PERMANENT, detail, languages=there)
    best = max(map(_preference, found))
    return [f for f in formats if not has(f, "acodec") or (f in found and _preference(f) == best)]


def languages(formats: Sequence[Format]) -> tuple[Language, ...]:
    """The languages of the sound, the original first; empty unless there are several."""
    heard = [f for f in formats if has(f, "acodec") and language_of(f)]
    original = max((_preference(f) for f in formats if has(f, "acodec")), default=0)
    found: dict[str, Language] = {}
    # If the site prefers several, it says of none that it is the original.
    originals = {language_of(f) for f in heard if _preference(f) == original}
    for media in sorted(heard, key=_preference, reverse=True):
        tag = language_of(media)
        is_original = originals == {tag}
        found.setdefault(tag, Language(tag, is_original, not is_original and _is_dubbed(media)))
    return tuple(found.values())[:MAX_LANGUAGES] if len(found) > 1 else ()


def language_of(media: Format) -> str:
    """The language of the sound as an IETF tag in lower case; empty if the site gives none."""
    tag = tag_of(media.get("language"))
    return "" if tag in _NO_LANGUAGES else tag


def _is_dubbed(media: Format) -> bool:
    return "dubbed" in str(media.get("format_note")).lower()


def high_rate(media: Format) -> int | None:
    """The pictures in a second if there are more than usual, as in games and sport."""
    rate = positive(media.get("fps"))
    return round(rate) if rate and _HIGH_RATE <= rate <= _HIGHEST_RATE else None


def is_hdr(media: Format) -> bool:
    """Whether its pictures have a high dynamic range, as far as the site says."""
    return media.get("dynamic_range") not in (None, "", "SDR")


def without_higher(formats: Sequence[Format], max_height: int) -> list[Format]:
    """The formats that are no higher than wanted; the lowest if all are higher."""
    videos = (media for media in formats if has(media, "vcodec") and not is_inferior(media))
    lowest = min(map(lines, videos), default=0)
    return [media for media in formats if lines(media) <= max(max_height, lowest)]


def _preference(media: Format) -> int:
    """yt-dlp's `language_preference`, which is highest for the language of the video itself."""
    preference = media.get("language_preference")
    if isinstance(preference, int):
        return preference
    if "original" in str(media.get("format_note")).lower():
        return 10
    return _ALTERNATE if _is_alternate(media) else -1


def _with_named_height(media: Format) -> Format:
    """The format with the height in its name, where an HLS variant tells it nowhere else."""
    named = _HEIGHT_IN_NAME.search(str(media.get("format_id")))
    if not named or not _is_hls(media) or lines(media) or not has(media, "vcodec"):
        return media
    return {**media, "height": int(named[1])}


def _classified(media: Format) -> Format:
    """The format with the kind that its own description gives, if that is surer than its codecs."""
    if _is_dash(media) and not (media.get("vcodec") or media.get("acodec")):
        # yt-dlp takes this word from the content type, which DASH requires.
        is_audio = str(media.get("format_note")).startswith("DASH audio")
        return {**media, "vcodec": "none"} if is_audio else media
    if _is_in_manifest(media) and not has(media, "vcodec") and _looks_like_video(media):
        # The list of codecs is not complete.
        sound = media.get("acodec") if has(media, "acodec") else None
        return {**media, "vcodec": None, "acodec": sound}
    return media


def _looks_like_video(media: Format) -> bool:
    """Whether its size, or a rate that no AAC has, says that it has pictures."""
    rate = positive(media.get("tbr")) or 0.0
    is_too_much = str(media.get("acodec")).startswith("mp4a") and rate > _HIGHEST_AAC_KBPS
    return bool(lines(media) or positive(media.get("fps")) or is_too_much)


def _is_track(media: Format) -> bool:
    """Whether it is a sound track of a manifest that belongs to the manifest's videos."""
    if not (_is_in_manifest(media) and is_sound(media)) or _is_alternate(media):
        return False
    # An HLS variant of sound alone has a bit rate and a codec; a track has neither.
    return _is_dash(media) or not (media.get("tbr") and media.get("acodec"))


def _is_alternate(media: Format) -> bool:
    is_described = media.get("language_preference") == _DESCRIPTION
    is_second = media.get("source_preference") == _ALTERNATE
    return _is_hls(media) and is_sound(media) and (is_second or is_described)


def _manifest(media: Format) -> object:
    """The address of the manifest that it is in; None if it is in none."""
    if _is_hls(media):
        return media.get("manifest_url")
    return media.get("manifest_url") or "DASH" if _is_dash(media) else None


def _is_in_manifest(media: Format) -> bool:
    return _is_hls(media) or _is_dash(media)


def _is_hls(media: Format) -> bool:
    return str(media.get("protocol")).startswith("m3u8")


def _is_dash(media: Format) -> bool:
    is_dash = str(media.get("protocol")).startswith("http_dash_segments")
    return is_dash or str(media.get("container")).endswith("_dash")
