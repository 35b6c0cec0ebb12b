"""What is chosen where yt-dlp says that a format is no equal of the others, or may not work."""

from typing import Any

import pytest

from tests.support.format_choice import a_format, chooser, chosen, cutter, silent, sound
from worker.form import SOUND, Form
from worker.protocol import Note

POOR = {"preference": -10}


@pytest.mark.parametrize(
    ("formats", "name", "parts", "note"),
    [
        # A preview, what is damaged, sign language: the film goes first, in parts if need be.
        ([a_format("hd", 120, 720), a_format("preview", 9, **POOR)], "hd", 4, None),
        ([a_format("hd", 120, 720), a_format("signs", 40, 360, **POOR)], "hd", 4, None),
        (
            [silent("v", 110, 720), sound("x", 10), a_format("half", 20, 360, **POOR)],
            "v+x",
            4,
            None,
        ),
        ([a_format("sd", 9, 480), a_format("odd", 9, 1080, preference=-100)], "sd", 1, None),
        ([silent("v", 40, 720), sound("x", 20), sound("cut", 1, **POOR)], "v+x", 4, None),
        # So does its sound.
        (
            [a_format("hd", 500, 720), sound("x", 5), a_format("preview", 9, **POOR)],
            "x",
            1,
            Note.AUDIO_ONLY,
        ),
        # It comes if nothing else is left, or if there is nothing else.
        (
            [a_format("hd", 500, 720), a_format("preview", 9, 360, **POOR)],
            "preview",
            1,
            Note.LOWER_QUALITY,
        ),
        ([a_format("gif", 9, 360, **POOR)], "gif", 1, None),
        ([a_format("gif", 9, 360, **POOR), sound("x", 5)], "gif", 1, None),
        # A small difference says nothing.
        (
            [a_format("hd", 120, 720), a_format("sd", 40, 360, preference=-9)],
            "sd",
            1,
            Note.LOWER_QUALITY,
        ),
    ],
)
def test_what_is_no_equal_is_sent_only_if_nothing_else_is_left(
    formats: list[Any], name: str, parts: int, note: Note | None
) -> None:
    made = cutter()
    assert (chosen(made, *formats), made.parts, made.note) == (name, parts, note)


@pytest.mark.parametrize(
    ("formats", "name"),
    [
        ([sound("whole", 120), sound("preview", 1, **POOR)], "whole"),
        ([a_format("film", 9, 720), a_format("half", 2, 360, **POOR)], "film"),
    ],
)
def test_sound_is_that_of_the_real_thing(formats: list[Any], name: str) -> None:
    assert chosen(cutter(form=SOUND), *formats) == name


def test_no_quality_is_offered_of_another_thing() -> None:
    made = cutter()
    formats = [a_format("hd", 30, 720), a_format("half", 9, 360, **POOR)]
    chosen(made, *formats)
    assert [each.height for each in made.qualities] == [720]
    assert chosen(chooser(form=Form(max_height=360)), *formats) == "hd"
    chosen(made, formats[1])
    assert [each.height for each in made.qualities] == [360]


MARKED = a_format("marked", preference=-2, format_note="watermarked")


@pytest.mark.parametrize(
    ("formats", "form", "name", "parts"),
    [
        # TikTok tells neither the size nor the height of the file with a watermark.
        ([a_format("clean", 9, 576), a_format("hevc", 9, 720, vcodec="h265")], Form(), "clean", 1),
        ([a_format("hevc", 9, 1080, vcodec="h265"), a_format("clean", 9, 576)], Form(), "hevc", 1),
        ([a_format("clean", 120, 1024, width=576)], Form(), "clean", 4),
        ([a_format("clean", 9, 576)], Form(max_height=480), "clean", 1),
        # Nobody can be sent the clean one, or not without converting it.
        ([a_format("clean", 500, 576)], Form(), "marked", 1),
        ([a_format("hevc", 9, 576, vcodec="h265")], Form(), "marked", 1),
        ([a_format("hevc", 120, 576, vcodec="h265")], Form(), "marked", 1),
    ],
)
def test_a_watermark_is_for_want_of_a_clean_video(
    formats: list[Any], form: Form, name: str, parts: int
) -> None:
    made = cutter(form=form)
    assert (chosen(made, *formats, MARKED), made.parts) == (name, parts)


@pytest.mark.parametrize("said", [{"format_note": "Direct"}, {"preference": -1}])
def test_what_is_only_less_preferred_keeps_its_rank(said: dict[str, Any]) -> None:
    formats = [a_format("clean", 9, 576), a_format("hevc", 9, 720, vcodec="h265")]
    assert chosen(cutter(), *formats, {**MARKED, **said}) == "marked"


SONG = sound("audio", 1)


@pytest.mark.parametrize(
    ("formats", "form", "site", "name"),
    [
        # Pictures without sound are worse than poorer pictures with it, and no song mends them.
        ([silent("hevc", 9, 1080), a_format("h264", 9, 576), SONG], Form(), "TikTok", "h264"),
        ([silent("hevc", 9, 1080), SONG], Form(), "TikTok", "hevc"),
        ([silent("hevc", 9, 1080), a_format("h264", 9, 576), SONG], SOUND, "TikTok", "h264"),
        # Of what has no sound of its own, the song is all there is.
        ([silent("hevc", 9, 1080), SONG], SOUND, "TikTok", "audio"),
        ([SONG], Form(), "TikTok", "audio"),
        ([silent("hd", 9, 1080), SONG], Form(), "TEDTalk", "hd+audio"),
    ],
)
def test_a_song_is_not_the_sound_of_a_video_of_tiktok(
    formats: list[Any], form: Form, site: str, name: str
) -> None:
    made = chooser(form=form)
    info: dict[str, Any] = {"extractor_key": site, "formats": formats, "duration": 60}
    made.prepare(info)
    assert chosen(made, *info["formats"]) == name


DOUBTED: dict[str, Any] = {"__needs_testing": True, "protocol": "https"}
MAYBE_DRM = {"has_drm": "maybe", "protocol": "m3u8_native"}


@pytest.mark.parametrize(
    ("formats", "name", "tests"),
    [
        ([a_format("bad", 9, 1080, **DOUBTED), a_format("sd", 9, 480)], "sd", ["bad"]),
        ([a_format("bad", 9, 1080, **MAYBE_DRM), a_format("sd", 9, 480)], "sd", ["bad"]),
        ([a_format("hd", 9, 1080, **DOUBTED), a_format("sd", 9, 480, **DOUBTED)], "hd", ["hd"]),
        ([a_format("hd", 9, 1080), a_format("bad", 9, 480, **DOUBTED)], "hd", []),
        # Each stream of a pair is tested once.
        (
            [silent("v", 9, 720, **DOUBTED), sound("bad", 5, **DOUBTED), sound("x", 5, **DOUBTED)],
            "v+x",
            ["v", "bad", "x"],
        ),
        # Where there is nothing else, its own failure says more.
        ([a_format("bad", 9, 720, **DOUBTED)], "bad", ["bad"]),
        ([a_format("bad", 9, 720, **DOUBTED), sound("x", 5)], "bad", ["bad"]),
        ([silent("v", 9, 720), sound("bad", 5, **DOUBTED)], "v+bad", ["bad"]),
        # After some tests, what was not tested is not tried.
        (
            [*(a_format(f"bad{n}", 9, 1080 - n, **DOUBTED) for n in range(9)), a_format("sd", 9)],
            "sd",
            ["bad0", "bad1", "bad2", "bad3"],
        ),
        (
            [a_format(f"bad{n}", 9, 1080 - n, **DOUBTED) for n in range(9)],
            "bad4",
            ["bad0", "bad1", "bad2", "bad3"],
        ),
        # What yt-dlp would start a program for is not tested.
        ([a_format("bad", 9, 1080, **{**DOUBTED, "protocol": "rtmp"})], "bad", []),
    ],
)
def test_what_is_doubted_is_tested_before_it_is_chosen(
    formats: list[Any], name: str, tests: list[str]
) -> None:
    made = chooser()
    tested = []

    def works(media: Any) -> bool:
        tested.append(media["format_id"])
        return "bad" not in media["format_id"]

    made.works = works
    assert (chosen(made, *formats), made.note, tested) == (name, None, tests)
    assert name == "bad" or "bad" not in name or made.qualities[0].height < 1080
