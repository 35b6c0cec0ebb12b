"""Which fragments of a DASH stream a span needs."""

from typing import Any

import pytest

from worker.downloads.spans import Span
from worker.downloads.ytdlp.transfer.span_downloader import keep_fragments
from worker.errors import JobError, Reason


def stream(*fragments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"protocol": "http_dash_segments", "fragments": list(fragments), **more}


HEAD = {"path": "init"}
PIECES = tuple({"path": f"{number}", "duration": 2.0} for number in range(5))


@pytest.mark.parametrize(
    ("found", "kept", "starts_s"),
    [
        (stream(HEAD, *PIECES), "init 2 3", 4.0),
        (stream(*PIECES), "2 3", 4.0),
        (stream(HEAD, *PIECES, {"path": "odd"}), "init 0 1 2 3 4 odd", 0.0),
        (stream(HEAD, *PIECES, is_dash_periods=True), "init 0 1 2 3 4", 0.0),
        (stream(HEAD), "init", 0.0),
        (stream(HEAD, *PIECES, protocol="m3u8_native"), "init 0 1 2 3 4", 0.0),
    ],
)
def test_fragments_of_a_span(found: dict[str, Any], kept: str, starts_s: float) -> None:
    assert keep_fragments(found, Span(5, 7)) == starts_s
    assert [fragment["path"] for fragment in found["fragments"]] == kept.split()


def test_a_stream_that_is_no_list_stays_as_it_is() -> None:
    made: dict[str, Any] = {"protocol": "http_dash_segments", "fragments": iter(())}
    assert keep_fragments(made, Span(5, 7)) == 0.0


def test_a_span_of_which_there_is_no_fragment() -> None:
    with pytest.raises(JobError) as caught:
        keep_fragments(stream(HEAD, *PIECES), Span(20, 30))
    assert caught.value.reason is Reason.BEYOND_END
