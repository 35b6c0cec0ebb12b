"""What is wrong with `sites.toml`: each fault is named with its line and shows no secret."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.settings import SettingsError
from worker.settings.sites_document import parse
from worker.settings.toml_lines import lines_of

PATH = Path("/etc/bot/sites.toml")
SECRET = "hunter2-hunter2"


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(text, PATH)
    return caught.value.problems


HOST = '["a.example"]\n'

FAULTS = {
    # What is wrong, by what is left of it when all else is well: the line, and words of the fault.
    "no quotes": ("[youtube.com]\noff = true", 1, '["youtube.com"], with quotes'),
    "no quotes, with options": ("[a.example.options]\nretries = 1", 1, '["a.example"], with q'),
    "half a name": ("\n[youtube]\n", 2, "did you mean youtube.com"),
    "no host": ('["a b"]', 1, "'a b' is not a site"),
    "no host in another script": ('["bü cher.example"]', 1, "'bü cher.example' is not a site"),
    "a part in another script": ('["a.bücher.example"]', 1, "allowed is xn--bcher-kva.example"),
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
    "more digits than are written": (HOST + f"downloads = 0x{'f' * 5000}", 2, "from 1 to 64"),
    "tables in tables": (HOST + f"downloads{'.a' * 1500} = 1", 2, "from 1 to 64"),
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
    "too many digits of seconds": (
        HOST + f"options.sleep_interval_requests = {'9' * 400}",
        2,
        "from 0 to 5",
    ),
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
        ("[" + "a." * 2_000 + "b]\noff = true", 1, 3),
        ("a." * 2_000 + "b = 1", 1, 3),
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
