"""How large choices are expected to be, and what follows when the site tells little of it."""

import doctest
from typing import Any

import pytest

from tests.support.format_choice import MB, a_format, chooser, chosen, cutter, silent, sound
from tests.support.masters import CODECS, GROUPS, listed, master
from worker.downloads.ytdlp.formats import choices
from worker.errors import JobError, Reason
from worker.protocol import Note

TWO_HOURS_S = 7200
RATES = ((1080, 8000), (720, 4000), (480, 1500), (360, 800), (270, 40))
"""Heights, and the bit rates in kbit/s that they have in truth."""


def ladder(rated: bool, acodec: str = "none") -> list[Any]:
    return [
        silent(f"{height}", None, height, acodec=acodec, **({"tbr": rate} if rated else {}))
        for height, rate in RATES
    ]


def tries(made: Any, formats: list[Any], length_s: float, sound_kbps: float = 0) -> list[str]:
    """What is tried, until something is not too large; each try shows its true size."""
    made.duration_s = length_s
    found = []
    true_bytes = {str(h): (r + sound_kbps) * 125 * length_s for h, r in RATES}
    while True:
        found.append(chosen(made, *formats))
        size = true_bytes.get(found[-1].partition("+")[0], 0)
        if size <= 50 * MB * made.parts:
            return found
        made.exclude(int(size))
        if not made.has_choice():
            return [*found, "too large"]


TRACK = sound("s", None, acodec=None)


@pytest.mark.parametrize(
    ("formats", "length_s", "expected"),
    [
        # The sound tells no rate, the videos do: 270p is the only one that fits.
        ([*ladder(rated=True), TRACK], 2000, ["270+s"]),
        ([*ladder(rated=True), TRACK], 60, ["720+s"]),
        # Nobody tells a rate. Slides of 1080p might fit, but what was tried says what will.
        ([*ladder(rated=False), TRACK], 60, ["1080+s", "720+s"]),
        ([*ladder(rated=False, acodec="mp4a")], 60, ["1080", "720"]),
        ([*ladder(rated=False, acodec="mp4a")], 600, ["1080", "270"]),
        # At the least that pictures take, the higher ones are not worth a try.
        ([*ladder(rated=False, acodec="mp4a")], TWO_HOURS_S, ["270"]),
    ],
)
def test_few_are_tried_in_vain(formats: list[Any], length_s: float, expected: list[str]) -> None:
    made = chooser()
    assert tries(made, formats, length_s) == expected


def test_a_length_that_is_not_told_is_learned_from_the_first_try() -> None:
    made = chooser()
    formats = [*ladder(rated=True), TRACK]
    made.duration_s = 0
    assert chosen(made, *formats) == "1080+s"
    made.exclude(8000 * 125 * 600)  # ten minutes, as its first pieces show
    assert chosen(made, *formats) == "270+s"


def test_rates_that_prove_too_low_are_too_low_for_all() -> None:
    formats = [a_format(f"{height}", None, height, tbr=rate) for height, rate in RATES]
    made = chooser(length_s=80)
    assert chosen(made, *formats) == "720"
    made.exclude(90 * MB)  # more than twice what its rate says
    assert (chosen(made, *formats), made.note) == ("480", Note.LOWER_QUALITY)
    made.exclude(90 * MB)
    assert chosen(made, *formats) == "270"


@pytest.mark.parametrize(
    ("name", "formats", "expected"),
    [
        ("a sound of unknown size counts", [silent("v", 45.5, 720), sound("s", None)], None),
        ("unless there is room for it", [silent("v", 45.4, 720), sound("s", None)], "v+s"),
        ("what is known of a pair is not forgotten", [silent("v", 60, 720), TRACK], "s"),
    ],
)
def test_an_unknown_sound_counts_as_128_kbit_per_s(
    name: str, formats: list[Any], expected: str | None
) -> None:
    made = chooser(length_s=65)
    assert chosen(made, *formats) == (expected or "s"), name


@pytest.mark.parametrize("codecs", CODECS)
def test_a_master_without_the_rate_of_its_track_has_a_size(codecs: str) -> None:
    context = listed(master(CODECS[codecs], GROUPS["one track"]))
    made = chooser(length_s=600)  # 2 Mbit/s are 150 MB, 300 kbit/s are 22.5 MB
    (found,) = made(context)
    assert found["requested_formats"][0]["height"] == 270


@pytest.mark.parametrize("rate", ["AVERAGE-BANDWIDTH={}", "BANDWIDTH=9000000,AVERAGE-BANDWIDTH={}"])
def test_the_average_is_what_counts(rate: str) -> None:
    made = chooser(length_s=600)
    (found,) = made(listed(master(CODECS["both"], GROUPS["one track"], rate=rate)))
    assert found["requested_formats"][0]["height"] == 270


@pytest.mark.parametrize(
    ("size_mb", "max_parts", "others", "parts"),
    [
        (150, 4, [], 4),
        (150, 2, [], 0),
        (300, 4, [], 0),
        (150, 1, [], 0),
        (150, 4, [a_format("sd", None, 480)], 0),  # high enough for what is cut
        (150, 4, [a_format("sd", None, 360)], 4),
        (150, 4, [a_format("sd", None, 240)], 0),  # it fits
    ],
)
def test_what_is_too_large_for_one_file_may_go_on_to_be_cut(
    size_mb: int, max_parts: int, others: list[Any], parts: int
) -> None:
    made = cutter(max_parts)
    assert chosen(made, a_format("hd", None, 720), *others) == "hd"
    assert made.switch_to_cutting(size_mb * MB) == parts
    assert made.parts == (parts or 1)


@pytest.mark.parametrize(
    ("formats", "expected", "parts"),
    [
        # Up to 480 lines the height decides, then the number of parts.
        ([a_format("hd", 170, 1080), a_format("sd", 120, 480), a_format("l", 80, 240)], "sd", 4),
        ([a_format("hd", 120, 720), a_format("sd", 119, 480)], "hd", 4),
        ([a_format("hd", 170, 720), a_format("sd", 300, 480)], "hd", 4),
        ([a_format("sd", 170, 480), a_format("low", 60, 360)], "sd", 4),
        ([a_format("sd", 300, 480), a_format("low", 170, 360), a_format("l", 60, 144)], "low", 4),
        # By a rate: 1.5 Mbit/s for 15 minutes are 169 MB.
        ([silent("sd", None, 480, tbr=1500), silent("l", None, 270, tbr=900), TRACK], "l+s", 4),
    ],
)
def test_what_is_cut_is_as_high_as_the_parts_allow(
    formats: list[Any], expected: str, parts: int
) -> None:
    made = cutter()
    made.duration_s = 900
    assert (chosen(made, *formats), made.parts) == (expected, parts)


def test_what_may_fit_after_all_is_tried_smallest_first() -> None:
    formats = [a_format(f"{height}", None, height) for height in (720, 540, 480)]
    made = chooser()
    assert chosen(made, *formats) == "720"
    made.exclude(150 * MB)  # so 540p is expected to take 97 MB, and 480p 82 MB
    assert chosen(made, *formats) == "480"
    made.exclude(90 * MB)
    assert not made.has_choice()
    with pytest.raises(JobError) as caught:
        chosen(made, *formats)
    assert caught.value.reason is Reason.TOO_LARGE


def test_one_more_try_is_worth_it_before_the_sound_alone() -> None:
    formats = [a_format(f"{height}", None, height) for height in (720, 540, 480)]
    made = chooser()
    assert chosen(made, *formats, sound("s", 5)) == "720"
    made.exclude(500 * MB)
    assert chosen(made, *formats, sound("s", 5)) == "480"
    made.exclude(400 * MB)
    assert (chosen(made, *formats, sound("s", 5)), made.note) == ("s", Note.AUDIO_ONLY)


def test_sound_of_unknown_rate_is_tried_however_long_it_is() -> None:
    made = chooser(length_s=4 * 3600)
    assert chosen(made, sound("podcast", None)) == "podcast"


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        # Upright, 360p is 640 high.
        (
            [a_format("480p", 170, 854, width=480), a_format("360p", 60, 640, width=360)],
            "480p",
        ),
        (
            [a_format("720p", 170, 1280, width=720), a_format("480p", 60, 854, width=480)],
            "480p",
        ),
    ],
)
def test_lines_of_an_upright_video_are_counted_across(formats: list[Any], expected: str) -> None:
    assert chosen(cutter(), *formats) == expected


def test_example_is_true() -> None:
    assert doctest.testmod(choices).failed == 0
    assert doctest.testmod(choices).attempted
