"""What ffmpeg is told to fetch, and where it is told."""

from __future__ import annotations

import pytest

from worker.downloads.confinement.network import Network
from worker.downloads.media.fetching import (
    Completeness,
    Container,
    FfmpegComplaints,
    RemoteStream,
    command,
    script,
)
from worker.downloads.ytdlp.transfer.ffmpeg_downloader import needs_ffmpeg
from worker.errors import JobError, Reason

WHOLE, LACKS_PIECES, UNREACHED = Completeness

SOURCE = RemoteStream(
    "https://a.example/it's.m3u8?token=1",
    ca_file="/etc/ca.pem",
    idle_timeout_s=60,
    headers={"User-Agent": "An agent", "REFERER": "https://b.example/", "Cookie": "a=b", "X": "y"},
    options={"live_start_index": "0"},
)


def test_the_address_and_its_headers_stand_in_the_script() -> None:
    lines = script(SOURCE).splitlines()
    assert lines[:2] == ["ffconcat version 1.0", r"file 'https://a.example/it'\''s.m3u8?token=1'"]
    assert "option user_agent 'An agent'" in lines
    assert "option referer 'https://b.example/'" in lines
    assert "option rw_timeout '60000000'" in lines
    assert "option live_start_index '0'" in lines
    assert "option tls_verify '1'" in lines
    assert "option ca_file '/etc/ca.pem'" in lines


def test_no_cookie_is_given_to_who_would_pass_it_on() -> None:
    assert "a=b" not in script(SOURCE)


@pytest.mark.parametrize("bad", ["\n", "\r", "\0", "\x7f", "\nfile 'file:/etc/passwd'"])
def test_nothing_of_a_page_is_a_line_of_its_own(bad: str) -> None:
    for source in (
        RemoteStream(f"https://a.example/{bad}", "ca", 1),
        RemoteStream("https://a.example/", "ca", 1, headers={"User-Agent": f"x{bad}"}),
    ):
        with pytest.raises(ValueError, match="control character"):
            script(source)


@pytest.mark.parametrize("container", Container)
def test_the_command_is_the_same_for_all(container: Container) -> None:
    assert command(container)[-2:] == [container, "-"]
    assert "-t" not in command(container)
    assert command(container, 90)[command(container, 90).index("-t") + 1] == "90.000"


RESET = "[tls @ 0x1] Error in the pull function.\n[tls @ 0x1] IO error: Connection reset by peer\n"
ENDED = RESET.replace("Connection reset by peer", "End of file")
AGAIN = "[hls @ 0x2] keepalive request failed for 'x' with error: 'y', retrying\n"
UNOPENED = "[hls @ 0x2] Failed to open segment 1 of playlist 0\n"
CORRUPT = "[mpegts @ 0x3] Packet corrupt (stream = 0, dts = 244800).\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", WHOLE),
        ("[concat @ 0x1] Unused options for 'x'.\n", WHOLE),
        # What it says of a stream that is as the site has made it, too.
        (CORRUPT, WHOLE),
        (UNOPENED, LACKS_PIECES),
        ("[https @ 0x1] Stream ends prematurely at 11750, should be 23500\n", UNREACHED),
        ("[http @ 0x1] HTTP error 404 Not Found\n" + UNOPENED, LACKS_PIECES),
        ("[httpproxy @ 0x1] HTTP error 502 Refused\n" + UNOPENED, UNREACHED),
        (RESET + UNOPENED, UNREACHED),
        (UNOPENED + RESET + UNOPENED, UNREACHED),
        (RESET, UNREACHED),
        (RESET.strip(), UNREACHED),
        (RESET + CORRUPT, UNREACHED),
        (RESET + AGAIN, WHOLE),
        (RESET + AGAIN + RESET, UNREACHED),
        # A site that has closed a connection which nobody used.
        (ENDED, WHOLE),
        (ENDED + CORRUPT, WHOLE),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_ffmpeg_says_tells_whether_a_piece_is_missing(
    said: str, expected: Completeness, size: int
) -> None:
    complaints = FfmpegComplaints()
    for at in range(0, len(said), size):
        complaints.add(said[at : at + size].encode())
    complaints.close()
    assert complaints.completeness is expected


def a_playlist(*keys: str) -> str:
    return "\n".join(["#EXTM3U", *(f"#EXT-X-KEY:{key}" for key in keys), "#EXTINF:1,", "0.ts"])


OPEN = 'METHOD=SAMPLE-AES,URI="k"'


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], False),
        (["METHOD=NONE"], False),
        (['METHOD=AES-128,URI="k"'], False),
        ([OPEN], True),
        (['URI="k",METHOD=SAMPLE-AES'], True),
        ([OPEN + ',KEYFORMAT="identity"'], True),
        (["METHOD=NONE", OPEN], True),
        ([OPEN + ',KEYFORMAT="com.apple.streamingkeydelivery"'], Reason.DRM),
        (['KEYFORMAT="urn:uuid:x",METHOD=SAMPLE-AES-CTR'], Reason.DRM),
        ([OPEN, 'METHOD=SAMPLE-AES-CTR,URI="k"'], Reason.DRM),
        (["URI=x"], Reason.DRM),
    ],
)
def test_only_what_is_for_everybody_is_for_ffmpeg(keys: list[str], expected: bool | Reason) -> None:
    if isinstance(expected, bool):
        assert needs_ffmpeg(a_playlist(*keys), Network.LANDLOCK) is expected
        return
    with pytest.raises(JobError) as caught:
        needs_ffmpeg(a_playlist(*keys), Network.LANDLOCK)
    assert caught.value.reason is expected


def test_nothing_is_where_its_way_is_not_confined() -> None:
    assert not needs_ffmpeg(a_playlist("METHOD=NONE"), Network.NONE)
    with pytest.raises(JobError) as caught:
        needs_ffmpeg(a_playlist(OPEN), Network.NONE)
    assert caught.value.reason is Reason.NO_FORMAT
