"""Clips: which span is wanted, and which whole video is fetched for it."""

from typing import Any

import pytest

from tests.support.format_choice import MB, a_format, chosen, cutter, sound
from worker.downloads import spans
from worker.downloads.media import conversion
from worker.downloads.media.contents import Video
from worker.downloads.media.conversion import Budget, Unaffordable
from worker.downloads.spans import Span
from worker.errors import JobError, Reason
from worker.form import SOUND, Clip, Form
from worker.protocol import Note


@pytest.mark.parametrize(
    ("info", "span"),
    [
        ({"section_start": 29.0, "section_end": 39.7}, Span(29.0, 39.7)),
        ({"section_start": 5}, Span(5.0)),
        ({"section_start": 0, "section_end": 10}, Span(0.0, 10.0)),
        ({"section_end": 10}, Span(0.0, 10.0)),
        ({"section_start": "5", "section_end": None}, Span(5.0)),
        ({"section_start": 0}, None),
        ({"section_start": None, "section_end": None}, None),
        ({"section_start": 9, "section_end": 9}, None),
        ({"section_start": "soon", "section_end": float("nan")}, None),
        ({}, None),
    ],
)
def test_a_span_is_taken_out_of_what_ytdlp_sees(info: dict[str, Any], span: Span | None) -> None:
    spans.take(info)
    assert spans.of(info) == span
    assert not {"section_start", "section_end"} & set(info)


def test_what_is_asked_for_counts_more_than_what_the_page_says() -> None:
    info: dict[str, Any] = {"section_start": 29.0, "section_end": 39.7}
    spans.take(info, spans.asked(Form(clip=Clip(150, 250))))
    assert spans.of(info) == Span(1.5, 2.5)
    assert spans.asked(Form()) is None


@pytest.mark.parametrize(
    ("piece", "touches"),
    [
        *(((0, 2), False), ((2, 4.95), True), ((4, 6), True)),
        *(((8, 10), True), ((10.05, 12), True), ((10.2, 12), False)),
    ],
)
def test_pieces_of_a_span(piece: tuple[float, float], touches: bool) -> None:
    assert Span(5, 10).touches(*piece) is touches
    assert Span(5).touches(100, 110)


def test_a_span_in_a_file_that_begins_later() -> None:
    assert Span(5, 10).seen_from(4) == Span(1, 6)
    assert Span(5).seen_from(6) == Span(0)


def test_where_files_begin_is_noted_for_all_copies() -> None:
    info: dict[str, Any] = {}
    spans.take(info, Span(5, 10))
    copy = {**info}
    spans.note_start(copy, {"format_id": "v"}, 0.0)
    spans.note_start(copy, {"format_id": "a"}, 4.5)
    spans.note_start(copy, {"format_id": "v"}, 4.0)
    assert spans.starts(info) == (4.0, 4.5)
    assert spans.starts({}) == ()


def test_a_page_cannot_name_a_span_in_our_words() -> None:
    assert spans.of({"fetchbot_span": [1, 2]}) is None


@pytest.mark.parametrize(
    ("span", "whole_s", "length_s", "share"),
    [
        (Span(10, 15), 100, 5, 0.05),
        (Span(90, 115), 100, 10, 0.1),
        (Span(90), 100, 10, 0.1),
        (Span(90), None, None, 1),
        (Span(90, 95), None, 5, 1),
        (Span(110, 115), 100, 0, 1),
    ],
)
def test_how_much_of_a_video_it_is(
    span: Span, whole_s: float | None, length_s: float | None, share: float
) -> None:
    assert span.length_s(whole_s) == length_s
    assert span.share(whole_s) == pytest.approx(share)


@pytest.mark.parametrize(
    ("span", "formats", "form", "name", "note"),
    [
        # The whole may be as large as what is cut, as long as the clip fits into one message.
        (Span(0, 6), [a_format("hd", 180, 1080), a_format("sd", 40, 480)], Form(), "hd", None),
        (
            Span(0, 6),
            [a_format("hd", 300, 1080), a_format("sd", 180, 480)],
            Form(),
            "sd",
            Note.LOWER_QUALITY,
        ),
        (
            Span(0, 30),
            [a_format("hd", 180, 1080), a_format("sd", 60, 480)],
            Form(),
            "sd",
            Note.LOWER_QUALITY,
        ),
        (Span(0, 6), [sound("wav", 180), sound("mp3", 5)], SOUND, "wav", None),
        # A clip that is too large for one message is cut like anything else.
        (Span(1), [a_format("hd", 170, 1080)], Form(), "hd", None),
        (Span(0, 6), [a_format("hd", 300, 1080)], Form(), None, None),
    ],
)
def test_what_is_fetched_for_a_clip(
    span: Span, formats: list[Any], form: Form, name: str | None, note: Note | None
) -> None:
    made = cutter(form=form)
    made.span = span
    if name is None:
        with pytest.raises(JobError) as caught:
            chosen(made, *formats)
        assert caught.value.reason is Reason.TOO_LARGE
    else:
        assert (chosen(made, *formats), made.parts, made.note) == (name, 4, note)


@pytest.mark.parametrize("protocol", ["https", "m3u8_native", "http_dash_segments"])
def test_of_a_long_video_only_a_part_is_fetched_where_that_is_possible(protocol: str) -> None:
    made = cutter()
    made.span = Span(0, 6)
    formats = [a_format("hd", 450, 1080, protocol=protocol, ext="mp4"), a_format("sd", 40, 480)]
    assert (chosen(made, *formats), made.note) == ("hd", None)
    made.comes_in_part = False
    assert (chosen(made, *formats), made.note) == ("sd", Note.LOWER_QUALITY)


@pytest.mark.parametrize(
    ("span", "sizes"),
    [
        # Of 60 s; the limits are 50 MB for a message and 4 messages.
        (None, {1080: (170, 4), 720: (60, 2), 480: (30, 1)}),
        (Span(0, 6), {1080: (17, 1), 720: (6, 1), 480: (3, 1)}),
        (Span(10, 40), {1080: (85, 2), 720: (30, 1), 480: (15, 1)}),
        (Span(30), {1080: (85, 2), 720: (30, 1), 480: (15, 1)}),
        (Span(0, 600), {1080: (170, 4), 720: (60, 2), 480: (30, 1)}),
        # All of a video is fetched, however little of it is sent.
        (Span(0, 6), {1080: (30, 0), 480: (3, 1)}),
    ],
)
def test_qualities_of_a_clip_have_its_size_and_messages(
    span: Span | None, sizes: dict[int, tuple[int, int]]
) -> None:
    made = cutter()
    made.span = span
    share = span.share(60) if span else 1
    chosen(made, *(a_format(str(height), mb / share, height) for height, (mb, _) in sizes.items()))
    assert {
        each.height: (round((each.size_bytes or 0) / MB), each.messages) for each in made.qualities
    } == sizes


@pytest.mark.parametrize(
    ("height", "length_s", "is_exact"),
    [(720, 25, True), (720, 60, False), (1080, 15, False), (480, 60, True), (2160, 1, False)],
)
def test_a_clip_is_exact_where_all_its_pixels_can_be_afforded(
    height: int, length_s: float, is_exact: bool
) -> None:
    video = Video("h264", "yuv420p", height * 16 // 9, height)
    budget = Budget(42, 50_000_000)
    if is_exact:
        plan = conversion.for_clip(video, length_s, budget)
        assert plan.video is not None
        assert (plan.video.height, plan.encodes_audio) == (height, True)
    else:
        with pytest.raises(Unaffordable):
            conversion.for_clip(video, length_s, budget)
