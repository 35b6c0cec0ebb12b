"""What of an extractor's finding is written down for later, and what never is."""

import json
from pathlib import Path
from typing import Any

import pytest

from worker.downloads.ytdlp import extraction

FOUND: dict[str, Any] = {
    "id": "1",
    "title": "A film",
    "formats": [
        {
            "url": "https://cdn.example/1.mp4",
            "cookies": "session=secret",
            "http_headers": {
                "Referer": "https://site.example/",
                "Cookie": "session=secret",
                "authorization": "Bearer secret",
                "X-Own": "secret",
            },
        }
    ],
    "cookies": "secret",
    "__x": "secret",
    "requested_downloads": ["secret"],
}


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(info: dict[str, Any]) -> dict[str, Any] | None:
    extraction.write(info, {"X-Own": "secret"})
    path = Path("extraction.json")
    return json.loads(path.read_text()) if path.exists() else None


def test_no_cookie_login_or_header_of_the_operator_is_written() -> None:
    found = written(FOUND)
    assert found is not None
    assert "secret" not in json.dumps(found)
    assert found["formats"][0]["http_headers"] == {"Referer": "https://site.example/"}
    assert found["title"] == "A film"


@pytest.mark.parametrize(
    "more",
    [
        {"playlist": "A list"},
        {"playlist_index": 1},
        {"is_live": True},
        {"live_status": "is_upcoming"},
        {"live_status": "post_live"},
        {"direct": True},
        {"_type": "url"},
        {"later": lambda: None},
        {"description": "x" * 3_000_000},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_a_later_download_could_not_begin_with_is_not_written(more: dict[str, Any]) -> None:
    assert written({**FOUND, **more}) is None


def test_what_an_account_sees_is_not_written() -> None:
    Path("cookies.txt").write_text("")
    assert written(FOUND) is None


def test_what_is_read_is_a_video_whatever_it_says() -> None:
    assert extraction.earlier() is None
    lies = {**FOUND, "_type": "playlist", "filepath": "/etc/passwd", "entries": [FOUND]}
    Path("extraction-earlier.json").write_text(json.dumps(lies))
    found = extraction.earlier()
    assert found is not None
    assert found["_type"] == "video"
    assert not found.keys() & {"filepath", "entries", "__x", "requested_downloads"}
