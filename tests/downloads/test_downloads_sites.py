"""What the operator has decided for a site, with the real yt-dlp in a confined process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.proxy import Proxy
from tests.hostile.web import Web, content, status
from tests.sandbox.clips import SAMPLE
from tests.support.cookie_jar import jar
from tests.support.download_limits import LIMITS, limits_with
from tests.support.downloads_harness import Worker
from worker.errors import Fault, Reason
from worker.protocol import SiteAccess

SECRET = "pass-word-of-a-header"


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


class Recorder:
    """Serves a film, and keeps what its visitors say of themselves."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []

    def __call__(self, handler: Any) -> None:
        self.seen.append(dict(handler.headers))
        content(SAMPLE.read_bytes(), "video/mp4")(handler)


def test_headers_go_with_every_request(warm: Worker, web: Web) -> None:
    web.answers["/v.mp4"] = site = Recorder()
    access = SiteAccess(headers={"X-Pass": SECRET, "Accept-Language": "de"}, options={"retries": 0})
    assert warm.run(web.url + "/v.mp4", LIMITS, access=access).files
    assert {each.get("X-Pass") for each in site.seen} == {SECRET}
    assert {each.get("Accept-Language") for each in site.seen} == {"de"}


def test_a_header_is_for_its_download_alone(warm: Worker, web: Web) -> None:
    web.answers["/v.mp4"] = site = Recorder()
    warm.run(web.url + "/v.mp4", LIMITS, access=SiteAccess(headers={"X-Pass": SECRET}))
    site.seen.clear()
    assert warm.run(web.url + "/v.mp4", LIMITS).files
    assert {each.get("X-Pass") for each in site.seen} == {None}


def test_a_proxy_of_the_site_is_in_place_of_the_usual_one(warm: Worker, web: Web) -> None:
    web.answers["/v.mp4"] = content(SAMPLE.read_bytes(), "video/mp4")
    usual = limits_with(proxy="http://127.0.0.1:9")
    with Proxy(web.url) as proxy:
        assert warm.run(web.url + "/v.mp4", usual, access=SiteAccess(proxy=proxy.setting)).files
        assert proxy.hits
    assert warm.run(web.url + "/v.mp4", usual).error.reason is Reason.NETWORK


@pytest.mark.parametrize("usual", [None, "jar of all sites"])
def test_cookies_of_the_site_are_in_place_of_the_usual_ones(
    warm: Worker, web: Web, tmp_path: Path, usual: str | None
) -> None:
    seen: list[str] = []

    def members_only(handler: Any) -> None:
        seen.append(handler.headers.get("Cookie", ""))
        has_them = "of-the-site" in seen[-1]
        (content(SAMPLE.read_bytes(), "video/mp4") if has_them else status(401))(handler)

    web.answers["/v.mp4"] = members_only
    rules = LIMITS
    if usual:
        rules = limits_with(cookies_file=os.fspath(jar(tmp_path / usual, "127.0.0.1", value="no")))
    own = jar(tmp_path / "own", ".127.0.0.1", value="of-the-site")
    assert warm.run(web.url + "/v.mp4", rules, access=SiteAccess(cookies_file=str(own))).files
    assert not any("no" in cookies for cookies in seen)


def test_cookies_of_the_site_that_are_gone_are_the_operators(
    warm: Worker, web: Web, tmp_path: Path
) -> None:
    web.answers["/v.mp4"] = status(401)
    access = SiteAccess(cookies_file=str(tmp_path / "none"))
    assert warm.run(web.url + "/v.mp4", LIMITS, access=access).error.fault is Fault.OPERATOR
