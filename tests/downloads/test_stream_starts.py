"""Streams that are started again: what has come of them before is used only where it fits."""

import threading
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.downloader.fragment import FragmentFD

from tests.sandbox.patience import PATIENCE_S
from tests.support.odd_server import Asked, oddly_served
from tests.support.process_kit import wait_until
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.transfer.downloader import PatientYoutubeDL

PIECES = ("a1", "a2", "a3", "b1", "b2", "b3")
ROUNDED = frozenset({"a3", "b3"})
"""The last pieces of the two periods, which are only counted."""


def download(directory: Path, url: str, **params: Any) -> bytes:
    fragments = [
        {"url": f"{url}/{name}", "duration": 2.0, "is_rounded": name in ROUNDED} for name in PIECES
    ]
    info = {"id": "x", "format_id": "v", "ext": "mp4", "protocol": "http_dash_segments", "url": url}
    target = directory / "made" / "film.mp4"
    target.parent.mkdir()
    params |= {"quiet": True, "cachedir": False, "proxy": "", "fragment_retries": 0}
    params["skip_unavailable_fragments"] = False
    with PatientYoutubeDL(params, ExtractorIndex({}), lambda path: None) as ydl:
        assert ydl.dl(str(target), {**info, "fragments": fragments, "is_dash_periods": True})[0]
    return target.read_bytes()


def write(directory: Path, missing: frozenset[str]) -> None:
    for name in PIECES:
        if name not in missing:
            (directory / name).write_bytes(name.encode() + bytes(2))


def test_pieces_behind_one_that_is_not_there_keep_their_place(tmp_path: Path) -> None:
    def refuse_at_last(asked: Asked) -> None:
        wait_until(lambda: len(list((tmp_path / "made").glob("*.part-Frag[456]"))) == 3)
        asked.say(404)

    write(tmp_path, frozenset({"a3"}))
    with oddly_served(tmp_path, {"a3": refuse_at_last}) as server:
        film = download(tmp_path, server.url, concurrent_fragment_downloads=6)
    assert film.replace(bytes(2), b" ").split() == [b"a1", b"a2", b"b1", b"b2", b"b3"]


def test_a_piece_that_is_written_while_another_fails_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, frozenset({"a3"}))
    append = vars(FragmentFD)["_append_fragment"]
    is_written = threading.Event()

    def append_late(self: FragmentFD, ctx: dict[str, Any], content: bytes) -> None:
        if content.startswith(b"a2") and not is_written.is_set():
            is_written.set()
            wait_until(lambda: ctx["dest_stream"].closed)
        append(self, ctx, content)

    def refuse_meanwhile(asked: Asked) -> None:
        assert is_written.wait(PATIENCE_S)
        asked.say(404)

    monkeypatch.setattr(FragmentFD, "_append_fragment", append_late)
    with oddly_served(tmp_path, {"a3": refuse_meanwhile}) as server:
        film = download(tmp_path, server.url, concurrent_fragment_downloads=6)
    assert is_written.is_set()
    assert film.replace(bytes(2), b" ").split() == [b"a1", b"a2", b"b1", b"b2", b"b3"]


@pytest.mark.parametrize("missing", [ROUNDED, frozenset({"b3"})])
def test_each_period_may_lack_its_last_piece(tmp_path: Path, missing: frozenset[str]) -> None:
    write(tmp_path, missing)
    answers = dict.fromkeys(missing, lambda asked: asked.say(404))
    with oddly_served(tmp_path, answers) as server:
        film = download(tmp_path, server.url)
    kept = [name.encode() for name in PIECES if name not in missing]
    assert film.replace(bytes(2), b" ").split() == kept
