"""The cookies of each site: which file has them, what is known of them, who is told."""

import os
from itertools import count
from pathlib import Path

import pytest

from maintenance import alerts, cookies, measures
from maintenance.findings import Finding, Level
from maintenance.health import assess
from tests.support.stepped_dispatcher import SteppedDispatcher
from worker.clocks import Wall
from worker.errors import Fault, JobError, Reason, Remedy
from worker.ledger import ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.protocol import Download, SiteAccess, site_cookies
from worker.protocol.site_cookies import CookiesTried
from worker.settings import Settings

NOW = 1_800_000_000
SITE = "site.example"

_names = count(1)


def line(name: str, expires: int = 0, domain: str = f".{SITE}", mark: str = "") -> str:
    return f"{mark}{domain}\tTRUE\t/\tTRUE\t{expires}\t{name}\tv\n"


@pytest.mark.parametrize(
    ("site", "is_one"),
    [
        ("youtube.com", True),
        ("127.0.0.1", True),
        ("2001:db8::1", True),
        ("xn--bcher-kva.example", True),
        ("", False),
        ("..", False),
        (".x", False),
        ("a/b", False),
        ("a\\b", False),
        ("a\0b", False),
        ("A.example", False),
        ("a" * 300, False),
    ],
)
def test_files_are_named_after_sites(tmp_path: Path, site: str, is_one: bool) -> None:
    path = site_cookies.sent_file(tmp_path, site)
    assert (path is not None) is is_one
    assert path is None or path.parent == tmp_path / "cookies"


def test_what_was_sent_comes_before_what_is_named(tmp_path: Path) -> None:
    named = tmp_path / "named"
    assert site_cookies.file_of(SITE, tmp_path, named) == named
    assert site_cookies.file_of("..", tmp_path, named) == named
    (tmp_path / "cookies").mkdir()
    sent = tmp_path / "cookies" / f"{SITE}.txt"
    sent.touch()
    assert site_cookies.file_of(SITE, tmp_path, named) == sent
    assert site_cookies.file_of("other.example", tmp_path, named) == named


@pytest.mark.parametrize(
    ("lines", "ends_at"),
    [
        # Which of them matter is not known, and a counter that ends soon says nothing.
        ([line("a", 500), line("b", 400), line("counter", 1)], 500),
        ([line("a", 500), line("b")], None),
        ([line("a"), line("b")], None),
        ([line("counter", 1, ".youtube.com"), line("SID", 700, ".youtube.com")], 700),
        ([line("SID", 700, ".youtube.com", "#HttpOnly_"), line("x", 1, ".youtube.com")], 700),
        ([line("SID", 700, ".youtube.com"), line("LOGIN_INFO", 600, ".youtube.com")], 600),
        ([line("SID", 700, ".youtube.com"), line("LOGIN_INFO", 0, ".youtube.com")], 700),
    ],
)
def test_the_end_of_a_session(tmp_path: Path, lines: list[str], ends_at: float | None) -> None:
    site = "youtube.com" if "youtube" in lines[0] else SITE
    (tmp_path / "cookies").mkdir()
    (tmp_path / "cookies" / f"{site}.txt").write_text("".join(lines))
    (found,) = cookies.read_all(Settings(bot_token="", data_dir=tmp_path), {}).values()
    assert (found.count, found.ends_at) == (len(lines), ends_at)


def test_of_one_file_for_all_only_sessions_are_shown(tmp_path: Path) -> None:
    jar = tmp_path / "cookies.txt"
    sites = (".youtube.com", ".shop.example", ".x.com")
    jar.write_text(
        line("SID", 1, ".youtube.com") + line("a", 1, ".shop.example") + line("a", 1, ".x.com")
    )
    settings = Settings(bot_token="", data_dir=tmp_path, cookies_file=jar)
    assert set(cookies.read_all(settings, {})) == {"youtube.com"}
    assert len(sites) == 3
    jar.unlink()
    assert cookies.read_all(settings, {}) == {}


def test_what_another_sites_file_holds_beside_is_not_shown(tmp_path: Path) -> None:
    jar = tmp_path / "cookies.txt"
    jar.write_text(line("SID", 900, ".youtube.com"))
    (tmp_path / "sites.toml").write_text(f'["{SITE}"]\ncookies = "own.txt"\n')
    (tmp_path / "own.txt").write_text(line("a", 800) + line("SID", 1, ".youtube.com"))
    found = cookies.read_all(Settings(bot_token="", data_dir=tmp_path, cookies_file=jar), {})
    ends = {site: shown.ends_at for site, shown in found.items()}
    assert ends == {"youtube.com": Wall(900), SITE: Wall(800)}
    assert cookies.read_all(Settings(bot_token="", data_dir=tmp_path), {}).keys() == {SITE}


def test_the_file_that_is_named_for_a_site_is_shown(tmp_path: Path) -> None:
    (tmp_path / "sites.toml").write_text(f'["{SITE}"]\ncookies = "own.txt"\n')
    (tmp_path / "own.txt").write_text(line("a", 900))
    settings = Settings(bot_token="", data_dir=tmp_path)
    assert cookies.read_all(settings, {})[SITE].path == tmp_path / "own.txt"
    (tmp_path / "cookies").mkdir()
    (tmp_path / "cookies" / f"{SITE}.txt").write_text(line("a", 800))
    assert cookies.read_all(settings, {})[SITE].ends_at == Wall(800), (
        "the one that was sent is used"
    )
    (tmp_path / "sites.toml").write_text("no TOML")
    assert set(cookies.read_all(settings, {})) == {SITE}


class Operator:
    """A bot with cookies for a site, and what its operator is told."""

    def __init__(self, bot: SteppedDispatcher) -> None:
        self.bot = bot
        self.path = bot.settings.data_dir / "cookies" / f"{SITE}.txt"
        self.path.parent.mkdir()
        self.write("one")

    def write(self, value: str, expires: int = 0) -> None:
        self.path.write_text(line(value, expires))
        os.utime(self.path, ns=(0, len(value) * 10**9))

    def try_link(self, name: str, *, is_refused: bool, is_over: bool = False) -> None:
        """A link needs cookies, and is let in or not."""
        bot = self.bot
        bot.send(f"https://{SITE}/{name}")
        bot.settle()
        assert bot.task(Download).access.cookies_file == str(self.path)
        changed_ns = self.path.stat().st_mtime_ns
        tried = CookiesTried(SITE, changed_ns, is_refused, is_over)
        bot.downloads.report(bot.job_id(Download), tried)
        bot.step()
        if is_refused:
            error = JobError(Reason.BLOCKED_HERE, Fault.OPERATOR, remedy=Remedy.NEW_COOKIES)
            bot.fail(Download, error)
            (told,) = bot.settle()
            assert told.reason is Reason.BLOCKED_HERE
        else:
            bot.finish_download()
            bot.deliver()

    @property
    def access(self) -> SiteAccess:
        """How the next link asks the site."""
        self.bot.send(f"https://{SITE}/next-{next(_names)}")
        self.bot.settle()
        access = self.bot.task(Download).access
        self.bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
        self.bot.settle()
        return access

    def look(self) -> Finding:
        """What health says of the cookies, after as many samples as an alert takes."""
        with Upkeep(ledger_path(self.bot.settings.data_dir)) as ledger:
            for _ in range(alerts.SAMPLES):
                self.bot.wall = Wall(self.bot.wall + 15)
                taken = measures.take(self.bot.settings, ledger, 0)
                findings = [
                    each for each in assess(taken) if each.name.partition(" ")[2].endswith(SITE)
                ]
                alerts.step(ledger, findings, {7}, self.bot.wall)
        (found,) = findings
        return found

    @property
    def alerts(self) -> list[str]:
        sql = (
            "SELECT payload ->> '$.notices[0].values.text' AS text FROM jobs"
            " WHERE kind = 'reply' AND text IS NOT NULL AND state != 'dropped' ORDER BY id"
        )
        return [text for (text,) in self.bot.rows(sql)]


@pytest.fixture
def operator(bot: SteppedDispatcher) -> Operator:
    return Operator(bot)


@pytest.mark.parametrize("end", ["works again", "is replaced"])
def test_cookies_that_stop_working_are_told_once(operator: Operator, end: str) -> None:
    assert operator.look().level is Level.OK
    operator.try_link("a", is_refused=False)
    for name in ("b", "c"):
        operator.try_link(name, is_refused=True)
        assert operator.look().level is Level.OK
    operator.try_link("d", is_refused=True)
    found = operator.look()
    assert (found.name, found.level) == (f"cookies for {SITE}", Level.WARNING)
    assert "refused" in found.text
    operator.bot.settle()
    operator.look()
    (said,) = operator.alerts
    assert said.startswith(f"⚠ cookies for {SITE}: 1 cookie, refused for ")
    if end == "works again":
        operator.try_link("e", is_refused=False)
    else:
        operator.write("another")
    assert operator.look().level is Level.OK
    assert [text[0] for text in operator.alerts] == ["⚠", "✓"]


def test_a_session_that_the_site_has_ended_is_told_with_the_first_link(operator: Operator) -> None:
    operator.try_link("a", is_refused=False)
    operator.try_link("b", is_refused=True, is_over=True)
    assert "refused for " in operator.look().text
    assert operator.access.cookies_work_ns is None
    operator.bot.settle()
    operator.try_link("c", is_refused=True)
    operator.try_link("d", is_refused=False)
    assert operator.look().level is Level.OK
    assert [text[0] for text in operator.alerts] == ["⚠", "✓"]


def test_one_link_that_nobody_can_see_says_nothing_of_cookies(operator: Operator) -> None:
    for number in range(4):
        operator.try_link(f"ok-{number}", is_refused=False)
        assert operator.access.cookies_work_ns == operator.path.stat().st_mtime_ns
        for _ in range(4):
            operator.try_link("for-nobody", is_refused=True)
        assert operator.look().level is Level.OK
    assert operator.alerts == []


@pytest.mark.parametrize("is_new", [False, True])
def test_cookies_that_come_and_go_are_told_once(operator: Operator, is_new: bool) -> None:
    for turn in range(3):
        if is_new:
            operator.write("x" * (turn + 2))
        operator.try_link(f"ok-{turn}", is_refused=False)
        operator.look()
        for number in range(3):
            operator.try_link(f"{turn}-{number}", is_refused=True)
        assert operator.look().level is Level.WARNING
        assert operator.access.cookies_work_ns is None
        operator.bot.settle()
    operator.try_link("end", is_refused=False)
    operator.look()
    assert [text[0] for text in operator.alerts] == ["⚠", "✓"] * (3 if is_new else 1)


def test_a_session_that_is_over_is_told(operator: Operator) -> None:
    operator.write("one", expires=1)
    found = operator.look()
    assert found.level is Level.WARNING
    assert ", expired " in found.text
    operator.bot.settle()
    operator.write("one", expires=9_999_999_999)
    assert operator.look().level is Level.OK
    assert [text[0] for text in operator.alerts] == ["⚠", "✓"]


def test_what_another_version_knows_of_cookies_is_taken_as_far_as_it_is_understood(
    operator: Operator,
) -> None:
    for name in ("a", "b"):
        operator.try_link(name, is_refused=True)
    with Upkeep(ledger_path(operator.bot.settings.data_dir)) as ledger:
        (known,) = ledger.published("cookies").values()
        other = {SITE: {**known, "checked_at": 5.0}, "other.example": {"began": 1.0}}
        ledger.publish("cookies", other)
    operator.try_link("c", is_refused=True)
    assert operator.look().level is Level.WARNING
