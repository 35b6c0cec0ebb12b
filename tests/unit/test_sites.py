"""Which hosts and links belong to one site."""

import doctest
import itertools

import pytest

from worker import sites
from worker.sites import names_of, site_of, site_of_link, site_of_url
from worker.urls import normalise

HOSTS = [
    ("example.com", "example.com"),
    ("www.Example.com.", "example.com"),
    ("a.b.c.example.com", "example.com"),
    ("localhost", "localhost"),
    ("", ""),
    # What a country sells names below.
    ("news.example.co.uk", "example.co.uk"),
    ("example.co.uk", "example.co.uk"),
    ("www.example.com.br", "example.com.br"),
    ("m.example.com.au", "example.com.au"),
    ("video.example.or.jp", "example.or.jp"),
    ("www.example.gouv.fr", "example.gouv.fr"),
    ("www.example.govt.nz", "example.govt.nz"),
    ("www.example.info.pl", "example.info.pl"),
    # A guess: it may be b.tv that was registered, or a.b.tv.
    ("a.b.tv", "a.b.tv"),
    # An address has no domain.
    ("127.0.0.1", "127.0.0.1"),
    ("::1", "::1"),
    ("2001:DB8::1", "2001:db8::1"),
    # Tenants of one provider.
    ("ada.github.io", "ada.github.io"),
    ("bob.github.io", "bob.github.io"),
    ("a.ada.github.io", "a.ada.github.io"),
    ("ada.s3.amazonaws.com", "ada.s3.amazonaws.com"),
    ("ada.s3.eu-central-1.amazonaws.com", "ada.s3.eu-central-1.amazonaws.com"),
    ("ada.blob.core.windows.net", "ada.blob.core.windows.net"),
    ("d111.cloudfront.net", "d111.cloudfront.net"),
    ("github.io", "github.io"),
    # Names that a site goes by.
    ("youtu.be", "youtube.com"),
    ("www.youtube-nocookie.com", "youtube.com"),
    ("music.youtube.com", "youtube.com"),
    ("twitter.com", "x.com"),
    ("mobile.twitter.com", "x.com"),
    ("t.co", "x.com"),
    ("m.vk.ru", "vk.com"),
    ("vkvideo.ru", "vk.com"),
    ("www.ok.ru", "ok.ru"),
    ("nico.ms", "nicovideo.jp"),
    ("www.threads.net", "threads.com"),
    ("instagr.am", "instagram.com"),
    ("fb.watch", "facebook.com"),
    ("www.youtubekids.com", "youtube.com"),
    ("www.tiktokv.com", "tiktok.com"),
    ("de.pinterest.com", "pinterest.com"),
    ("www.pinterest.de", "pinterest.com"),
    ("www.pinterest.co.uk", "pinterest.com"),
    ("pin.it", "pinterest.com"),
    ("v.redd.it", "reddit.com"),
    # And names that only look like one.
    ("notyoutube.com", "notyoutube.com"),
    ("youtube.com.example.org", "example.org"),
    ("youtube.com.br", "youtube.com.br"),
    ("pinterest.example", "pinterest.example"),
    ("x.com.evil.example", "evil.example"),
    ("youtube.github.io", "youtube.github.io"),
]


@pytest.mark.parametrize(("host", "site"), HOSTS)
def test_site_of_a_host(host: str, site: str) -> None:
    assert site_of(host) == site


@pytest.mark.parametrize("host", [host for host, _ in HOSTS])
def test_site_is_a_host_of_its_own(host: str) -> None:
    assert site_of(site_of(host)) == site_of(host)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://site.example/a?b=c", "site.example"),
        ("http://WWW.site.example/", "site.example"),
        ("http://site.example:8080/", "site.example:8080"),
        ("http://[2001:db8::1]/", "[2001:db8::1]"),
        ("http://[2001:db8::1]:8080/", "[2001:db8::1]:8080"),
        ("https://a.site.example/", "a.site.example"),
        ("https://ada.github.io/film", "ada.github.io"),
        ("https://ada.s3.amazonaws.com/film.mp4", "ada.s3.amazonaws.com"),
        ("https://m.youtube.com/watch?v=1", "youtube.com"),
        ("https://youtu.be/1", "youtube.com"),
        ("https://twitter.com/a/status/1", "x.com"),
        ("https://vk.ru/video1", "vk.com"),
        ("https://www.nicovideo.jp/watch/sm9", "nicovideo.jp"),
        # Another port is another server.
        ("https://youtu.be:8443/1", "youtu.be:8443"),
        ("https://ada:secret@site.example/", "site.example"),
        ("http://[::1", ""),
        ("http://site.example:port/", ""),
        ("", ""),
    ],
)
def test_site_of_a_link(url: str, site: str) -> None:
    assert site_of_link(url) == site


@pytest.mark.parametrize(
    ("url", "site"),
    [
        *(
            (f"https://{start}site.example{end}", "site.example")
            for start, end in itertools.product(
                ("", "www.", "WWW.", "ada:secret@", "a%2Fb@"),
                (
                    "",
                    "/",
                    "/a@b.example/",
                    "?a=//b.example",
                    "#//b.example/",
                    ":8080/a",
                    ":port/",
                    "./",
                ),
            )
        ),
        ("HTTPS://M.YouTube.com/watch?v=1", "youtube.com"),
        ("https://youtu.be:8443/1", "youtube.com"),
        ("http://[2001:DB8::1]:8080/", "2001:db8::1"),
        ("//site.example/a", "site.example"),
        (" https://site.example/a", "site.example"),
        ("https:/\n/site.example/a", "site.example"),
        ("https://site\n.example/a", "site.example"),
        ("https://site.example\\@b.example/a", "b.example"),
        ("site.example/https://b.example", ""),
        ("https:///a", ""),
        ("http://[::1/", ""),
        ("", ""),
    ],
)
def test_site_of_a_url_whatever_its_port(url: str, site: str) -> None:
    assert site_of_url(url) == site


@pytest.mark.parametrize(
    "link",
    [
        "https://youtu.be/1",
        "https://M.YouTube.com/watch?v=1",
        "https://youtu.be:8443/1",
        "https://twitter.com/a/status/1",
        "WWW.Site.Example./a",
        "https://münchen.example.co.uk/film",
        "http://127.0.0.1:8080/",
        "http://[2001:DB8:0::1]:8080/",
    ],
)
def test_a_link_has_a_name_of_its_site_in_it(link: str) -> None:
    url = normalise(link)
    for site in (site_of_url(url), site_of_link(url)):
        assert any(name in url for name in names_of(site)), site


def test_no_name_belongs_to_two_sites() -> None:
    names = list(itertools.chain(*sites._ALIASES))
    assert len(names) == len(set(names)) == len(sites._KNOWN)


def test_no_hosting_provider_is_a_site_by_its_names() -> None:
    assert not [name for name in sites._HOSTING if sites._known(name)]


def test_example_is_true() -> None:
    assert doctest.testmod(sites).failed == 0
    assert doctest.testmod(sites).attempted
