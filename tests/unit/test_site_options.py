"""What is set for a site, as yt-dlp and the confinement of its download are told it."""

from pathlib import Path

import pytest
import yt_dlp

from tests.support.download_limits import limits_with
from worker.downloads.confinement import isolation
from worker.downloads.confinement.isolation import Confinement
from worker.downloads.ytdlp.players import javascript
from worker.downloads.ytdlp.site_options import combined
from worker.protocol import SiteAccess
from worker.settings.site_keys import OPTIONS

DENO = javascript.Runtime("deno", "/bin/deno", "2.9").options


def test_the_options_bear_the_names_that_ytdlp_knows() -> None:
    known = set(yt_dlp.parse_options([]).ydl_opts)
    assert {name for name in OPTIONS if not name.startswith("youtube")} <= known


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({}, {}),
        ({"retries": 0, "geo_bypass_country": "DE"}, {"retries": 0, "geo_bypass_country": "DE"}),
        ({"youtube_lang": "de"}, {"extractor_args": {"lang": ["de"]}}),
        (
            {"youtube_player_client": ("tv", "-web"), "youtube_player_skip": ("js",)},
            {"extractor_args": {"player_client": ["tv", "-web"], "player_skip": ["js"]}},
        ),
    ],
)
def test_options_of_a_site(given: dict[str, object], params: dict[str, object]) -> None:
    of_youtube = params.pop("extractor_args", {})
    found = combined(limits_with().for_site(SiteAccess(options=given)), DENO)
    arguments = {"youtube-ejs": {"jitless": ["true"]}, "youtube": of_youtube}
    assert found == {**DENO, **params, "extractor_args": arguments}


def test_an_option_of_the_plugin_for_po_tokens_is_the_plugins() -> None:
    url = "http://127.0.0.1:4417"
    given = {"youtubepot_bgutilhttp_base_url": url, "youtube_fetch_pot": "always"}
    found = combined(limits_with().for_site(SiteAccess(options=given)), {})
    assert found["extractor_args"] == {
        "youtubepot-bgutilhttp": {"base_url": [url]},
        "youtube": {"fetch_pot": ["always"]},
    }


def test_headers_of_a_site() -> None:
    found = combined(limits_with().for_site(SiteAccess(headers={"X-A": "b"})), {})
    assert found["http_headers"] == {"X-A": "b"}
    assert "http_headers" not in combined(limits_with(), {})


def test_what_is_usual_holds_where_a_site_has_nothing_of_its_own() -> None:
    usual = limits_with(proxy="http://a:1", cookies_file="/all")
    assert usual.for_site(SiteAccess()).proxy == "http://a:1"
    assert usual.for_site(SiteAccess()).cookies_file == "/all"
    own = usual.for_site(SiteAccess(proxy="http://b:2", cookies_file="/own"))
    assert (own.proxy, own.cookies_file) == ("http://b:2", "/own")


def test_no_download_may_read_the_settings_or_any_sites_cookies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    limits = limits_with(cookies_file="/all").for_site(
        SiteAccess(cookies_file="/own", hidden_files=("/own", "/another"))
    )
    confinement = Confinement(1, tmp_path / "data" / "downloads" / "1-1", 1)
    hidden = set(map(str, isolation._hidden(confinement, limits)))
    names = (".env", "sites.toml", "data")
    assert hidden == {"/all", "/own", "/another", *(str(tmp_path / name) for name in names)}
