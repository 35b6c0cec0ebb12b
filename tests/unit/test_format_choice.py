"""What is chosen among formats: by size, codecs and time, whole or in parts."""

import doctest
from typing import Any

import pytest

from tests.support.format_choice import MB, a_format, chooser, chosen, cutter, silent, sound
from worker.downloads.ytdlp.formats import formats, streams
from worker.errors import Fault, JobError, Reason
from worker.form import SOUND, Form, What
from worker.protocol import Note
from worker.protocol.choices import Language, Quality

ORIGINAL, DUB, DESCRIBED = ({"language_preference": n} for n in (10, -1, -10))


@pytest.mark.parametrize(
    ("formats", "name", "note"),
    [
        ([a_format("a", 40, 1080), a_format("b", 20, 720)], "a", None),
        ([a_format("a", 60, 1080), a_format("b", 20, 720)], "b", Note.LOWER_QUALITY),
        # Headroom for what a container adds.
        ([a_format("a", 49, 1080), a_format("b", 20, 720)], "b", Note.LOWER_QUALITY),
        ([a_format("a", None, 1080), a_format("b", 20, 720)], "a", None),
        ([a_format("a", 60, 1080, vcodec="none")], None, None),
        # Pictures and sound count together, and the sound gives way first.
        ([silent("v", 40, 720), sound("x", 10), sound("y", 2)], "v+y", None),
        ([silent("v", 40, 720), sound("x", 5)], "v+x", None),
        ([silent("v", 45, 720), silent("w", 30, 480), sound("x", 5)], "w+x", Note.LOWER_QUALITY),
        ([silent("v", 60, 720), sound("x", 5)], "x", Note.AUDIO_ONLY),
        ([silent("v", 60, 720), sound("x", 60)], None, None),
        ([silent("v", 40, 720)], "v", None),
        ([silent("v", 40, 1080), a_format("a", 9, 360)], "a", None),
        ([sound("x", 60), sound("y", 5)], "y", Note.LOWER_QUALITY),
        # What has to be converted gives way to what plays, as long as that is large enough.
        ([a_format("a", 9, 1080, vcodec="vp9"), a_format("b", 9, 720)], "b", None),
        ([a_format("a", 9, 1080, vcodec="vp9"), a_format("b", 9, 360)], "a", None),
        # A rate and a length are a size as well: 8 Mbit/s for 60 s are 60 MB.
        ([a_format("a", None, 1080, tbr=8000), a_format("b", 9, 720)], "b", Note.LOWER_QUALITY),
        ([a_format("a", None, 1080, tbr=4000), a_format("b", 9, 720)], "a", None),
        ([a_format("a", None, vcodec="none", acodec="none")], None, None),
        ([], None, None),
    ],
)
def test_the_best_that_fits_is_chosen(formats: Any, name: str | None, note: Note | None) -> None:
    made = chooser()
    if name is None:
        with pytest.raises(JobError):
            chosen(made, *formats)
    else:
        assert (chosen(made, *formats), made.note) == (name, note)


@pytest.mark.parametrize("length_s", [None, 60, 1e9, 1e300])
@pytest.mark.parametrize(
    "figures",
    [
        *({"tbr": number} for number in (1e12, 1e17, 1e305, float("inf"), float("nan"), -5)),
        *({"filesize": number} for number in (10**16, 10**400, 1e300, 1234567.8)),
        {"filesize_approx": 1e300},
    ],
)
def test_absurd_figures_of_one_quality_leave_the_others(
    figures: dict[str, float], length_s: float | None
) -> None:
    made = cutter()
    made.duration_s = length_s
    odd = a_format("odd", None, 1080, **figures)
    assert chosen(made, odd, a_format("sd", 9, 480, tbr=300)) in ("odd", "sd")
    assert made.qualities[1:] == (Quality(480, 9 * MB),)
    made.exclude()  # what it has proved to be is a measure for the other
    assert [each.height for each in made.qualities] == [1080, 480]


def test_the_qualities_of_a_site_are_told_with_what_they_need() -> None:
    made = cutter()
    formats = [
        a_format("huge", 900, 2160),
        a_format("cut", 90, 1080),
        a_format("hd", 30, 720),
        a_format("vp9", 20, 720, vcodec="vp9"),
        a_format("upright", None, 854, width=480),
        sound("x", 5),
    ]
    assert chosen(made, *formats) == "hd"
    assert made.qualities == (
        Quality(2160, 900 * MB, 0),
        Quality(1080, 90 * MB, 2),
        Quality(720, 30 * MB),
        Quality(480, made.qualities[-1].size_bytes),
    )
    assert chosen(made, a_format("plain", 9)) == "plain"
    assert not made.qualities


@pytest.mark.parametrize(("wanted", "name"), [(720, "hd"), (480, "sd"), (144, "least")])
def test_higher_qualities_than_the_wanted_one_are_offered_too(wanted: int, name: str) -> None:
    made = chooser(form=Form(max_height=wanted))
    heights = {"full": 1080, "hd": 720, "sd": 480, "least": 360}
    formats = [a_format(each, height // 50, height) for each, height in heights.items()]
    assert (chosen(made, *formats), made.note) == (name, None)
    assert [each.height for each in made.qualities] == [1080, 720, 480, 360]


def test_qualities_that_are_offered_are_in_the_wanted_language() -> None:
    made = chooser(form=Form(max_height=360, language="fr"))
    formats = [
        a_format("hd-en", 20, 1080, language="en"),
        a_format("hd-fr", 15, 720, language="fr"),
        a_format("sd-fr", 9, 360, language="fr"),
    ]
    assert chosen(made, *formats) == "sd-fr"
    assert [each.height for each in made.qualities] == [720, 360]


def test_sound_out_of_a_small_film_is_as_good_as_any() -> None:
    made = chooser(form=SOUND)
    assert chosen(made, a_format("hdr", 900, 2160, vcodec="vp9"), a_format("sd", 9, 240)) == "sd"
    assert made.note is None


@pytest.mark.parametrize(
    ("told", "fps", "is_hdr"),
    [
        ({}, None, False),
        ({"fps": 30, "dynamic_range": "SDR"}, None, False),
        ({"fps": 59.94, "dynamic_range": "HDR10"}, 60, True),
        ({"fps": "many", "dynamic_range": None}, None, False),
        ({"fps": 1e300}, None, False),
        ({"fps": float("nan")}, None, False),
    ],
)
def test_what_few_films_have_is_told_of_a_quality(
    told: dict[str, Any], fps: int | None, is_hdr: bool
) -> None:
    made = cutter()
    chosen(made, a_format("hd", 30, 720, **told), a_format("sd", 9, 480))
    assert made.qualities[0] == Quality(720, 30 * MB, 1, fps, is_hdr)


@pytest.mark.parametrize(
    ("max_height", "formats", "name", "note"),
    [
        (1080, [a_format("hd", 20, 1080), a_format("sd", 9, 480)], "hd", None),
        (720, [a_format("hd", 20, 1080), a_format("sd", 9, 480)], "sd", None),
        (480, [a_format("hd", 20, 1080), a_format("sd", 9, 480)], "sd", None),
        # Upright, 480p is 480 wide.
        (480, [a_format("hd", 9, 1280, width=720), a_format("sd", 9, 854, width=480)], "sd", None),
        # Where all are higher, the lowest is nearest to what is wanted.
        (240, [a_format("hd", 20, 1080), a_format("sd", 9, 480)], "sd", None),
        # What tells no height may be low enough.
        (240, [a_format("hd", 20, 1080), a_format("plain", 9)], "plain", None),
        # It is pictures that have a height.
        (480, [silent("hd", 20, 1080), silent("sd", 9, 480), sound("x", 5)], "sd+x", None),
        # What is wanted but too large is lower quality still.
        (720, [a_format("m", 60, 720), a_format("sd", 9, 480)], "sd", Note.LOWER_QUALITY),
        # Of what is wanted, that which plays goes first.
        (480, [a_format("vp9", 9, 480, vcodec="vp9"), a_format("sd", 9, 480)], "sd", None),
        (480, [sound("x", 5)], "x", None),
    ],
)
def test_no_more_than_the_height_that_is_wanted(
    max_height: int, formats: Any, name: str, note: Note | None
) -> None:
    made = chooser(form=Form(max_height=max_height))
    assert (chosen(made, *formats), made.note) == (name, note)


def test_what_there_is_no_time_to_convert_is_chosen_last() -> None:
    formats = [a_format("a", 9, 1080, vcodec="vp9"), a_format("b", 9, 360)]
    assert chosen(chooser(length_s=30), *formats) == "a"
    made = chooser(length_s=3600)
    assert (chosen(made, *formats), made.note) == ("b", None)
    assert chosen(chooser(length_s=3600), formats[0]) == "a"


def test_without_ffmpeg_nothing_is_merged() -> None:
    formats = [silent("v", 9, 720), sound("x", 1), a_format("b", 9, 360)]
    assert chosen(chooser(has_ffmpeg=False), *formats) == "b"


def test_what_proves_too_large_is_followed_by_something_smaller() -> None:
    formats = [
        a_format("a", None, 1080),
        a_format("also", None, 1080),
        a_format("b", None, 480),
        a_format("c", 3, 240),
    ]
    made = chooser()
    assert chosen(made, *formats) == "a"
    made.exclude()
    assert made.has_choice()
    assert (chosen(made, *formats), made.note) == ("b", Note.LOWER_QUALITY)
    made.exclude()
    assert made.has_choice()
    assert chosen(made, *formats) == "c"
    made.exclude()
    assert not made.has_choice()
    with pytest.raises(JobError) as caught:
        chosen(made, *formats)
    assert caught.value.reason is Reason.TOO_LARGE


def test_pictures_that_prove_too_large_are_not_tried_with_less_sound() -> None:
    formats = [silent("v", 9, 720), sound("x", 5), sound("y", 1)]
    made = chooser()
    assert chosen(made, *formats) == "v+x"
    made.exclude()
    assert made.has_choice()
    assert (chosen(made, *formats), made.note) == ("x", Note.AUDIO_ONLY)


@pytest.mark.parametrize(
    ("formats", "name", "parts", "note"),
    [
        # A quality that fits goes before one that has to be cut.
        ([a_format("hd", 120, 1080), a_format("sd", 40, 480)], "sd", 1, Note.LOWER_QUALITY),
        # None fits: the fewest parts, and among those the best quality.
        ([a_format("hd", 170, 1080), a_format("sd", 80, 480)], "sd", 4, None),
        ([a_format("hd", 88, 1080), a_format("sd", 80, 480)], "hd", 4, None),
        # Parts go before the sound alone, but not more of them than allowed.
        ([a_format("hd", 120, 1080), sound("mp3", 5)], "hd", 4, None),
        ([a_format("hd", 500, 1080), sound("mp3", 5)], "mp3", 1, Note.AUDIO_ONLY),
        # What no player shows as it is cannot be cut as it is.
        ([a_format("vp9", 120, 1080, vcodec="vp9"), sound("mp3", 5)], "mp3", 1, Note.AUDIO_ONLY),
    ],
)
def test_what_is_cut(formats: list[Any], name: str, parts: int, note: Note | None) -> None:
    made = cutter()
    assert (chosen(made, *formats), made.parts, made.note) == (name, parts, note)


def test_a_size_that_was_not_told_is_cut_once_it_is_known() -> None:
    made = cutter()
    plain = a_format("plain")
    assert (chosen(made, plain), made.parts) == ("plain", 1)
    made.exclude(120 * MB)
    assert made.has_choice()
    assert (chosen(made, plain), made.parts) == ("plain", 4)
    made.exclude(300 * MB)
    assert not made.has_choice()
    with pytest.raises(JobError) as caught:
        chosen(made, plain)
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("formats", "form", "name", "parts", "note"),
    [
        # Sound that fits goes before better sound that has to be cut, and both before a film.
        ([sound("wav", 120), sound("mp3", 5)], SOUND, "mp3", 1, Note.LOWER_QUALITY),
        ([sound("wav", 120)], SOUND, "wav", 4, None),
        ([sound("wav", 120), a_format("film", 5, 240)], SOUND, "wav", 4, None),
        # The fewest parts, and what plays as it is before what does not.
        ([sound("x", 170), sound("y", 60)], SOUND, "y", 4, None),
        ([sound("opus", 60, acodec="opus"), sound("m4a", 120)], SOUND, "m4a", 4, None),
        ([sound("flac", 500)], SOUND, None, 1, None),
        # A film is fetched for its sound within what may be fetched, the smallest first.
        ([a_format("hd", 170, 1080), a_format("sd", 120, 480)], SOUND, "sd", 4, None),
        ([a_format("hd", 170, 1080), a_format("sd", 40, 480)], SOUND, "sd", 1, None),
        ([a_format("vp9", 120, 480, vcodec="vp9")], SOUND, "vp9", 4, None),
        ([a_format("hd", 500, 1080)], SOUND, None, 1, None),
        ([sound("wav", 500), a_format("film", 120, 480)], SOUND, "film", 4, None),
        # Where no part of a film can be sent, its sound is, in parts if need be.
        ([a_format("hd", 500, 1080), sound("m4a", 90)], Form(), "m4a", 4, Note.AUDIO_ONLY),
        ([a_format("hd", 170, 1080), sound("m4a", 90)], Form(), "hd", 4, None),
    ],
)
def test_sound_is_cut_too(
    formats: list[Any], form: Form, name: str | None, parts: int, note: Note | None
) -> None:
    made = cutter(form=form)
    if name is None:
        with pytest.raises(JobError) as caught:
            chosen(made, *formats)
        assert caught.value.reason is Reason.TOO_LARGE
    else:
        assert (chosen(made, *formats), made.parts, made.note) == (name, parts, note)


@pytest.mark.parametrize(
    ("formats", "missing", "name"),
    [
        ([a_format("hd", 9, 720), a_format("sd", 5, 360)], "hd", "sd"),
        ([silent("v", 9, 720), silent("w", 9, 480), sound("x", 5)], "v", "w+x"),
        ([silent("v", 9, 720), sound("x", 5), sound("y", 5)], "x", "v+y"),
        # Pictures without sound, sound without pictures and another language are no substitute.
        ([silent("v", 9, 720), sound("x", 5)], "x", None),
        ([silent("v", 9, 720), sound("x", 5)], "v", None),
        ([silent("v", 9, 720), sound("x", 5, **ORIGINAL), sound("dub", 5, **DUB)], "x", None),
        ([a_format("hd", 9, 720)], "hd", None),
    ],
)
def test_what_the_site_does_not_have_gives_way_to_what_is_as_good(
    formats: list[Any], missing: str, name: str | None
) -> None:
    made = chooser()
    before = chosen(made, *formats)
    assert made.leave_out(missing) is (name is not None)
    assert not made.leave_out("unknown")
    assert (chosen(made, *formats), made.note) == (name or before, None)


def test_example_is_true() -> None:
    assert doctest.testmod(formats).failed == 0
    assert doctest.testmod(formats).attempted


def test_asking_changes_nothing() -> None:
    made = chooser()
    assert not made.has_choice()
    assert chosen(made, a_format("a", 40, 1080), a_format("b", 20, 720)) == "a"
    assert made.has_choice()
    assert made.has_choice()
    assert chosen(made, a_format("a", 40, 1080), a_format("b", 20, 720)) == "a"


@pytest.mark.parametrize(
    ("formats", "name"),
    [
        # The dub has the better codec by yt-dlp's order, or is smaller, or is alone small enough.
        ([silent("v", 30, 720), sound("dub", 2, **DUB), sound("own", 5, **ORIGINAL)], "v+own"),
        ([silent("v", 45, 720), sound("own", 5, **ORIGINAL), sound("dub", 1, **DUB)], "own"),
        ([sound("dub", 1, **DUB), sound("own", 5, **ORIGINAL)], "own"),
        ([sound("described", 1, **DESCRIBED), sound("dub", 5, **DUB)], "dub"),
        ([a_format("dub", 20, 720, **DUB), a_format("own", 20, 720, **ORIGINAL)], "own"),
        ([a_format("dub", 20, 720, **DUB), a_format("own", 20, 480, **ORIGINAL)], "own"),
        (
            [sound("en", 3, format_note="English"), sound("fr", 5, format_note="French original")],
            "fr",
        ),
        # The site tells nothing of languages, or not of all.
        ([silent("v", 30, 720), sound("x", 2), sound("y", 5)], "v+x"),
        ([silent("v", 30, 720), sound("x", 2), sound("own", 5, **ORIGINAL)], "v+own"),
    ],
)
def test_the_language_that_it_was_made_in_is_chosen(formats: list[Any], name: str) -> None:
    assert chosen(chooser(), *formats) == name


def spoken(name: str, megabytes: float, language: str, **more: Any) -> Any:
    return sound(name, megabytes, language=language, **more)


THREE = [
    silent("v", 30, 720),
    spoken("fr", 1, "fr", **DUB),
    spoken("de", 1, "de", format_note="German, dubbed-auto", **DUB),
    spoken("en", 5, "en_US", **ORIGINAL),
    spoken("en-described", 5, "en-US", **DESCRIBED),
]


@pytest.mark.parametrize(("language", "name"), [(None, "v+en"), ("de", "v+de"), ("en-us", "v+en")])
def test_another_language_is_chosen_where_somebody_wants_it(
    language: str | None, name: str
) -> None:
    made = chooser(form=Form(language=language))
    assert chosen(made, *THREE) == name
    assert made.languages == (
        Language("en-us", is_original=True),
        Language("fr"),
        Language("de", is_dubbed=True),
    )
    wanted = chooser(form=Form(What.SOUND, language=language))
    assert chosen(wanted, *THREE) == name.removeprefix("v+")


@pytest.mark.parametrize("language", ["de", "deu"])
def test_language_is_found_by_whichever_name_its_site_gives_it(language: str) -> None:
    made = chooser(form=Form(language=language))
    assert chosen(made, spoken("a", 9, "eng"), spoken("b", 5, "ger")) == "b"
    assert [each.tag for each in made.languages] == ["en", "de"]


def test_language_that_there_is_not_is_told() -> None:
    with pytest.raises(JobError) as missing:
        chosen(chooser(form=Form(language="it")), *THREE)
    assert missing.value.reason is Reason.NO_SUCH_LANGUAGE
    assert missing.value.languages == ("en-us", "fr", "de")


@pytest.mark.parametrize(
    ("audios", "languages"),
    [
        ([spoken("a", 1, "en"), spoken("b", 1, "en")], ()),
        ([spoken("a", 1, "en"), spoken("b", 1, "und"), spoken("c", 1, "no language!")], ()),
        ([spoken("a", 1, "en"), spoken("b", 1, "de")], (Language("en"), Language("de"))),
    ],
)
def test_languages_are_told_where_there_are_several(audios: list[Any], languages: Any) -> None:
    made = chooser()
    chosen(made, silent("v", 30, 720), *audios)
    assert made.languages == languages


@pytest.mark.parametrize(
    ("audios", "name"),
    [
        # The best that the parts allow, not the poorest.
        ([sound("best", 9), sound("poor", 1)], "v+best"),
        ([sound("best", 90), sound("good", 9), sound("poor", 1)], "v+good"),
        ([sound("dub", 1, **DUB), sound("own", 9, **ORIGINAL)], "v+own"),
    ],
)
def test_what_is_cut_has_the_best_sound_that_its_parts_allow(audios: list[Any], name: str) -> None:
    film = silent("v", 160, 720)
    assert chosen(cutter(), film, *audios) == name


@pytest.mark.parametrize("codec", ["H264", "AVC1", "AVC1.640028", "Avc1.4d401e", "h264"])
def test_codecs_are_known_in_any_letters(codec: str) -> None:
    small, large = a_format("small", 5, 144), a_format("large", 20, 1080, vcodec=codec)
    assert chosen(chooser(length_s=3600), large, small) == "large"
    made = cutter()
    assert chosen(made, silent("large", 120, 1080, vcodec=codec), sound("x", 5)) == "large+x"
    assert made.parts > 1


@pytest.mark.parametrize("none", ["none", "NONE", "None"])
def test_no_codec_is_no_stream_in_any_letters(none: str) -> None:
    assert chosen(chooser(), silent("v", 9, 720, acodec=none), sound("x", 1, vcodec=none)) == "v+x"


def test_storyboards_alone_are_the_operators_trouble() -> None:
    boards = [
        a_format(f"sb{n}", vcodec="none", acodec="none", ext="mhtml", protocol="mhtml")
        for n in range(4)
    ]
    with pytest.raises(JobError) as caught:
        chosen(chooser(), *boards)
    assert (caught.value.reason, caught.value.fault) == (Reason.BLOCKED_HERE, Fault.OPERATOR)
    assert chosen(chooser(), *boards, a_format("a", 5, 360)) == "a"


VIDEO = {"vcodec": "avc1", "acodec": "none"}
AUDIO = {"vcodec": "none", "acodec": "mp4a.40.2"}


@pytest.mark.parametrize(
    ("media", "is_locked"),
    [
        ([VIDEO | {"has_drm": True}, AUDIO], True),
        ([{"height": 720, "has_drm": True}, AUDIO], True),
        ([VIDEO | {"has_drm": True}, VIDEO, AUDIO], False),
        ([VIDEO | {"has_drm": True}, {"url": "https://example.com/film.mp4"}], False),
        ([VIDEO | {"has_drm": "maybe"}, AUDIO], False),
        ([AUDIO | {"has_drm": True}, AUDIO], False),
        ([{"has_drm": True}, AUDIO], False),  # a song, for all that is known
        ([VIDEO, AUDIO | {"has_drm": True}], False),
        ([], False),
    ],
)
def test_pictures_that_are_all_encrypted_are_noticed(
    media: list[dict[str, Any]], is_locked: bool
) -> None:
    assert streams.has_locked_pictures(media) is is_locked
