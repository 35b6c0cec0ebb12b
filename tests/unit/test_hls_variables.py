"""What an HLS playlist means by its variables."""

import pytest

from worker.downloads.ytdlp.transfer.hls_variables import replaced

URL = "https://example.com/film.m3u8?token=a%2Fb"
BASE = '#EXT-X-DEFINE:NAME="base",VALUE="https://cdn.example/x"'


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([BASE, "{$base}/0.ts"], ["https://cdn.example/x/0.ts"]),
        (
            [BASE, '#EXT-X-KEY:METHOD=AES-128,URI="{$base}/k"'],
            ['#EXT-X-KEY:METHOD=AES-128,URI="https://cdn.example/x/k"'],
        ),
        (['#EXT-X-DEFINE:QUERYPARAM="token"', "0.ts?t={$token}"], ["0.ts?t=a/b"]),
        (
            [BASE, '#EXT-X-DEFINE:NAME="all",VALUE="{$base}/y"', "{$all}"],
            ["https://cdn.example/x/y"],
        ),
        # What is not defined, or only later, or elsewhere.
        ([BASE, "{$other}/0.ts"], ["{$other}/0.ts"]),
        (["{$base}/0.ts", BASE], ["{$base}/0.ts"]),
        (['#EXT-X-DEFINE:IMPORT="base"', "{$base}/0.ts"], ["{$base}/0.ts"]),
        (['#EXT-X-DEFINE:QUERYPARAM="none"', "{$none}"], ["{$none}"]),
    ],
)
def test_variables_are_replaced_by_their_values(lines: list[str], expected: list[str]) -> None:
    assert replaced("\n".join(lines), URL) == "\n".join(expected)


def test_playlist_without_variables_stays_as_it_is() -> None:
    assert replaced("#EXTM3U\r\n{$a}\r\n", URL) == "#EXTM3U\r\n{$a}\r\n"


def test_values_cannot_fill_the_memory() -> None:
    value = "x" * 1_000_000
    text = f'#EXT-X-DEFINE:NAME="a",VALUE="{value}"\n' + "{$a}" * 1000
    assert replaced(text, URL) == text
