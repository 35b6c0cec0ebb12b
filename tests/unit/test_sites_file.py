"""`sites.toml`: what it may say, and that each fault is named with its line and shows no secret."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.settings import DEFAULT_SITES, SettingsError, Site, Sites, SitesFile
from worker.settings.site_keys import KEYS, OPTIONS
from worker.settings.sites_document import parse
from worker.settings.toml_lines import lines_of

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

["WWW.Example.com"]
off = true
"""


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(text, PATH)
    return caught.value.problems


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


# ------------------------------------------------------------------------------------ faults

HOST = '["a.example"]\n'

FAULTS = {
    # What is wrong, by what is left of it when all else is well: the line, and words of the fault.
    "no quotes": ("[youtube.com]\noff = true", 1, '["youtube.com"], with quotes'),
    "no quotes, with options": ("[a.example.options]\nretries = 1", 1, '["a.example"], with q'),
    "half a name": ("\n[youtube]\n", 2, "did you mean youtube.com"),
    "no host": ('["a b"]', 1, "'a b' is not a site"),
    "a link": ('["https://ada:pw@youtube.com"]', 1, "[redacted]"),
    "a part of a site": ('["m.youtube.com"]', 1, "allowed is youtube.com"),
    "a part of an unknown site": ('["cdn.a.example"]', 1, "allowed is a.example"),
    "one site twice": ('["x.com"]\n\n["twitter.com"]', 3, "'twitter.com' is x.com"),
    "one site twice by case": ('["A.example"]\n["a.example"]', 2, "there already"),
    "outside of a site": ("downloads = 1", 1, "belongs below a site"),
    "an unknown key outside": ("colour = 1", 1, "'colour' is not known"),
    "sites in a list": ('[["a.example"]]\noff = true', 1, "not known"),
    "a key": (HOST + "colour = 1", 2, "allowed are cookies, "),
    "a near key": (HOST + "\n# more\nlinks_per_hours = 1", 4, "did you mean links_per_hour?"),
    "a key by case": (HOST + "OFF = true", 2, "did you mean off?"),
    "a switch": (HOST + 'off = "yes"', 2, "off='yes': allowed is true or false"),
    "a switch that is a number": (HOST + "cookies_always = 1", 2, "allowed is true or false"),
    "a number that is a switch": (HOST + "downloads = true", 2, "downloads='true': allowed is a"),
    "a number with decimals": (HOST + "downloads = 1.0", 2, "from 1 to 64"),
    "a number in quotes": (HOST + 'links_per_hour = "9"', 2, "from 1 to 100000"),
    "none": (HOST + "links_per_hour = 0", 2, "from 1 to 100000"),
    "too many": (HOST + "downloads = 65", 2, "from 1 to 64"),
    "less than none": (HOST + "downloads = -1", 2, "from 1 to 64"),
    "no path": (HOST + 'cookies = " "', 2, "cookies (not shown)"),
    "cookies for a path": (HOST + f'cookies = """\n{SECRET}\n"""', 2, "cookies (not shown)"),
    "no user": (HOST + 'cookies = "~nobody-at-all/x"', 2, "cookies (not shown)"),
    "cookies as a number": (HOST + "cookies = 1", 2, "cookies (not shown)"),
    "a proxy": (HOST + f'proxy = "ftp://ada:{SECRET}@a:1"', 2, "proxy (not shown)"),
    "a proxy's port": (HOST + f'proxy = "http://ada:{SECRET}@a"', 2, "proxy (not shown)"),
    "a proxy as a list": (HOST + f'proxy = ["{SECRET}"]', 2, "proxy (not shown)"),
    "headers": (HOST + f'headers = "{SECRET}"', 2, "allowed is a table"),
    "options": (HOST + "options = [1]", 2, "allowed is a table"),
    "a header's value": (HOST + '[ "a.example".headers]\nX = 1', 3, "X (not shown)"),
    "two lines in a header": (HOST + f'headers.X = "a\\r\\n{SECRET}: b"', 2, "X (not shown)"),
    "no value of a header": (HOST + 'headers.X = ""', 2, "X (not shown)"),
    "a header beyond ASCII": (HOST + 'headers.X = "ä"', 2, "X (not shown)"),
    "a long header": (HOST + f'headers.X = "{"x" * 1001}"', 2, "X (not shown)"),
    "a header's name": (HOST + 'headers."X: y" = "a"', 2, "'X: y' may not be set"),
    "a header twice": (HOST + 'headers = {X-A = "a", x-a = "b"}', 2, "'x-a' is there twice"),
    "many headers": (
        HOST + "\n".join(f'headers.X{number} = "a"' for number in range(21)),
        2,
        "21 headers: allowed are 20",
    ),
    "an option": (HOST + 'options.exec = "rm"', 2, "allowed are retries, "),
    "a near option": (HOST + '["a.example".options]\nretry = 1', 3, "did you mean retries?"),
    "an option's value": (HOST + '["a.example".options]\n\nretries = 6', 4, "from 0 to 5"),
    "no end of seconds": (HOST + "options.sleep_interval_requests = inf", 2, "from 0 to 5"),
    "no seconds": (HOST + "options.sleep_interval_requests = nan", 2, "from 0 to 5"),
    "seconds back": (HOST + "options.sleep_interval_requests = -0.1", 2, "from 0 to 5"),
    "a country": (HOST + 'options.geo_bypass_country = "de"', 2, "two capital letters"),
    "a list of clients": (HOST + 'options.youtube_player_client = "tv"', 2, "a list"),
    "a word of clients": (
        HOST + 'options.youtube_player_client = [\n"tv",\n"a;b",\n]',
        2,
        "a list of at most 8 words",
    ),
    "no clients": (HOST + "options.youtube_player_client = []", 2, "a list"),
    "a language": (HOST + 'options.youtube_lang = "deutsch"', 2, "the code of a language"),
    # What is no TOML.
    "no value": (HOST + "off =\n", 2, "invalid value"),
    "no value at the end": (HOST + "off =", 2, "invalid value"),
    "a bare word": (HOST + "off = yes\n", 2, "invalid value"),
    "no equals sign": (HOST + f"proxy {SECRET}\n", 2, "expected '='"),
    "an open quote": (HOST + f'proxy = "{SECRET}\noff = true\n', 2, "not TOML"),
    "an open long quote": (HOST + f'proxy = """{SECRET}\n\n\n', 2, "unterminated string"),
    "an open bracket": (HOST + "options.retries = [\n\n1,\n\n", 2, "not TOML"),
    "an open title": ('["a.example"\noff = true', 1, "not TOML"),
    "a key twice": (HOST + "off = true\noff = false", 3, "overwrite"),
    "a title twice": (HOST + "\n" + HOST, 3, "twice"),
    "brackets without end": ("a = " + "[" * 5000, 1, "too much"),
    "digits without end": (HOST + "downloads = " + "9" * 5000, 2, "too much"),
    "a control character": (HOST + f'proxy = "{SECRET}\x00"', 2, "illegal character"),
}


@pytest.mark.parametrize(("text", "line", "words"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("ends", ["", "\n", "\n\n# the end\n"])
def test_a_fault_is_named_with_its_line(text: str, line: int, words: str, ends: str) -> None:
    said = problems(text + ends)
    assert len(said) == 1
    assert said[0].startswith(f"sites.toml line {line}: ")
    assert words in said[0]
    assert SECRET not in said[0]
    assert "\n" not in said[0]


def test_all_faults_are_named_in_their_order() -> None:
    text = '["a.example"]\noff = 1\nheaders.Host = "x"\n[b]\n["c.example"]\noff = 1\nx = 1\n'
    lines = [int(problem.split()[2].rstrip(":")) for problem in problems(text)]
    assert lines == [2, 3, 4, 6, 7]


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "cookie", "Authorization", "Proxy-Authorization", "Content-Length", "Range"),
        *("Transfer-Encoding", "Connection", "TE", "Upgrade", "Accept-Encoding", "If-None-Match"),
        *("Sec-WebSocket-Key", "Proxy-Connection", "", "X Y", "X\\nY", "X\\u0000", "Ä"),
    ],
)
def test_headers_that_are_not_to_be_set(name: str) -> None:
    assert "may not be set" in problems(f'["a.example"]\nheaders."{name}" = "x"')[0]


@pytest.mark.parametrize(
    ("host", "near"),
    [("youtub.com", "youtube.com"), ("instagramm.com", "instagram.com"), ("facebook.co", "facebo")],
)
def test_a_host_that_is_nearly_a_known_one_is_warned_of(host: str, near: str) -> None:
    (warning,) = parse(f'\n["{host}"]\n', PATH).warnings
    assert warning.startswith(f"sites.toml line 2: {host} is not known; did you mean {near}")


@given(st.text("[]\"=#\n.abx \t1{},'\\"))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    try:
        parse(text, PATH)
    except SettingsError as error:
        for problem in error.problems:
            found = re.match(r"sites\.toml line ([0-9]+): ", problem)
            assert found
            assert 1 <= int(found[1]) <= text.count("\n") + 1


VALUES = ["1", '"x"', "true", "'''\na\n\n[b]\n'''", "[\n1,\n# = 2\n\n]", "{y = 1}"]


@given(st.lists(st.sampled_from([None, "# x", "", *VALUES]), max_size=20))
def test_lines_of_keys_and_tables(statements: list[str | None]) -> None:
    """Each statement is a table's title, a key's value, a comment or nothing."""
    lines: list[str] = []
    wanted: dict[tuple[str, ...], int] = {(): 1}
    table: tuple[str, ...] = ()
    for number, statement in enumerate(statements):
        line = sum(one.count("\n") + 1 for one in lines) + 1
        if statement is None:
            table = (f"t{number}",)
            wanted[table] = line
            lines.append(f" [ {table[0]} ] # x")
        elif statement.startswith("#") or not statement:
            lines.append(statement)
        else:
            key = (*table, f"k{number}")
            wanted[key] = line
            if statement == "{y = 1}":
                wanted[(*key, "y")] = line
            lines.append(f"k{number} = {statement}")
    text = "\n".join(lines)
    assert lines_of(text) == wanted


MANY_SITES = "".join(f'["s{number}.example"]\noff = true\n' for number in range(500))


@pytest.mark.parametrize(
    ("text", "line", "times"),
    [
        (MANY_SITES, None, 1),
        (MANY_SITES + "off = 1", 1001, 2),
        (MANY_SITES + "colour = 1", 1001, 2),
        (MANY_SITES + 'proxy = """' + "\n" * 16_000, 1001, 2),
        (MANY_SITES + "proxy = '''" + "\n" * 16_000, 1001, 2),
        (MANY_SITES + "options = [" + "\n" * 16_000, 1001, 2),
        (MANY_SITES + "options = [" + "\n1," * 5_000, 1001, 2),
        (MANY_SITES + 'options = ["' + "\n" * 16_000, 1001, 2),
        (MANY_SITES + "downloads = [" + "\n" * 16_000 + "]", 1001, 3),
        ("[" + "a." * 5_000 + "b]\noff = true", 1, 3),
        ("a." * 5_000 + "b = 1", 1, 3),
    ],
)
def test_a_line_is_found_without_reading_the_file_again_and_again(
    monkeypatch: pytest.MonkeyPatch, text: str, line: int | None, times: int
) -> None:
    read: list[int] = []
    loads = tomllib.loads

    def count_read(part: str) -> dict[str, Any]:
        read.append(len(part) + 1)
        return loads(part)

    monkeypatch.setattr(tomllib, "loads", count_read)
    if line is None:
        assert len(parse(text, PATH).named) == 500
    else:
        assert problems(text)[0].startswith(f"sites.toml line {line}: ")
    assert sum(read) <= times * (len(text) + 1)


STRINGS = [
    *('"x"', "'y'", '"\\"["', "'[\\'", '"""\n["a\\""""', "'''\n#[''''"),
    *('"""a"""""', "[\n'[', # ]\n]"),
]


@given(st.lists(st.sampled_from(STRINGS)))
def test_a_bracket_in_a_text_opens_nothing(values: list[str]) -> None:
    text = "\n".join(f"k{number} = {value} # [" for number, value in enumerate(values))
    lines = lines_of(text)
    assert [text.split("\n")[line - 1].split()[0] for line in list(lines.values())[1:]] == [
        f"k{number}" for number in range(len(values))
    ]


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
