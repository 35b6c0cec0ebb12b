"""What is picked in lists of formats as large sites give them.

A file in `format_lists` is a list by the facts of public reports, with its cases: what is picked
for a limit of 50 MB and four parts, unless a case says otherwise, and why.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.format_choice import MB
from tests.support.masters import in_ytdlps_order
from worker.downloads.media.conversion import Budget
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.errors import JobError, Reason
from worker.form import Form
from worker.protocol import Note

LISTS = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted(Path(__file__).with_name("format_lists").glob("*.json"))
}
CASES = [
    pytest.param(site, case, id=f"{site}: {case['why']}")
    for site, about in LISTS.items()
    for case in about["cases"]
]


def chooser_for(about: dict[str, Any], case: dict[str, Any]) -> Chooser:
    """A chooser with the case's limits, to which the files show what the list says."""
    budget = Budget(42, int(case.get("limit_mb", 50) * MB))
    parts, form = case.get("parts", 4), Form.parse(case.get("form", "all"))
    made = Chooser(budget, has_ffmpeg=True, max_parts=parts, form=form)
    made.duration_s = case.get("duration_s", about["duration_s"])
    looks = case.get("looks", about.get("looks", {}))
    made.peek = lambda media: looks.get(media["format_id"], {})
    return made


def formats_of(about: dict[str, Any]) -> dict[str, Any]:
    """The formats as yt-dlp passes them, worst first; in the file they have no addresses."""
    formats = [{"url": f"https://example.com/{f['format_id']}", **f} for f in about["formats"]]
    return in_ytdlps_order(formats)


@pytest.mark.parametrize(("site", "case"), CASES)
def test_the_pick_of_a_list(site: str, case: dict[str, Any]) -> None:
    about = LISTS[site]
    made = chooser_for(about, case)
    if case["pick"] is None:
        with pytest.raises(JobError) as caught:
            list(made(formats_of(about)))
        assert caught.value.reason is Reason.TOO_LARGE
        return
    (found,) = made(formats_of(about))
    note = Note(case["note"]) if case.get("note") else None
    assert (found["format_id"], made.parts, made.note) == (case["pick"], case.get("files", 1), note)


DUBBED = [site for site, about in LISTS.items() if "language_preference" in str(about["formats"])]


@pytest.mark.parametrize("site", DUBBED)
@pytest.mark.parametrize("form", ["all", "sound", "144p"])
def test_no_size_brings_another_language(site: str, form: str) -> None:
    about = LISTS[site]
    for limit_mb in (1, 2, 5, 8, 10, 20, 36, 50, 100, 200, 2000):
        for parts in (1, 4):
            case = {"limit_mb": limit_mb, "parts": parts, "form": form}
            try:
                (found,) = chooser_for(about, case)(formats_of(about))
            except JobError:
                continue
            streams = found.get("requested_formats") or [found]
            assert {s["language_preference"] for s in streams if s.get("acodec") != "none"} == {10}


def test_the_ten_sites_are_there() -> None:
    sites = {name.partition("_")[0] for name in LISTS}
    assert sites >= {"youtube", "vimeo", "instagram", "tiktok", "x", "reddit", "facebook"}
    assert sites >= {"twitch", "bilibili", "vk"}
