"""What is corrected in a DASH manifest before yt-dlp reads it."""

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from worker.downloads.ytdlp.network.page_limits import MAX_FRAGMENTS
from worker.downloads.ytdlp.transfer import mpd

NAMESPACE = 'xmlns="urn:mpeg:dash:schema:mpd:2011"'
TRICK_MODE = '<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="1"/>'


def corrected(inner: str, length: str = "PT12S", namespace: str = NAMESPACE) -> Element:
    document = ElementTree.fromstring(
        f'<MPD {namespace} mediaPresentationDuration="{length}">{inner}</MPD>'
    )
    mpd.correct(document)
    return document


@pytest.mark.parametrize("namespace", [NAMESPACE, ""])
@pytest.mark.parametrize(
    ("periods", "lengths"),
    [
        ('<Period start="PT0S"/><Period start="PT5S"/>', [5.0, 7.0]),
        ('<Period/><Period start="PT5.5S"/>', [5.5, 6.5]),
        ("<Period/><Period/>", [None, None]),
        ('<Period duration="PT4S"/><Period/>', [4.0, 8.0]),
        ('<Period duration="PT4S"/><Period duration="PT3S"/><Period/>', [4.0, 3.0, 5.0]),
        ('<Period start="PT9S"/><Period start="PT5S"/>', [None, 7.0]),
        ('<Period start="PT3600S"/>', [None]),
        ("<Period/>", [None]),
    ],
)
def test_a_period_lasts_until_the_next_one_starts(
    periods: str, lengths: list[float | None], namespace: str
) -> None:
    found = corrected(periods, namespace=namespace).findall("{*}Period")
    told = [period.get("duration") for period in found]
    assert [text and float(text.strip("PTS")) for text in told] == lengths


@pytest.mark.parametrize(
    ("attributes", "runs", "repeats"),
    [
        ('timescale="10"', '<S t="0" d="20" r="-1"/>', ["5"]),
        ('timescale="10"', '<S d="20" r="-1"/><S t="100" d="10"/>', ["4", None]),
        ('timescale="10"', '<S t="0" d="10" r="1"/><S d="20" r="-1"/>', ["1", "4"]),
        ('timescale="10"', '<S t="0" d="25" r="-1"/>', ["4"]),
        ('timescale="1000"', '<S t="0" d="1999" r="-1"/>', ["5"]),  # no piece of 6 ms
        ('timescale="10" presentationTimeOffset="50"', '<S t="50" d="20" r="-1"/>', ["5"]),
        ("", '<S t="0" d="2" r="-1"/>', ["5"]),
        ("", '<S t="99" d="2" r="-1"/>', ["0"]),
        ("", '<S t="0" d="2" r="3"/>', ["3"]),
        ('timescale="100000000"', '<S t="0" d="1" r="-1"/>', [str(MAX_FRAGMENTS)]),
    ],
)
@pytest.mark.parametrize("is_inherited", [False, True])
def test_pieces_are_repeated_until_something_else_comes(
    attributes: str, runs: str, repeats: list[str | None], is_inherited: bool
) -> None:
    timeline = f"<SegmentTimeline>{runs}</SegmentTimeline>"
    outer, inner = "", f"<SegmentTemplate {attributes}>{timeline}</SegmentTemplate>"
    if is_inherited:
        outer = f"<SegmentTemplate {attributes}/>"
        inner = f"<SegmentTemplate>{timeline}</SegmentTemplate>"
    media = f"<AdaptationSet>{outer}<Representation>{inner}</Representation></AdaptationSet>"
    document = corrected(f"<Period>{media}</Period>")
    assert [each.get("r") for each in document.iter() if each.tag.endswith("}S")] == repeats


def test_without_an_end_nothing_is_repeated() -> None:
    run = '<SegmentTimeline><S d="2" r="-1"/></SegmentTimeline>'
    document = corrected(f"<Period><SegmentTemplate>{run}</SegmentTemplate></Period>", length="")
    assert document.find(".//{*}S").get("r") == "0"  # type: ignore[union-attr]


def test_pictures_for_fast_forward_are_no_quality() -> None:
    sets = f'<AdaptationSet id="a"/><AdaptationSet id="b">{TRICK_MODE}</AdaptationSet>'
    document = corrected(f"<Period>{sets}</Period>")
    assert [each.get("id") for each in document.findall(".//{*}AdaptationSet")] == ["a"]


RANGES = '<SegmentURL {0}mediaRange="9-19"/><SegmentURL {0}mediaRange="20-29"/>'
HEAD = '<Initialization range="0-8"/>'


@pytest.mark.parametrize(
    ("base", "pieces", "file"),
    [
        ("film.mp4", RANGES.format(""), "film.mp4"),
        ("film.mp4", HEAD + RANGES.format(""), "film.mp4"),
        ("a/film.mp4", HEAD.replace(" ", ' sourceURL="film.mp4" ') + RANGES.format(""),
         "a/film.mp4"),
        ("", HEAD + RANGES.format('media="film.mp4" '), "film.mp4"),
        ("a/", HEAD + RANGES.format('media="film.mp4" '), "a/film.mp4"),
        ("a/", HEAD + RANGES.format(""), None),
        ("film.mp4", HEAD.replace(" ", ' sourceURL="head.mp4" ') + RANGES.format(""), None),
        ("", '<SegmentURL/><SegmentURL media="b"/>', None),
        ("", HEAD + '<SegmentURL media="a"/><SegmentURL media="b"/>', None),
    ],
)  # fmt: skip
def test_ranges_of_one_file_are_fetched_as_that(base: str, pieces: str, file: str | None) -> None:
    inner = f"<BaseURL>{base}</BaseURL>" if base else ""
    listed = f"<SegmentList>{pieces}</SegmentList>"
    media = f"<AdaptationSet><Representation>{inner}{listed}</Representation></AdaptationSet>"
    found = corrected(f"<Period>{media}</Period>").find(".//{*}Representation")
    if file is None:
        assert found is None
        return
    assert found is not None
    assert found.find("{*}SegmentList") is None
    assert [each.text for each in found.findall("{*}BaseURL")] == [file]


def test_pieces_with_names_stay_pieces() -> None:
    listed = '<SegmentList><SegmentURL media="a"/><SegmentURL media="b"/></SegmentList>'
    media = f"<AdaptationSet><Representation>{listed}</Representation></AdaptationSet>"
    assert corrected(f"<Period>{media}</Period>").find(".//{*}SegmentList") is not None
