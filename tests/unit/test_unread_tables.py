"""What yt-dlp would lay out to print, and nobody reads."""

from collections import Counter
from typing import Any

import pytest
import yt_dlp

from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.network import page_limits

_PRINTING = "_forceprint"


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often yt-dlp has laid out a table, by its name."""
    counted: Counter[str] = Counter()

    def count(*_: object) -> None:
        counted["formats"] += 1

    monkeypatch.setattr(yt_dlp.YoutubeDL, "render_formats_table", count)
    return counted


def process() -> Any:
    """What yt-dlp makes of a video that has nothing more to be asked for."""
    media = {"id": "a", "title": "A film", "url": "https://site.example/a.mp4", "ext": "mp4"}
    params = {"quiet": True, "format": "best"}  # an unnamed one would ask ffmpeg what it can do
    with page_limits.LimitedYoutubeDL(params, ExtractorIndex({})) as ydl:
        return ydl.process_ie_result(media, download=False)


def test_no_table_is_laid_out_for_nobody(laid_out: Counter[str]) -> None:
    assert process()["format_id"] == "0"
    assert not laid_out


def test_tables_would_be_laid_out(laid_out: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(page_limits.LimitedYoutubeDL, _PRINTING)
    process()
    assert laid_out["formats"]
