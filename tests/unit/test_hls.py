"""What yt-dlp is given in place of an HLS playlist."""

import doctest

import pytest

from worker.downloads.spans import Span
from worker.downloads.ytdlp.transfer import hls
from worker.errors import JobError, Reason

KEY = '#EXT-X-KEY:METHOD=AES-128,URI="k"'
AD, NO_AD = "#ANVATO-SEGMENT-INFO:type=ad", "#ANVATO-SEGMENT-INFO:type=master"
UPLYNK_AD, UPLYNK_NO_AD = "#UPLYNK-SEGMENT:1,00,ad", "#UPLYNK-SEGMENT:2,00,segment"
ONE_FILE = (
    '#EXT-X-MAP:URI="f",BYTERANGE="9@0" #EXT-X-BYTERANGE:5@9 f #EXT-X-BYTERANGE:6 f'
    ' #EXT-X-MAP:URI="f",BYTERANGE="9@20" #EXT-X-BYTERANGE:7@29 f'
)


def pieces(*lines: str) -> list[str]:
    """What yt-dlp fetches, each with the range of bytes that stands before it."""
    text = hls.rewritten("\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:1", *lines]))
    fetched, where, is_ad = [], "", False
    for line in text.splitlines():
        if line.startswith("#EXT-X-BYTERANGE:"):
            where = "@" + line.partition(":")[2]
        elif line in (AD, UPLYNK_AD):
            is_ad = True
        elif line in (NO_AD, UPLYNK_NO_AD):
            is_ad = False
        elif not line.startswith("#"):
            fetched += [] if is_ad else [line + where]
            where = ""
    return fetched


@pytest.mark.parametrize(
    ("lines", "fetched"),
    [
        ("#EXTINF:1, 0.ts #EXTINF:1, 1.ts", "0.ts 1.ts"),
        ('#EXT-X-MAP:URI="a" 0 1', "a 0 1"),
        ('#EXT-X-MAP:URI="a" 0 #EXT-X-MAP:URI="b" 1', "a 0 b 1"),
        ('#EXT-X-MAP:URI="a" 0 #EXT-X-MAP:URI="a" 1', "a 0 1"),
        ('#EXT-X-MAP:URI="a" 0 #EXT-X-MAP:URI="b" 1 #EXT-X-MAP:URI="a" 2', "a 0 b 1 a 2"),
        ('#EXT-X-MAP:URI="a" 0 #EXT-X-DISCONTINUITY 1', "a 0 a 1"),
        ('#EXT-X-MAP:URI="a" 0 #EXT-X-DISCONTINUITY #EXT-X-MAP:URI="b" 1', "a 0 b 1"),
        ("0 #EXT-X-DISCONTINUITY 1", "0 1"),
        ("#EXT-X-MAP:BYTERANGE=1@2 0", "0"),
        (ONE_FILE, "f@9@0 f@5@9 f@6@14 f@9@20 f@7@29"),
        ("#EXT-X-BYTERANGE:nonsense 0", "0"),
        (f'#EXT-X-MAP:URI="a" {AD} ad {NO_AD} 0 1', "a 0 1"),
        (f'#EXT-X-MAP:URI="b" {AD} ad #EXT-X-MAP:URI="a" {NO_AD} 0', "a 0"),
        (f'#EXT-X-MAP:URI="a" 0 {AD} #EXT-X-DISCONTINUITY ad {NO_AD} 1', "a 0 a 1"),
        (f'#EXT-X-MAP:URI="a" 0 {AD} ad {NO_AD} 1', "a 0 1"),
        (f'#EXT-X-MAP:URI="a" {UPLYNK_AD} #EXT-X-GAP ad ad {UPLYNK_NO_AD} 0', "a 0"),
        ("0 #EXT-X-GAP #EXTINF:1, 1 2", "0 2"),
        ('#EXT-X-GAP 0 #EXT-X-MAP:URI="a" #EXTINF:1, #EXT-X-GAP 1 2', "a 2"),
        ("#EXT-X-BYTERANGE:5@0 f #EXT-X-GAP #EXT-X-BYTERANGE:6 f #EXT-X-BYTERANGE:7 f",
         "f@5@0 f@7@11"),
    ],
)  # fmt: skip
def test_all_that_a_player_would_fetch_is_fetched(lines: str, fetched: str) -> None:
    assert pieces(*lines.split(" ")) == fetched.split()


def test_a_piece_without_a_vector_has_its_number_as_one() -> None:
    text = hls.rewritten(f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n{KEY}\n0\n#EXT-X-GAP\n1\n2\n")
    assert [line for line in text.splitlines() if line.startswith("#EXT-X-KEY") or line == "2"] == [
        f"{KEY},IV=0x{7:032x}",
        f"{KEY},IV=0x{9:032x}",
        "2",
    ]


def test_a_key_that_has_a_vector_stays_as_it_is() -> None:
    text = hls.rewritten(f'#EXTM3U\n{KEY},IV=0x1\n#EXT-X-MAP:URI="a"\n0\n#EXT-X-KEY:METHOD=NONE\n1')
    assert text.splitlines()[1:-1] == [f"{KEY},IV=0x1", "a", "0", "#EXT-X-KEY:METHOD=NONE", "1"]


def test_what_yt_dlp_understands_stays() -> None:
    marks = [UPLYNK_AD, "#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES", "#EXTINF:1,", "0"]
    assert hls.rewritten("\n".join(marks)).splitlines()[1:-1] == marks


@pytest.mark.parametrize(
    ("lines", "file"),
    [
        (ONE_FILE, ("f", 0, 35)),
        ("#EXT-X-BYTERANGE:5@7 f #EXT-X-BYTERANGE:6 f", ("f", 7, 17)),
        ('#EXT-X-MAP:URI="f",BYTERANGE="9" #EXT-X-BYTERANGE:5@99 f', ("f", 0, 103)),  # an index
        ("#EXT-X-BYTERANGE:5@0 f #EXT-X-BYTERANGE:5@99999 f", None),
        ("#EXT-X-BYTERANGE:5@0 f #EXT-X-BYTERANGE:5@4 f", None),
        ("#EXT-X-BYTERANGE:5@0 f #EXT-X-BYTERANGE:5@5 g", None),
        ("#EXT-X-BYTERANGE:5@0 f f", None),
        ("f", None),
        ("", None),
        (f"{KEY} #EXT-X-BYTERANGE:5@0 f #EXT-X-BYTERANGE:6 f", None),
        (f"#EXT-X-BYTERANGE:5@0 f {AD} #EXT-X-BYTERANGE:6 f {NO_AD} #EXT-X-BYTERANGE:6 f", None),
    ],
)
def test_pieces_may_be_one_file(lines: str, file: tuple[str, int, int] | None) -> None:
    text = hls.rewritten("\n".join(["#EXTM3U", *lines.split(" ")]))
    assert hls.one_file(text) == (hls.OneFile(*file) if file else None)


@pytest.mark.parametrize(
    ("line", "is_complete"),
    [
        ("#EXT-X-ENDLIST", True),
        ("#EXT-X-PLAYLIST-TYPE:VOD", True),
        ("#EXT-X-PLAYLIST-TYPE: VOD\r", True),
        ("#EXT-X-PLAYLIST-TYPE:EVENT", False),
        ("#EXT-X-VERSION:3", False),
    ],
)
def test_a_list_says_whether_it_is_complete(line: str, is_complete: bool) -> None:
    text = f"#EXTM3U\n{line}\n#EXTINF:2.5,a\n0.ts\n#EXTINF:1,\n1.ts\n"
    assert hls.is_complete(text) is is_complete
    assert hls.duration_s(text) == 3.5


def test_a_list_that_goes_on_has_another_outline() -> None:
    first, more = "#EXTM3U\n#EXTINF:1,\n0?token=a\n", "#EXTINF:1,\n1\n"
    assert hls.outline(first) == hls.outline(first.replace("=a", "=b"))
    assert hls.outline(first) != hls.outline(first + more)
    assert hls.outline(first) != hls.outline(f"#EXT-X-MEDIA-SEQUENCE:1\n{first}")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"#EXTM3U", "#EXTM3U"),
        (b"\xef\xbb\xbf#EXTM3U", "#EXTM3U"),
        ("é".encode(), "é"),
        (b"caf\xe9", "café"),
    ],
)
def test_a_list_is_read_in_the_encoding_that_it_has(data: bytes, text: str) -> None:
    assert hls.decoded(data) == text


def film(count: int) -> str:
    head = (
        '#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXT-X-MAP:URI="m"\n'
    )
    return head + "".join(f"#EXTINF:2,\n{number}.ts\n" for number in range(count))


@pytest.mark.parametrize(
    ("span", "kept", "starts_s"),
    [
        (Span(5, 7), "m 2.ts 3.ts", 4.0),
        (Span(0, 1), "m 0.ts", 0.0),
        (Span(9), "m 4.ts", 8.0),
        (Span(4, 6), "m 1.ts 2.ts 3.ts", 2.0),
    ],
)
def test_of_a_span_only_its_pieces_are_fetched(span: Span, kept: str, starts_s: float) -> None:
    text = hls.rewritten(film(5), span)
    assert [line for line in text.splitlines() if not line.startswith("#")] == kept.split()
    assert text.count("#EXTINF") == len(kept.split()) - 1
    assert hls.starts_s(film(5), span) == starts_s


def test_the_key_of_a_piece_goes_by_its_number_in_the_whole() -> None:
    assert "IV=0x00000000000000000000000000000005" in hls.rewritten(film(5), Span(5, 5.5))


def test_a_span_of_which_there_is_no_piece() -> None:
    with pytest.raises(JobError) as caught:
        hls.starts_s(film(5), Span(11, 12))
    assert caught.value.reason is Reason.BEYOND_END


def test_a_missing_piece_takes_its_time() -> None:
    text = film(5).replace("1.ts", "#EXT-X-GAP\n1.ts")
    found = hls.rewritten(text, Span(5, 7))
    assert [line for line in found.splitlines() if not line.startswith("#")] == [
        "m",
        "2.ts",
        "3.ts",
    ]
    assert hls.starts_s(text, Span(5, 7)) == 4.0


def test_advertisements_take_none_of_the_time() -> None:
    lines = (
        "#EXTM3U",
        AD,
        "#EXTINF:30,",
        "ad.ts",
        NO_AD,
        "#EXTINF:2,",
        "0.ts",
        "#EXTINF:2,",
        "1.ts",
    )
    text = hls.rewritten("\n".join(lines), Span(3, 4))
    assert [line for line in text.splitlines() if line.endswith(".ts")] == ["1.ts"]


def test_examples_are_true() -> None:
    assert doctest.testmod(hls) == (0, 1)
