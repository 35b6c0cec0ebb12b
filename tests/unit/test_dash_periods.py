"""What becomes of a DASH manifest with several periods."""

from typing import Any
from xml.etree import ElementTree

import pytest
from yt_dlp import YoutubeDL
from yt_dlp.extractor.common import InfoExtractor

from worker.downloads.ytdlp.transfer import dash

BASE = "https://example.com/"


def video(period: str, height: int, seconds: int = 2, **more: Any) -> dict[str, Any]:
    fragments = [{"path": f"{period}{height}.{n}", "duration": 1.0} for n in range(seconds)]
    kind = {"vcodec": "avc1.42c00a", "acodec": "none", "height": height}
    return {**kind, "fragments": fragments, "fragment_base_url": BASE, **more}


def sound(period: str, language: str | None = None) -> dict[str, Any]:
    kind = {"vcodec": "none", "acodec": "mp4a.40.2", "language": language}
    return {**kind, "url": f"{BASE}{period}-{language}.m4a"}


def thumbnails(period: str) -> dict[str, Any]:
    kind = {"vcodec": "none", "acodec": "none", "ext": "mhtml"}
    return {**kind, "url": f"{BASE}{period}.jpg"}


def fetched(formats: list[dict[str, Any]]) -> list[str]:
    """For each format what is fetched, by name."""
    return [
        " ".join(fragment["url"].removeprefix(BASE) for fragment in media["fragments"])
        for media in formats
    ]


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        ([[video("a", 480)], [video("b", 480)]], ["a480.0 a480.1 b480.0 b480.1"]),
        ([[video("a", 480, 1)], [video("b", 240), video("b", 360)]],
         ["a480.0 b240.0 b240.1", "a480.0 b360.0 b360.1"]),
        ([[video("a", 240, 9), video("a", 720, 9)], [video("b", 480, 1), video("b", 700, 1)]],
         [f"{' '.join(f'a240.{n}' for n in range(9))} b480.0",
          f"{' '.join(f'a720.{n}' for n in range(9))} b700.0"]),
        ([[video("a", 9, 1), sound("a")], [video("b", 9, 3), sound("b")]],
         ["a9.0 b9.0 b9.1 b9.2", "a-None.m4a b-None.m4a"]),
        ([[video("a", 9, 1)], [video("b", 9, 3), sound("b")]], ["b9.0 b9.1 b9.2", "b-None.m4a"]),
        ([[video("a", 9), sound("a", "de"), sound("a", "en")],
          [video("b", 9, 1), sound("b", "en"), sound("b", "de")]],
         ["a9.0 a9.1 b9.0", "a-de.m4a b-de.m4a", "a-en.m4a b-en.m4a"]),
        ([[video("a", 9), thumbnails("a")], [video("b", 9, 1)]], ["a9.0 a9.1 b9.0", "a.jpg"]),
        ([[video("a", 9), thumbnails("a")], [video("b", 9, 1), thumbnails("b")]],
         ["a9.0 a9.1 b9.0", "a.jpg b.jpg"]),
    ],
)  # fmt: skip
def test_each_format_goes_on_in_all_periods(
    periods: list[list[dict[str, Any]]], expected: list[str]
) -> None:
    assert fetched(dash.merged(periods)) == expected


def test_one_period_stays_as_it_is() -> None:
    period = [video("a", 480), sound("a")]
    assert dash.merged([period]) == period
    assert dash.merged([]) == []


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch) -> InfoExtractor:
    """An extractor that puts periods together as ours do."""
    monkeypatch.setattr(InfoExtractor, "_parse_mpd_periods", InfoExtractor._parse_mpd_periods)
    monkeypatch.setattr(InfoExtractor, "_merge_mpd_periods", InfoExtractor._merge_mpd_periods)
    dash.install()
    return InfoExtractor()


def test_what_is_described_otherwise_is_left_to_yt_dlp(extractor: InfoExtractor) -> None:
    strange = [{"vcodec": "avc1", "fragments": [{"name": period}]} for period in "ab"]
    periods = [{"formats": [media], "subtitles": {}} for media in strange]
    found, _ = extractor._merge_mpd_periods(periods)
    assert [media["fragments"] for media in found] == [[{"name": "a"}, {"name": "b"}]]


def test_periods_are_put_together_in_place_of_yt_dlp(extractor: InfoExtractor) -> None:
    periods = [{"formats": [video(*each)], "subtitles": {}} for each in (("a", 9, 1), ("b", 8, 1))]
    found, _ = extractor._merge_mpd_periods(periods)
    assert fetched(found) == ["a9.0 b8.0"]


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        ('mimeType="video/mp4"', 'timescale="0" duration="1" media="$Number$"'),
        ("", 'duration="1" media="$Number$"'),
    ],
)
def test_manifest_that_cannot_be_is_left_out(
    extractor: InfoExtractor, kind: str, template: str
) -> None:
    manifest = f"""<MPD mediaPresentationDuration="PT4S"><Period><AdaptationSet {kind}>
    <SegmentTemplate {template}/>
    <Representation id="a" bandwidth="1"/></AdaptationSet></Period></MPD>"""
    extractor.set_downloader(YoutubeDL({"quiet": True, "no_warnings": True}, auto_init=False))
    parsed: Any = ElementTree.fromstring(manifest)
    formats, subtitles = extractor._parse_mpd_formats_and_subtitles(parsed, "id")
    assert not formats
    assert not subtitles


def counted(extractor: InfoExtractor, periods: int = 1) -> list[dict[str, Any]]:
    """A film of two pieces and a bit, as often as there are periods."""
    inner = """<Period duration="PT5S"><AdaptationSet mimeType="video/mp4">
    <SegmentTemplate duration="2" media="$RepresentationID$-$Number$" initialization="head"/>
    <Representation id="a" bandwidth="1"/></AdaptationSet></Period>"""
    extractor.set_downloader(YoutubeDL({"quiet": True, "no_warnings": True}, auto_init=False))
    parsed: Any = ElementTree.fromstring(f"<MPD>{inner * periods}</MPD>")
    formats, _ = extractor._parse_mpd_formats_and_subtitles(parsed, "", BASE)
    return formats


@pytest.mark.parametrize(("periods", "left"), [(1, 3), (2, 6)])
def test_the_last_piece_of_a_period_is_left_out_once_it_is_gone(
    extractor: InfoExtractor, periods: int, left: int
) -> None:
    (media,) = counted(extractor, periods)
    assert dash.without_gone_end(media, {f"{BASE}a-1", f"{BASE}a-2", f"{BASE}head"}) is None
    shorter = dash.without_gone_end(media, {f"{BASE}a-3"})
    assert shorter is not None
    assert len(shorter["fragments"]) == left
    assert dash.without_gone_end(shorter, {f"{BASE}a-3"}) is None
    assert len(media["fragments"]) == left + periods
