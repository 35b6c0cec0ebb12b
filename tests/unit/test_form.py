"""What of the media is wanted, and its code."""

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import form
from worker.form import (
    MAX_CLIP_CS,
    MAX_CODE,
    MAX_RECORD_MINUTES,
    SOUND,
    WHOLE,
    Clip,
    Form,
    Sponsors,
    What,
)
from worker.telegram.buttons import pack

CLIPS = st.one_of(
    st.none(),
    st.builds(Clip, st.integers(0, MAX_CLIP_CS - 1)),
    st.builds(
        lambda start_cs, length_cs: Clip(start_cs, min(MAX_CLIP_CS, start_cs + length_cs)),
        st.integers(0, MAX_CLIP_CS - 1),
        st.integers(1, MAX_CLIP_CS),
    ),
)
FORMS = st.one_of(
    st.builds(Form, what=st.sampled_from(What), clip=CLIPS),
    st.builds(
        Form,
        max_height=st.one_of(st.none(), st.integers(10, 9999)),
        as_file=st.booleans(),
        clip=CLIPS,
        sponsors=st.sampled_from([None, *Sponsors]),
    ),
    st.builds(
        Form,
        what=st.sampled_from([What.ALL, What.SOUND]),
        record_minutes=st.one_of(st.none(), st.integers(1, MAX_RECORD_MINUTES)),
    ),
    st.builds(
        Form,
        what=st.just(What.SUBTITLES),
        subtitles=st.sampled_from([None, "en", "en-gb", "zh-hant-hk", "fil"]),
    ),
    st.builds(
        Form,
        max_height=st.sampled_from([None, 720]),
        clip=st.sampled_from([None, Clip(100), Clip(100, 2000)]),
        sponsors=st.sampled_from([None, *Sponsors]),
        subtitles=st.sampled_from([None, "en", "zh-hant"]),
        language=st.sampled_from([None, "en"]),
    ),
    st.builds(
        Form,
        what=st.sampled_from([What.ALL, What.SOUND, What.MP3_BEST]),
        language=st.sampled_from([None, "en", "zh-hant-hk"]),
    ),
)


@given(FORMS)
def test_code_is_short_and_leads_back_to_the_form(wanted: Form) -> None:
    assert Form.parse(wanted.code) == wanted
    assert re.fullmatch(r"[A-Za-z0-9._-]+", wanted.code)
    assert len(wanted.code) <= MAX_CODE


def test_code_fits_on_a_button_beside_any_request() -> None:
    assert pack("form", f"{10**18 - 1}.{'x' * MAX_CODE}")


@given(FORMS, FORMS)
def test_other_form_has_another_code(one: Form, other: Form) -> None:
    assert (one.code == other.code) == (one == other)


@given(
    st.one_of(
        st.text(),
        st.from_regex(r"[0-9a-z]{0,6}", fullmatch=True),
        st.from_regex(r"(all|sound|m4a|[0-9]{3,4}p)(\.[a-z-]{3,7}){0,3}", fullmatch=True),
    )
)
def test_text_is_a_code_or_refused(text: str) -> None:
    try:
        found = Form.parse(text)
    except ValueError:
        return
    assert found.code == text


@pytest.mark.parametrize(
    "code",
    [
        *("", "All", "sound ", "audio", "720", "p", "0720p", "9p", "10000p", "-720p", "٧٢٠p"),
        *(".", "all.", ".file", "file", "all.file.file", "all.720p", "720p.all", "sound.file"),
        *("mp3", "mp3-128", "all.FILE", "all..file", f"all.{'x' * 40}", "all.file\n"),
        *("all.c5", "all.c-5", "all.c5-5", "all.c6-5", "all.c05-6", "all.c1-2.file", "c1-2"),
        *("all.rec-0", "all.rec-05", "all.rec-1441", "all.file.rec-5", "cover.rec-5", "all.rec-٥"),
        *(f"all.c0-{MAX_CLIP_CS + 1}", f"all.c{MAX_CLIP_CS}-", "all.c٥-6"),
    ],
)
def test_unknown_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="no code of a form"):
        Form.parse(code)


@pytest.mark.parametrize(
    ("what", "max_height"),
    [
        *((What.SOUND, 720), (What.VOICE, 720)),
        *((What.ALL, 0), (What.ALL, 9), (What.ALL, -1), (What.ALL, 10000)),
    ],
)
def test_what_has_no_code_is_no_form(what: What, max_height: int) -> None:
    with pytest.raises(ValueError, match="no such form"):
        Form(what, max_height)


@pytest.mark.parametrize("what", sorted(set(What) - {What.ALL}))
def test_part_of_the_media_is_no_file_as_the_site_has_it(what: What) -> None:
    with pytest.raises(ValueError, match="no such form"):
        Form(what, as_file=True)


@pytest.mark.parametrize(
    "code", ["subs.c1-2.s-en", "all.file.s-en", "sound.s-en", "subs.s-EN", "all.s-", "subs.file"]
)
def test_subtitles_are_a_file_of_all_or_in_a_video(code: str) -> None:
    with pytest.raises(ValueError, match="no code of a form"):
        Form.parse(code)


def test_codes_that_stand_in_ledgers_keep_their_meaning() -> None:
    assert Form.parse("all") == WHOLE == Form()
    assert Form.parse("sound") == SOUND == Form(What.SOUND)
    assert Form.parse("720p") == Form(max_height=720)
    assert Form.parse("all.c8000-10500") == Form(clip=Clip(8000, 10500))
    assert Form.parse("all.sb-mark") == Form(sponsors=Sponsors.MARK)
    assert Form.parse("720p.sb-cut") == Form(max_height=720, sponsors=Sponsors.CUT)
    assert Form.parse("sound.c0-") == Form(What.SOUND, clip=Clip(0))
    assert Form.parse("all.rec-10") == Form(record_minutes=10)
    assert Form.parse("720p.rec-10") == Form(max_height=720, record_minutes=10)
    assert Form.parse("start") == Form(What.START)


def test_examples_are_true() -> None:
    assert doctest.testmod(form).failed == 0
    assert doctest.testmod(form).attempted > 1
