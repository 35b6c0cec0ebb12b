"""`requests`, `bans` and `stats`: what an operator asks about links and people."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from maintenance import __main__ as commands
from maintenance import plots
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker import sites
from worker.errors import Fault, JobError, Reason
from worker.ledger.upkeep.history import Group
from worker.protocol import Download, Explain

Type = Callable[..., tuple[int, str, str]]
DAY_S = 86_400.0


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_bot: MakeBot) -> SteppedDispatcher:
    """A bot that has answered some links, of which the clock of commands knows."""
    monkeypatch.chdir(tmp_path)
    bot = make_bot(ADMINS="99")
    monkeypatch.setenv("DATA_DIR", str(bot.settings.data_dir))
    monkeypatch.setenv("ADMINS", "99")
    succeed(bot, "https://youtu.be/a", 1)
    bot.step(2 * DAY_S)
    succeed(bot, "https://www.youtube.com/watch?v=b", 2)
    fail(bot, "https://site.example/c", 2)
    bot.send("https://youtu.be/a", user_id=3)  # Telegram has it
    bot.post()
    bot.deliver()
    bot.send("https://site.example/open", user_id=-100)
    bot.step(60)
    for module in ("options", "bans"):
        monkeypatch.setattr(f"maintenance.commands.{module}.wall_clock", lambda: bot.wall)
    return bot


def succeed(bot: SteppedDispatcher, url: str, user_id: int) -> None:
    bot.send(url, user_id=user_id)
    bot.post()
    bot.step(2)
    bot.finish_download()
    bot.deliver(f"file id of {url}")


def fail(bot: SteppedDispatcher, url: str, user_id: int) -> None:
    bot.send(url, user_id=user_id)
    bot.post()
    bot.fail(Download, JobError(Reason.BLOCKED_HERE, Fault.PERMANENT))
    bot.finish(Explain)


@pytest.fixture
def command(asked: SteppedDispatcher, capsys: pytest.CaptureFixture[str]) -> Type:
    """Types a command; its exit code, and what it prints on either stream."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = commands.main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def as_json(answer: tuple[int, str, str]) -> Any:
    code, text, errors = answer
    assert (code, errors) == (0, "")
    return json.loads(text)


# --------------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ((), [5, 4, 3, 2, 1]),
        (("--user", "2"), [3, 2]),
        (("--user", "-100"), [5]),
        (("--site", "YouTube.com"), [4, 2, 1]),
        (("--site", "site.example", "--failed"), [3]),
        (("--since", "1d"), [5, 4, 3, 2]),
        (("--since", "1d", "--site", "youtube.com", "--user", "3"), [4]),
        (("--site", "nothing.example"), []),
        (("--limit", "2"), [5, 4]),
    ],
)
def test_requests_are_listed_the_newest_first(
    command: Type, options: tuple[str, ...], ids: list[int]
) -> None:
    said = as_json(command("requests", "--json", *options))
    assert [each["id"] for each in said["requests"]] == ids
    assert said["total"] == (5 if "--limit" in options else len(ids))


def test_python_is_asked_only_about_links_that_name_the_site(
    command: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def site_of_url(url: str) -> str:
        asked.append(url)
        return sites.site_of_url(url)

    monkeypatch.setattr("worker.ledger.storage.database.site_of_url", site_of_url)
    assert as_json(command("requests", "--json", "--site", "youtube.com"))["total"] == 3
    assert set(asked) == {"https://youtu.be/a", "https://www.youtube.com/watch?v=b"}


def test_a_request_is_told_with_what_it_took(command: Type) -> None:
    open_one, remembered, failed, fetched, _ = as_json(command("requests", "--json"))["requests"]
    assert (open_one["verdict"], open_one["media_bytes"], open_one["chat_id"]) == (None, None, -100)
    assert (remembered["is_remembered"], remembered["downloaded_s"]) == (True, 0.0)
    assert (failed["verdict"], failed["reason"], failed["attempts"]) == (
        *("sentence", "blocked here", 1),
    )
    assert (fetched["site"], fetched["form"], fetched["downloaded_s"], fetched["media_bytes"]) == (
        *("youtube.com", "all", 2.0, 5),
    )


def test_requests_are_a_table_that_says_what_it_leaves_out(command: Type) -> None:
    code, text, _ = command("requests", "--limit", "3")
    head, *rows, empty, rest = text.splitlines()
    assert (code, empty, rest) == (0, "", "3 of 5 links are listed: --limit 5")
    assert head.split()[:2] == ["ID", "SENT"]
    assert [row.split()[0] for row in rows] == ["5", "4", "3"]
    assert rows[0].endswith("not yet")
    assert rows[1].endswith("media from memory")
    assert "blocked here, error " in rows[2]
    assert command("requests", "--user", "4") == (0, "There is no such link.\n", "")


# ------------------------------------------------------------------------------------- bans


def test_bans_are_made_listed_and_lifted(command: Type, asked: SteppedDispatcher) -> None:
    assert command("bans") == (0, "Nobody is banned.\n", "")
    assert command("bans", "add", "7", "-100")[1] == "7 is banned.\n-100 is banned.\n"
    said = as_json(command("bans", "--json", "add", "7"))
    assert said == {"add": [{"user_id": 7, "changed": False, "error": None}]}
    found = {each["user_id"]: each["since"] for each in as_json(command("bans", "--json"))["bans"]}
    assert found == {-100: asked.wall, 7: asked.wall}
    assert command("bans", "list")[1].splitlines()[0].split() == ["USER", "SINCE"]
    assert command("bans", "remove", "7", "8")[1] == (
        "7 may use the bot again.\n8 was not banned.\n"
    )
    asked.send("https://site.example/x", user_id=-100)
    assert asked.rows("SELECT count(*) FROM requests WHERE user_id = -100") == [(1,)]


def test_many_bans_are_counted_and_not_all_listed(command: Type, asked: SteppedDispatcher) -> None:
    command("bans", "add", *map(str, range(1, 52)))
    asked.step(1)
    command("bans", "add", "7000")
    lines = command("bans")[1].splitlines()
    assert (len(lines), lines[1].split()[0]) == (1 + 50 + 2, "7000")
    assert lines[-1] == "50 of 52 bans are listed: --limit 52"
    assert command("bans", "list", "--limit", "0")[1].strip() == (
        "0 of 52 bans are listed: --limit 52"
    )
    for arguments in (("list", "--limit", "1"), ("--limit", "1", "list"), ("--limit", "1")):
        said = as_json(command("bans", "--json", *arguments))
        assert (said["total"], [each["user_id"] for each in said["bans"]]) == (52, [7000])


def test_an_admin_is_not_banned(command: Type) -> None:
    code, text, _ = command("bans", "add", "99", "5")
    assert (code, text) == (2, "99 is an admin and is not banned.\n5 is banned.\n")


# ------------------------------------------------------------------------------------ stats


def test_links_are_grouped_by_what_is_asked_for(command: Type) -> None:
    def keys(*options: str) -> dict[str, tuple[int, ...]]:
        groups = as_json(command("stats", "--json", *options))["groups"]
        names = ("links", "media", "remembered", "failed", "media_bytes")
        return {each["key"]: tuple(each[name] for name in names) for each in groups}

    assert keys() == {"youtube.com": (3, 3, 1, 0, 15), "site.example": (1, 0, 0, 1, 0)}
    assert list(keys("--by", "user")) == ["2", "1", "3"]
    assert keys("--by", "reason") == {"blocked here": (1, 0, 0, 1, 0)}
    days = keys("--by", "day")
    assert [links for links, *_ in days.values()] == [1, 3]
    assert sorted(days) == list(days)
    assert keys("--since", "1d")["youtube.com"][0] == 2


def test_stats_are_a_table_with_bars(command: Type) -> None:
    code, text, _ = command("stats")
    head, first, second = text.splitlines()
    assert (code, head.split()[:3]) == (0, ["SITE", "LINKS", "MEDIA"])
    assert first.endswith("  " + "█" * 24)
    assert second.endswith("  " + "█" * 8)
    _, text, _ = command("stats", "--limit", "1")
    assert text.endswith("\n1 of 2 are shown: --limit 2\n")
    assert command("stats", "--since", "5s", "--by", "reason")[1] == "No link was answered.\n"


@pytest.mark.parametrize(("share", "drawn"), [(0, ""), (1e-9, "▏"), (0.5, "██"), (0.6, "██▍")])
def test_bars_are_as_long_as_their_share(share: float, drawn: str) -> None:
    assert plots.bar(share, 4) == drawn


def test_bars_are_of_ascii_where_there_is_nothing_else() -> None:
    assert plots.blocks_of("utf-8") == plots.BLOCKS
    assert {plots.blocks_of(name) for name in ("ascii", "latin-1", "no such", None)} == {
        plots.ASCII
    }
    assert plots.bar(0.6, 10, plots.ASCII) == "######"


def test_a_picture_is_xml_whatever_a_site_is_called(command: Type, tmp_path: Path) -> None:
    target = tmp_path / "links.svg"
    assert command("stats", "--svg", str(target))[0] == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    picture = ElementTree.fromstring(target.read_text("utf-8"))
    assert "youtube.com" in [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    hostile = Group("</text><script>&\x00\x1b\ufffe" + "a" * 99, 1, 0, 0, 1, 0, 0, 0.0)
    drawn = ElementTree.fromstring(plots.draw("t", [hostile]))
    assert {each.tag.rpartition("}")[2] for each in drawn.iter()} == {"svg", "rect", "text"}
    ElementTree.fromstring(plots.draw("nothing", []))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("requests", "--user", "ada"), "is no numeric id"),
        (("requests", "--since", "yesterday"), "a time such as"),
        (("requests", "--limit", "-1"), "is not a whole number"),
        (("requests", "--limit", "many"), "is not a whole number"),
        (("bans", "add"), "required: ID"),
        (("bans", "add", "ada"), "is no numeric id"),
        (("bans", "drop", "7"), "invalid choice"),
        (("stats", "--by", "colour"), "invalid"),
        (("stats", "--svg", "/nowhere/at/all.svg"), "/nowhere/at"),
    ],
)
def test_wrong_arguments_are_named(command: Type, arguments: tuple[str, ...], words: str) -> None:
    code, text, errors = command(*arguments)
    assert (code, text) == (2, "")
    assert words in errors
