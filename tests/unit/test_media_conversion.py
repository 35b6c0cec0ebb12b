"""Which recipe a file gets: what fits is copied, what does not is encoded if there is time."""

import pytest

from worker.downloads.media import contents, conversion
from worker.downloads.media.contents import Contents, Video
from worker.downloads.media.conversion import (
    Budget,
    Conversion,
    Encoding,
    TooLarge,
    Unaffordable,
)
from worker.form import What

MB = 1_000_000
BUDGET = Budget(time_s=42, size_bytes=50 * MB)
FULL_HD = Video("vp9", "yuv420p", 1920, 1080)


def a_file(video: Video | None, duration_s: float | None = 10, audio: str = "aac") -> Contents:
    return Contents(frozenset({"webm"}), video, audio, duration_s)


def encoding(video: Video, duration_s: float | None, budget: Budget = BUDGET) -> Encoding:
    made = conversion.for_video(a_file(video, duration_s), video, MB, budget)
    assert made.video is not None
    return made.video


def test_what_fits_is_copied_however_long_it_is() -> None:
    fits = Video("h264", "yuv420p", 3840, 2160)
    assert conversion.for_video(a_file(fits, 36_000), fits, MB, BUDGET) == Conversion(".mp4")


def test_sound_is_encoded_beside_pictures_that_are_copied() -> None:
    fits = Video("h264", "yuvj420p", 640, 480)
    made = conversion.for_video(a_file(fits, 60, "opus"), fits, MB, BUDGET)
    assert made == Conversion(".mp4", encodes_audio=True)


@pytest.mark.parametrize(
    ("video", "duration_s", "size", "preset"),
    [
        (FULL_HD, 10, (1920, 1080), "veryfast"),
        (FULL_HD, 30, (1280, 720), "ultrafast"),
        (FULL_HD, 60, (854, 480), "ultrafast"),
        (Video("vp9", "yuv420p", 320, 240), 300, (320, 240), "veryfast"),
        (Video("hevc", "yuv420p", 1080, 1920), 30, (720, 1280), "ultrafast"),
        (Video("av1", "yuv420p10le", 3840, 2160), 10, (1280, 720), "ultrafast"),
        (Video("vp8", "yuv420p", 321, 241), 10, (320, 240), "veryfast"),
        (Video("vp8", "yuv420p", 1, 5000), 10, (2, 1920), "veryfast"),
    ],
)
def test_the_longer_it_takes_the_smaller_it_gets(
    video: Video, duration_s: float, size: tuple[int, int], preset: str
) -> None:
    made = encoding(video, duration_s)
    assert (made.width, made.height) == size
    assert made.preset == preset


@pytest.mark.parametrize(
    ("duration_s", "budget"),
    [
        (3600, BUDGET),  # no time
        (10, Budget(0.5, 50 * MB)),
        (100, Budget(1000, 2 * MB)),  # no room
        (10, Budget(-1, 50 * MB)),
    ],
)
def test_what_cannot_be_paid_for_is_not_begun(duration_s: float, budget: Budget) -> None:
    with pytest.raises(Unaffordable):
        encoding(FULL_HD, duration_s, budget)


def test_a_high_dynamic_range_costs_time() -> None:
    hdr = Video("hevc", "yuv420p10le", 1920, 1080, hdr="smpte2084")
    made = encoding(hdr, 10)
    assert (made.hdr, made.width) == ("smpte2084", 1280)
    assert not conversion.is_playable(Video("h264", "yuv420p", 2, 2, hdr="arib-std-b67"))


def test_the_rate_is_what_the_limit_leaves_room_for() -> None:
    made = encoding(Video("vp9", "yuv420p", 640, 360), 200, Budget(300, 50 * MB))
    assert 50 * MB * 0.8 < (made.max_bps + conversion.AUDIO_BPS) * 200 / 8 < 50 * MB * 0.9


def test_an_unknown_length_is_estimated_from_the_size() -> None:
    assert encoding(FULL_HD, None).preset == "veryfast"
    with pytest.raises(Unaffordable):
        conversion.for_video(a_file(FULL_HD, None), FULL_HD, 500 * MB, BUDGET)


@pytest.mark.parametrize(
    ("codec", "duration_s", "made"),
    [
        ("aac", 36_000, Conversion(".m4a")),
        ("mp3", 36_000, Conversion(".mp3")),
        ("opus", 600, Conversion(".m4a", encodes_audio=True)),
        ("opus", 36_000, None),
    ],
)
def test_a_sound_is_encoded_only_if_it_must_be(
    codec: str, duration_s: float, made: Conversion | None
) -> None:
    found = a_file(None, duration_s, codec)
    if made is None:
        with pytest.raises(Unaffordable):
            conversion.for_audio(found, MB, BUDGET)
    else:
        assert conversion.for_audio(found, MB, BUDGET) == made


@pytest.mark.parametrize(
    ("stream", "size"),
    [
        ({}, (640, 480)),
        ({"sample_aspect_ratio": "4:3"}, (853, 480)),
        ({"sample_aspect_ratio": "0:1"}, (640, 480)),
        ({"sample_aspect_ratio": "N/A"}, (640, 480)),
        ({"sample_aspect_ratio": "9999:1"}, (640, 480)),
        ({"side_data_list": [{"rotation": -90}]}, (480, 640)),
        ({"side_data_list": [{"rotation": 180}]}, (640, 480)),
        ({"side_data_list": [{}], "tags": {"rotate": "270"}}, (480, 640)),
        ({"tags": {"rotate": "upside down"}}, (640, 480)),
    ],
)
def test_sides_are_those_that_people_see(stream: dict[str, object], size: tuple[int, int]) -> None:
    about = {"codec_type": "video", "codec_name": "h264", "width": 640, "height": 480}
    found = contents.read({"format": {"format_name": "mp4"}, "streams": [about | stream]})
    assert found.video is not None
    assert (found.video.width, found.video.height) == size


@pytest.mark.parametrize("rate", ["1000/1", "0/0", "1/0", "", "-5/1", None])
def test_a_rate_that_is_none_counts_as_the_usual_one(rate: str | None) -> None:
    stream = {"codec_type": "video", "width": 2, "height": 2, "avg_frame_rate": rate}
    found = contents.read({"streams": [stream]})
    assert found.video is not None
    assert found.video.pictures_per_s == 30


@pytest.mark.parametrize("probed", [{}, {"streams": None}, {"streams": ["x", {}]}, {"format": {}}])
def test_odd_answers_hold_nothing(probed: dict[str, object]) -> None:
    found = contents.read(probed)
    assert (found.video, found.audio, found.duration_s) == (None, None, None)


@pytest.mark.parametrize(
    ("length_s", "size_bytes", "believed"),
    [
        (3.0, 1_000, True),
        (36_000.0, 10_000_000, True),
        (None, 1_000, False),
        (0.0, 1_000, False),
        (-3.0, 1_000, False),
        (float("nan"), 1_000, False),
        (float("inf"), 1_000, False),
        (86_400.0, 1_000, False),  # a day in a thousand bytes
        (4_294_967.295, 10**9, False),  # all ones
        (9_223_372_036_854.775, 10**12, False),
    ],
)
def test_a_length_that_cannot_be_is_none(
    length_s: float | None, size_bytes: int, believed: bool
) -> None:
    assert contents.believable_length(length_s, size_bytes) == (length_s if believed else None)


@pytest.mark.parametrize(
    ("marks", "chosen"),
    [
        ([], 0),
        ([{}], 0),
        ([{}, {"default": 1}], 1),
        ([{"default": 1}, {"default": 1}], 0),
        ([{"default": 1}, {"original": 1}], 1),
        ([{"default": 1, "dub": 1}, {}], 1),
        ([{"visual_impaired": 1}, {"comment": 1}, {}], 2),
        ([{"comment": 1}, {"comment": 1, "default": 1}], 1),
    ],
)
def test_the_main_sound_is_chosen(marks: list[dict[str, int]], chosen: int) -> None:
    streams = [
        {"codec_type": "audio", "codec_name": f"codec-{number}", "disposition": mark}
        for number, mark in enumerate(marks)
    ]
    found = contents.read({"streams": streams})
    assert found.audio_number == chosen
    assert found.audio == (f"codec-{chosen}" if marks else None)


@pytest.mark.parametrize(
    ("streams", "is_hidden"),
    [
        ([{"codec_type": "video", "width": 0, "height": 0}], True),
        ([{"codec_type": "video", "width": 2, "height": 2}], False),
        ([{"codec_type": "video"}, {"codec_type": "video", "width": 2, "height": 2}], False),
        ([{"codec_type": "video", "disposition": {"attached_pic": 1}}], False),
        ([{"codec_type": "audio"}], False),
    ],
)
def test_a_video_that_was_announced_is_not_forgotten(
    streams: list[dict[str, object]], is_hidden: bool
) -> None:
    assert contents.read({"streams": streams}).has_hidden_video is is_hidden


def heard(codec: str, bps: float | None = None, length_s: float = 60) -> Contents:
    return Contents(frozenset({"x"}), None, codec, length_s, audio_bps=bps)


@pytest.mark.parametrize(
    ("what", "contents", "suffix", "encoded_bps"),
    [
        (What.M4A, heard("aac"), ".m4a", None),
        (What.M4A, heard("mp3"), ".m4a", 128_000),
        (What.MP3, heard("aac"), ".mp3", 192_000),
        (What.MP3_BEST, heard("opus"), ".mp3", 320_000),
        # An MP3 does not become better by being encoded again, and smaller only if it is larger.
        (What.MP3, heard("mp3", 128_000), ".mp3", None),
        (What.MP3, heard("mp3", 193_000), ".mp3", None),
        (What.MP3, heard("mp3", 320_000), ".mp3", 192_000),
        (What.MP3, heard("mp3"), ".mp3", 192_000),
        (What.VOICE, heard("opus"), ".ogg", None),
        (What.VOICE, heard("aac"), ".ogg", 48_000),
    ],
)
def test_sound_is_encoded_only_where_it_is_not_what_was_chosen(
    what: What, contents: Contents, suffix: str, encoded_bps: int | None
) -> None:
    plan = conversion.for_sound(what, contents, 1000, Budget(42, 50_000_000))
    assert (plan.suffix, plan.audio_bps if plan.encodes_audio else None) == (suffix, encoded_bps)


@pytest.mark.parametrize(
    ("what", "minutes", "refusal"),
    [
        *((What.MP3, 48, None), (What.MP3, 50, Unaffordable), (What.VOICE, 48, None)),
        *((What.M4A, 17, None), (What.M4A, 18, Unaffordable), (What.MP3_BEST, 25, TooLarge)),
    ],
)
def test_sound_that_is_too_long_to_be_encoded_is_refused(
    what: What, minutes: int, refusal: type[Exception] | None
) -> None:
    budget = Budget(42, 50_000_000 if what is What.MP3_BEST else 200_000_000)
    contents = heard("flac", length_s=60 * minutes)
    if refusal is None:
        assert conversion.for_sound(what, contents, 1000, budget).encodes_audio
        return
    with pytest.raises(refusal):
        conversion.for_sound(what, contents, 1000, budget)
