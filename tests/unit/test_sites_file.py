"""`sites.toml`: what it may say, and where it stands."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from worker.settings import DEFAULT_SITES, SettingsError, Site, Sites, SitesFile
from worker.settings.site_keys import KEYS, OPTIONS
from worker.settings.sites_document import parse

PATH = Path("/etc/bot/sites.toml")
SECRET = "hunter2-hunter2"

WHOLE = f"""
# Whatever may be said of a site.
["youtube.com"]
cookies = "cookies/youtube.txt"
cookies_always = true
proxy = "socks5h://ada:{SECRET}@proxy.example:1080"
downloads = 1
links_per_hour = 120
headers = {{ Accept-Language = "de", X-Pass = "{SECRET}" }}

["youtube.com".options]
retries = 3
fragment_retries = 10
extractor_retries = 0
sleep_interval_requests = 0.5
geo_bypass_country = "DE"
youtube_player_client = ["default", "-tv"]
youtube_player_skip = ["configs"]
youtube_lang = "pt-BR"
youtube_fetch_pot = "always"
youtubepot_bgutilhttp_base_url = "http://127.0.0.1:4416"

["WWW.Example.com"]
off = true
"""


def write(path: Path, text: str = '["a.example"]\ndownloads = 1\n', mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


# ------------------------------------------------------------------------------ what it says


def test_everything_that_may_be_set() -> None:
    sites = parse(WHOLE, PATH)
    assert sites["youtube.com"] == Site(
        name="youtube.com",
        cookies=Path("/etc/bot/cookies/youtube.txt"),
        cookies_always=True,
        proxy=f"socks5h://ada:{SECRET}@proxy.example:1080",
        downloads=1,
        links_per_hour=120,
        headers={"Accept-Language": "de", "X-Pass": SECRET},
        options={
            "retries": 3,
            "fragment_retries": 10,
            "extractor_retries": 0,
            "sleep_interval_requests": 0.5,
            "geo_bypass_country": "DE",
            "youtube_player_client": ("default", "-tv"),
            "youtube_player_skip": ("configs",),
            "youtube_lang": "pt-BR",
            "youtube_fetch_pot": "always",
            "youtubepot_bgutilhttp_base_url": "http://127.0.0.1:4416",
        },
    )
    assert sites["example.com"] == Site(name="example.com", off=True)
    assert sites.warnings == ()
    assert set(sites["youtube.com"].options) == set(OPTIONS)


def test_secrets_are_known_and_not_shown() -> None:
    sites = parse(WHOLE, PATH)
    assert SECRET not in repr(sites)
    assert set(sites.secrets) == {SECRET}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("youtube.com", "youtube.com"),
        ("youtu.be", "youtube.com"),
        ("www.youtube.com", "youtube.com"),
        ("YouTube.com", "youtube.com"),
        ("vkvideo.ru", "vk.com"),
        ("nico.ms", "nicovideo.jp"),
        ("threads.net", "threads.com"),
        ("bbc.co.uk", "bbc.co.uk"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("ada.github.io", "ada.github.io"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_names_of_one_site(title: str, name: str) -> None:
    assert parse(f'["{title}"]\ndownloads = 1\n', PATH)[name].downloads == 1


@pytest.mark.parametrize(
    ("url", "downloads"),
    [
        ("https://a.example/x", 1),
        ("https://cdn.media.a.example:8080/x", 1),
        ("https://a.example.org/x", None),
        ("https://[::", None),
        ("", None),
    ],
)
def test_the_site_of_a_link(url: str, downloads: int | None) -> None:
    assert parse('["a.example"]\ndownloads = 1\n', PATH).of_url(url).downloads == downloads


@pytest.mark.parametrize(
    ("sites", "limits"),
    [
        (DEFAULT_SITES, {"youtube.com": 250, "instagram.com": 100, "vimeo.com": None}),
        (parse('["youtube.com"]\ndownloads = 2', PATH), {"youtube.com": 250}),
        (parse('["youtube.com"]\nlinks_per_hour = 9', PATH), {"youtube.com": 9}),
        (parse("", PATH), {"youtube.com": 250}),
    ],
)
def test_default_links_per_hour(sites: Sites, limits: Mapping[str, int | None]) -> None:
    assert {name: sites[name].links_per_hour for name in limits} == limits


# ------------------------------------------------------------------------- where it stands


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert SitesFile.beside(tmp_path / "data", tmp_path / ".env").load() is DEFAULT_SITES


@pytest.mark.parametrize("folder", ["data", "."])
def test_either_place_will_do(tmp_path: Path, folder: str) -> None:
    write(tmp_path / folder / "sites.toml", '["a.example"]\ncookies = "a.txt"\n')
    site = SitesFile.beside(tmp_path / "data", tmp_path / ".env").load()["a.example"]
    assert site.cookies == tmp_path / folder / "a.txt"


def test_both_places_are_a_fault_that_names_both(tmp_path: Path) -> None:
    paths = [write(tmp_path / folder / "sites.toml") for folder in ("data", ".")]
    with pytest.raises(SettingsError) as caught:
        SitesFile.beside(tmp_path / "data", tmp_path / ".env").load()
    assert all(str(path) in str(caught.value) for path in paths)


def test_one_place_for_both_is_one_file(tmp_path: Path) -> None:
    write(tmp_path / "sites.toml")
    assert SitesFile.beside(tmp_path, tmp_path / ".env").load()["a.example"].downloads == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'["a.example"]\n# \xff\n', "line 2: this is not UTF-8 text"),
        (b"#" * 16_385, "larger than 16 KiB"),
    ],
)
def test_what_is_no_text(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "sites.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        SitesFile((tmp_path / "sites.toml",)).load()


@pytest.mark.parametrize("kind", ["directory", "broken link", "pipe"])
def test_what_cannot_be_read_is_a_fault(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sites.toml"
    if kind == "directory":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to("gone")
    else:
        os.mkfifo(path)
    with pytest.raises(SettingsError, match=r"sites\.toml cannot be read: "):
        SitesFile((path,)).load()


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "sites.toml"
    path.write_bytes(b'\xef\xbb\xbf["a.example"]\r\ndownloads = 3\r\n')
    assert SitesFile((path,)).load()["a.example"].downloads == 3


@pytest.mark.parametrize(
    ("line", "mode", "is_warned"),
    [
        ('proxy = "http://ada:pw@a:1"', 0o644, True),
        ('proxy = "http://ada:pw@a:1"', 0o640, False),
        ('proxy = "http://a:1"', 0o644, False),
        ('headers.X-Pass = "x"', 0o604, True),
        ('headers.X-Pass = "x"', 0o600, False),
        ("downloads = 1", 0o644, False),
    ],
)
def test_secrets_that_everyone_may_read(
    tmp_path: Path, line: str, mode: int, is_warned: bool
) -> None:
    path = write(tmp_path / "sites.toml", f'["a.example"]\n{line}\n', mode)
    warnings = SitesFile((path,)).load().warnings
    assert warnings == (
        (f"{path} contains secrets and everyone may read it: chmod 600 it",) * is_warned
    )


# --------------------------------------------------------------------------- the documents

PAGE = (Path(__file__).parents[2] / "worker" / "SITES.md").read_text("utf-8")


def test_the_example_is_as_it_should_be() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    sites = parse(example, PATH)
    assert set(sites.named) == {"youtube.com", "instagram.com", "example.org", "example.net"}
    assert sites.warnings == ()


def test_the_page_has_a_row_for_each_key_and_option() -> None:
    first_cells = re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)
    named = [word for cell in first_cells for word in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted((*KEYS, "headers", "options", *OPTIONS))
