"""Whether one pattern for all sites finds the extractor that yt-dlp's own loop finds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.extractor.common import InfoExtractor

from tests.sandbox.clips import SAMPLE
from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import worker
from tests.support.file_server import served
from worker.downloads.ytdlp import extractor_index
from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.network import page_limits


def asked_one_by_one(extractors: dict[str, Any], url: str) -> str | None:
    return next((name for name, ie in extractors.items() if ie.suitable(url)), None)


@pytest.fixture(scope="module")
def everything() -> ExtractorIndex:
    found = gen_extractor_classes()
    return ExtractorIndex({ie.ie_key(): ie for ie in found})


def links_of(extractor: Any) -> list[str]:
    """The links that yt-dlp's own tests have for a site."""
    real = getattr(extractor, "real_class", extractor)
    return [case["url"] for case in real.get_testcases(include_onlymatching=True)]


def test_index_has_the_answer_of_the_loop_for_a_link_of_each_site(
    everything: ExtractorIndex,
) -> None:
    links = {link for ie in everything.values() for link in links_of(ie)[:1]}
    links |= {link for name in everything.unjoined for link in links_of(everything[name])}
    assert len(links) > 1500
    expected = {link: asked_one_by_one(everything, link) for link in links}
    assert {link: everything.suitable(link) for link in links} == expected


@pytest.mark.parametrize(
    "link",
    ["", "ftp://127.0.0.1/", "https://nowhere.invalid/\n#", "https://a.example/?u=//youtu.be/x"],
)
def test_index_has_the_answer_of_the_loop_for_what_no_site_wants(
    everything: ExtractorIndex, link: str
) -> None:
    assert everything.suitable(link) == asked_one_by_one(everything, link)


def site(pattern: Any, **methods: Any) -> Any:
    return type("SiteIE", (InfoExtractor,), {"_VALID_URL": pattern, **methods})


def never(_cls: type, _url: str) -> bool:
    return False


REFUSES: dict[str, Any] = {"suitable": classmethod(never)}

SITES = {
    "Commented": site(r"(?x) http://commented/ # to the end of the line"),
    "Classy": site(r"http://[c]lassy/"),
    "Indifferent": site(r"(?i)http://INDIFFERENT/"),
    "Strict": site(r"http://STRICT/"),
    "Either": site([r"http://either/(?P<id>a)", r"http://or/(?P<id>b)"]),
    "Doubly": site(r"(?x)(?i) http://DOUBLY/ "),
    "Compiled": site(re.compile(r"http://COMPILED/", re.IGNORECASE)),
    "Twice": site(r"http://twice/(?P<id>\w)/(?P=id)$"),
    "Choosy": site(r"http://twice/", **REFUSES),
    "Grouped": site(r"http://(grouped)/(?P<id>\d+)(?:/(?P<more>\w+))?"),
    "Nobody": site(False),
    "Rest": site(r"http://(?P<id>\w+)/"),
    "Late": site(r"http://late/", suitable=classmethod(lambda _, url: "late" in url)),
}


LINKS: list[tuple[str, str | None]] = [
    ("http://commented/", "Commented"),
    # A class that a broken pattern before it has opened ends here.
    ("http://classy/", "Classy"),
    ("http://indifferent/", "Indifferent"),
    ("http://STRICT/", "Strict"),
    ("http://strict/", "Rest"),
    ("http://either/a", "Either"),
    ("http://or/b", "Either"),
    ("http://doubly/", "Doubly"),
    ("http://compiled/", "Compiled"),
    ("http://twice/x/x", "Twice"),
    ("http://twice/x/y", "Rest"),
    ("http://grouped/1/one", "Grouped"),
    ("http://late/", "Rest"),
    ("https://late", "Late"),
    ("https://nobody", None),
]


@pytest.mark.parametrize(("link", "name"), LINKS)
def test_joined_patterns_mean_what_they_mean_alone(link: str, name: str | None) -> None:
    assert ExtractorIndex(SITES).suitable(link) == name == asked_one_by_one(SITES, link)


@pytest.mark.negative
def test_joined_as_they_are_they_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractor_index, "_GROUP_NAME", re.compile("nothing"))
    with pytest.raises(re.error):
        ExtractorIndex(SITES)


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("place", [0, 1, 5, len(SITES)])
@pytest.mark.parametrize(
    "pattern", ["http://(", "http://)", "http://[", "(?x)[", "http://(?:", r"(?P<id>a)(?P=no)", "*"]
)
def test_site_with_a_broken_pattern_is_asked_and_spoils_no_other(
    pattern: str, place: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractor_index, "_AT_ONCE", at_once)
    sites = list(SITES.items())
    found = ExtractorIndex(dict([*sites[:place], ("Broken", site(pattern)), *sites[place:]]))
    assert "Broken" in found.unjoined
    assert set(found.unjoined) == {"Broken", *ExtractorIndex(SITES).unjoined}
    vars(found)["unjoined"] = tuple(name for name in found.unjoined if name != "Broken")
    for link, name in LINKS:
        assert found.suitable(link) == name


# ---------------------------------------------------------------------- what it saves a fork


# A fork of the test runner would be one of a process with threads.
COUNT_PAGES = """
import json, os, resource
from worker.downloads.ytdlp import warm

extractors = warm.warm_up()
link = "https://nowhere.invalid/"

def ask_one_by_one():
    return next(name for name, ie in extractors.items() if ie.suitable(link))

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

ask_one_by_one()  # now all patterns are compiled
for ask in (ask_one_by_one, lambda: extractors.suitable(link)):
    pid = os.fork()
    if pid == 0:
        before = pages()
        ask()
        print(pages() - before, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
"""


def test_asking_the_index_touches_less_than_half_of_the_pages() -> None:
    command = [sys.executable, "-c", COUNT_PAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    one_by_one, by_index = map(int, done.stdout.split())
    assert 0 < by_index < one_by_one / 2, done.stdout


# -------------------------------------------------------------------------- inside of yt-dlp


def _forget_where_they_belong() -> None:
    vars(page_limits)["_EXTRACTORS_ATTRIBUTE"] = "_another_name"


def test_ytdlp_that_keeps_its_extractors_elsewhere_is_told_of_each(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "page.html").write_text('<video src="clip.mp4"></video>')
    with (
        served(tmp_path) as server,
        worker(tmp_path / "home", prepare=_forget_where_they_belong) as made,
    ):
        assert made.run(f"{server}/page.html", LIMITS).media.size_bytes
