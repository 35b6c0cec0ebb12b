"""Health: what is measured, and what is made of it."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from maintenance import measures, published
from maintenance.findings import DAILY_S, Level, worst
from maintenance.health import assess
from maintenance.measures import MeasuredJudge, MeasuredWorker, Measures, RunningDownload
from tests.support.ledger_kit import make_empty_ledger
from tests.support.operator_kit import nobody_at_work
from worker.clocks import Wall
from worker.downloads.confinement.network import Network
from worker.errors import Reason, Remedy
from worker.ledger import DOWNLOADS, ledger_path
from worker.ledger.upkeep.statistics import QueueStatistics
from worker.ledger.upkeep.upkeep import Upkeep
from worker.processes import process_table
from worker.settings import Settings


def take(settings: Settings, zombies: int = 0) -> Measures:
    with Upkeep(ledger_path(settings.data_dir)) as ledger:
        return measures.take(settings, ledger, zombies)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_empty_ledger(ledger_path(tmp_path))
    return Settings(bot_token="", data_dir=tmp_path)


@pytest.fixture
def well(settings: Settings) -> Measures:
    """A bot to which nothing is the matter."""
    taken = take(settings)
    return dataclasses.replace(
        taken,
        bot_pid=1,
        published_at=taken.taken_at,
        polled_at=taken.taken_at,
        disk_free_bytes=50 * GB,
        disk_total_bytes=100 * GB,
        disk_free_files=None,
        answer_bytes=GB,
        ytdlp="2026.10.26",
        ytdlp_age_days=10,
        upgrade_trouble=None,
        sites_trouble=None,
        sites_down_until={},
        sites_full={},
        missing_ffmpeg=(),
        landlock_abi=7,
        landlock_shortcoming="",
        network=Network.NAMESPACE,
    )


GB = 1_000_000_000
A_DOWNLOAD = (RunningDownload(4711, 1, 10.0, 50_000_000),)
CONFINEMENT = {"landlock_abi": 4, "shortcoming": "of the bot", "network": "landlock"}
OURS = {"landlock_abi": 7, "shortcoming": "", "network": "namespace"}


@pytest.mark.parametrize(
    ("runs", "document", "expected"),
    [
        (True, {"confinement": CONFINEMENT}, CONFINEMENT),
        (True, {}, OURS),
        (True, None, OURS),
        (False, {"confinement": CONFINEMENT}, OURS),
    ],
)
def test_what_confines_downloads_is_what_the_running_bot_says(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    runs: bool,
    document: dict[str, Any] | None,
    expected: dict[str, Any],
) -> None:
    me = process_table.identify(os.getpid())
    assert me
    monkeypatch.setattr(measures, "running_bot", lambda _: me if runs else None)
    monkeypatch.setattr(published, "describe_confinement", lambda: OURS)
    if document is not None:
        with Upkeep(ledger_path(settings.data_dir)) as ledger:
            ledger.publish(published.BOT, {"pid": me.pid, "started": me.started, **document})
    taken = take(settings)
    assert expected == {
        "landlock_abi": taken.landlock_abi,
        "shortcoming": taken.landlock_shortcoming,
        "network": taken.network,
    }


def test_the_bot_says_what_confines_its_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "describe_confinement", lambda: CONFINEMENT)
    assert published.describe_bot(nobody_at_work())["confinement"] == CONFINEMENT


def a_worker(memory_mb: int, state: str = "idle") -> MeasuredWorker:
    return MeasuredWorker("telegram", "telegram-1", 1, state, 5.0, 0, None, memory_mb, 100)


def figures(**values: Any) -> Any:
    def change(taken: Measures) -> Measures:
        statistics = dataclasses.replace(taken.statistics, **values)
        return dataclasses.replace(taken, statistics=statistics)

    return change


def replaced(**values: Any) -> Any:
    return lambda taken: dataclasses.replace(taken, **values)


def trouble(links: int) -> dict[tuple[str, Reason], int]:
    return {("site.example", Reason.NETWORK): links}


def waiting(number: int) -> Any:
    return figures(queues={"downloads": QueueStatistics(number, 1.0)})


OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL


@pytest.mark.parametrize(
    ("change", "name", "level", "alerts"),
    [
        (waiting(100), "queue downloads", OK, False),
        (waiting(101), "queue downloads", WARNING, False),
        (waiting(200), "queue downloads", WARNING, False),
        (waiting(201), "queue downloads", CRITICAL, True),
        (figures(failed=trouble(2), answers=2), "failures", OK, False),
        (figures(failed=trouble(5), answers=100), "failures", OK, False),
        (figures(failed=trouble(6), answers=100), "failures", WARNING, False),
        (figures(failed=trouble(10), answers=100), "failures", WARNING, False),
        (figures(failed=trouble(11), answers=100), "failures", CRITICAL, True),
        (replaced(workers=(a_worker(80),)), "memory", OK, False),
        (replaced(workers=(a_worker(81),)), "memory", CRITICAL, True),
        (replaced(disk_free_bytes=13 * GB), "disk", OK, False),
        (replaced(disk_free_bytes=11 * GB), "disk", CRITICAL, True),
        (replaced(disk_free_bytes=11 * GB, downloads=A_DOWNLOAD), "disk", OK, False),
        (replaced(disk_free_bytes=9 * GB, downloads=A_DOWNLOAD), "disk", CRITICAL, True),
        (replaced(disk_free_bytes=GB, disk_total_bytes=8 * GB), "disk", CRITICAL, True),
        (replaced(disk_free_files=1000), "disk", OK, False),
        (replaced(disk_free_files=999), "disk", CRITICAL, True),
        (replaced(zombies=1), "zombies", CRITICAL, True),
        (replaced(bot_pid=None), "bot", CRITICAL, True),
        (replaced(published_at=0.0), "bot", CRITICAL, True),
        (replaced(polled_at=0.0), "poll", CRITICAL, True),
        (replaced(polled_at=None), "poll", WARNING, False),
        (replaced(polled_at=None, bot_age_s=100.0), "poll", CRITICAL, True),
        (
            replaced(pool_sizes={"telegram": 4}, troubles={"telegram": "Traceback:\nno memory"}),
            "workers telegram",
            CRITICAL,
            True,
        ),
        (
            replaced(pool_sizes={"telegram": 4}, workers=(a_worker(1, "stopped"),)),
            "workers telegram",
            WARNING,
            False,
        ),
        (replaced(missing_ffmpeg=("ffprobe",)), "ffmpeg", WARNING, True),
        (replaced(ytdlp=None), "yt-dlp", CRITICAL, True),
        (replaced(ytdlp="2025.01.01"), "yt-dlp", CRITICAL, True),
        (replaced(ytdlp_age_days=181), "yt-dlp", WARNING, False),
        (replaced(upgrade_trouble="the new one is broken"), "upgrade", WARNING, True),
        (figures(outdated={"site.example": 1}), "yt-dlp", WARNING, True),
        (replaced(sites_trouble="sites.toml line 3: no"), "sites.toml", WARNING, True),
        (figures(refused=1), "telegram", WARNING, False),
        (figures(paused_since=0.0), "pause", WARNING, False),
        (replaced(sites_down_until={"site.example": Wall(0.0)}), "sites", WARNING, True),
        (figures(blocked={"site.example": 3}), "blocked by others", WARNING, True),
        (
            figures(blocked={"x.com": 1}, remedies={"b.example": Remedy.PACE}),
            "blocked by x.com",
            WARNING,
            True,
        ),
        (replaced(js_runtime=None), "javascript", WARNING, False),
        (replaced(landlock_abi=2, landlock_shortcoming="signals are not"), "landlock", OK, False),
        (replaced(landlock_abi=0, landlock_shortcoming="not offered"), "landlock", WARNING, False),
        (replaced(network=Network.LANDLOCK), "network", OK, False),
        (replaced(network=Network.NONE), "network", OK, False),
        (replaced(load=99.0), "load", OK, False),
        (replaced(cpu_share=1.0, cpu_at=0.0), "cpu", OK, False),
    ],
)
def test_verdict(well: Measures, change: Any, name: str, level: Level, alerts: bool) -> None:
    assert worst(assess(well)) is Level.OK, assess(well)
    items = {item.name: item for item in assess(change(well))}
    assert (items[name].level, items[name].alerts_every_s is not None) == (level, alerts)
    assert worst(items.values()) is level


@pytest.mark.parametrize(("ago_s", "level"), [(40.0, CRITICAL), (3599.0, CRITICAL), (3600.0, OK)])
def test_a_job_that_found_no_room_is_the_operators(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, well: Measures, ago_s: float, level: Level
) -> None:
    me = process_table.identify(os.getpid())
    monkeypatch.setattr(measures, "running_bot", lambda _: me)
    bot = nobody_at_work()
    monkeypatch.setattr(type(bot), "no_room_at", Wall(well.taken_at - ago_s))
    with Upkeep(ledger_path(settings.data_dir)) as ledger:
        ledger.publish(published.BOT, published.describe_bot(bot))
    found_at = take(settings).no_room_at
    assert found_at == well.taken_at - ago_s
    (item,) = [i for i in assess(replaced(no_room_at=found_at)(well)) if i.name == "disk"]
    assert item.level is level
    if level is CRITICAL:
        assert "but a job found no room " in item.text


def test_sites_that_are_down_are_named_with_their_next_try(well: Measures) -> None:
    now = well.taken_at
    down = {"b.example": Wall(now + 240), "a.example": Wall(now - 1)}
    (item,) = [i for i in assess(replaced(sites_down_until=down)(well)) if i.name == "sites"]
    assert item.text == (
        "2 down for everybody: a.example, tried with its next link; b.example, tried again in 4m00s"
    )


def test_of_many_sites_that_are_down_the_known_ones_are_named_first(well: Measures) -> None:
    now = well.taken_at
    down = {f"evil.example:{port}": Wall(now - port) for port in range(500)}
    taken = replaced(sites_down_until=down | {"x.com": Wall(now + 240)})(well)
    (item,) = [each for each in assess(taken) if each.name == "sites"]
    assert item.text.startswith("501 down for everybody: x.com, tried again in 4m00s; evil")
    assert item.text.endswith("; and 498 more")


@pytest.mark.parametrize(
    ("paced", "level", "said"),
    [
        ({}, CRITICAL, ""),
        ({"a.example": 9}, CRITICAL, "; 9 of them for the pace of a.example (links_per_hour)"),
        ({"a.example": 10}, WARNING, "; 10 of them for the pace of a.example (links_per_hour)"),
        ({"a.example": 110}, OK, "; 110 of them for the pace of a.example (links_per_hour)"),
        (
            {"a.example": 100, "b.example": 6, "c.example": 2, "d.example": 1, "e.example": 1},
            OK,
            (
                "; 100 of them for the pace of a.example (links_per_hour),"
                " 6 of them for the pace of b.example (downloads),"
                " 2 of them for the pace of c.example (downloads), 2 for that of other sites"
            ),
        ),
    ],
)
def test_links_that_wait_for_a_pace_are_named_and_not_judged(
    well: Measures, paced: dict[str, int], level: Level, said: str
) -> None:
    full = dict.fromkeys(paced, "downloads") | {"a.example": "links_per_hour"}
    queues = {"downloads": QueueStatistics(210, 3000.0), "telegram": QueueStatistics(100, 1.0)}
    taken = figures(queues=queues, paced=paced)(replaced(sites_full=full)(well))
    items = {item.name: item for item in assess(taken)}
    assert items["queue downloads"].level is level
    assert items["queue downloads"].text == f"210 jobs waiting, the oldest for 50m00s{said}"
    assert items["queue telegram"].text == "100 jobs waiting, the oldest for 1s"


def test_failures_name_sites_and_reasons(well: Measures) -> None:
    failed = {
        ("a.example", Reason.NETWORK): 9,
        ("b.example", Reason.TIMED_OUT): 2,
        ("a.example", Reason.CRASHED): 1,
        ("c.example", Reason.CRASHED): 1,
    }
    change = figures(failed=failed, answers=26)
    (item,) = [i for i in assess(change(well)) if i.name == "failures"]
    assert item.text == (
        "13 of 26 links in the last hour, 50 %: 9 network at a.example, 2 timed out at b.example,"
        " 1 crashed at a.example; python -m maintenance failed list"
    )


def test_sites_that_want_another_ytdlp_are_named(well: Measures) -> None:
    sites = {"a.example": 9, "b.example": 4, "c.example": 2, "d.example": 1}
    (item,) = [i for i in assess(figures(outdated=sites)(well)) if i.name == "yt-dlp"]
    assert item.text.endswith(
        "; 16 failures ask for an update: 9 at a.example, 4 at b.example, 2 at c.example"
    )


def test_cpu_is_shown_with_its_age_if_it_is_old(well: Measures) -> None:
    def text(age_s: float) -> str:
        change = replaced(cpu_share=0.314, cpu_at=well.taken_at - age_s, cpus=2)
        (cpu,) = [found.text for found in assess(change(well)) if found.name == "cpu"]
        return cpu

    assert text(15) == "31 % of 2 processors"
    assert text(300) == "31 % of 2 processors, 5m00s ago"


def test_peak_is_never_below_what_is_used_now(well: Measures) -> None:
    taken = dataclasses.replace(well, workers=(a_worker(29),), memory_peak_share=0.0)
    (memory,) = [item.text for item in assess(taken) if item.name == "memory"]
    assert memory.endswith("29 % (peak 29 %)")


@pytest.mark.parametrize(
    ("remedy", "said"),
    [
        (Remedy.COOKIES, "give it cookies"),
        (Remedy.NEW_COOKIES, "export them again"),
        (Remedy.ADDRESS, "(DOWNLOAD_PROXY, "),
        (Remedy.PACE, "links_per_hour"),
        (Remedy.SOFTWARE, "pip install -U"),
        (None, "a newer yt-dlp"),
    ],
)
def test_operator_is_told_what_to_do_for_a_site(
    well: Measures, remedy: Remedy | None, said: str
) -> None:
    remedies = dict.fromkeys(("x.com", "site.example"), remedy) if remedy else {}
    blocked = figures(blocked={"site.example": 2, "x.com": 1}, remedies=remedies)(well)
    for name in ("blocked by x.com", "blocked by others"):
        (finding,) = [each for each in assess(blocked) if each.name == name]
        assert said in finding.text
        assert finding.alerts_every_s == DAILY_S


def test_one_servers_many_ports_are_one_finding(well: Measures) -> None:
    named = {"m.mine.example": 5, "mine.example": 2, "youtube.com": 2}
    strange = {"a.example": 7, **{f"evil.example:{port}": 1 for port in range(500)}}
    taken = figures(blocked={**strange, **named}, remedies={"a.example": Remedy.COOKIES})(well)
    found = assess(replaced(sites_named=frozenset({"mine.example"}))(taken))
    texts = {each.name: each.text for each in found if each.name.startswith("blocked")}
    assert sorted(texts) == [
        "blocked by mine.example",
        "blocked by others",
        "blocked by youtube.com",
    ]
    assert texts["blocked by mine.example"].startswith("turned away 7 links")
    text = texts["blocked by others"]
    assert text.startswith(
        "turned away 507 links in the last day, for reasons not their own:"
        " 7 at a.example, it asks for an account"
    )
    assert "; 1 at evil.example:0, it may want" in text
    assert text.endswith("; 498 at other sites; python -m maintenance failed list")


@pytest.mark.parametrize(
    ("on_disk", "in_use", "cannot_start", "level", "begins"),
    [
        ("2026.10.26", "2026.10.26", False, OK, "2026.10.26, 10 days old"),
        ("2026.10.26", "2026.8.19", False, OK, "2026.8.19 in use, on disk 2026.10.26"),
        ("2026.10.26", None, False, OK, "2026.10.26"),
        ("2026.10.26", None, True, CRITICAL, "none in use, on disk 2026.10.26"),
        (None, None, True, CRITICAL, "cannot be imported"),
    ],
)
def test_ytdlp_in_use_is_shown_beside_the_one_on_disk(
    well: Measures,
    on_disk: str | None,
    in_use: str | None,
    cannot_start: bool,
    level: Level,
    begins: str,
) -> None:
    troubles = {DOWNLOADS: "EOFError"} if cannot_start else {}
    taken = dataclasses.replace(well, ytdlp=on_disk, ytdlp_in_use=in_use, troubles=troubles)
    (found,) = [found for found in assess(taken) if found.name == "yt-dlp"]
    assert found.level is level
    assert found.text.startswith(begins)


@pytest.mark.parametrize(
    ("judge", "level", "begins"),
    [
        (MeasuredJudge(321, 60.0, 5_000_000), OK, "runs as 321 for 1m00s, 4.8 MB"),
        (MeasuredJudge(), WARNING, "has ended"),
        (
            MeasuredJudge(trouble="it ended with 1"),
            CRITICAL,
            "cannot start or stay up: it ended with 1",
        ),
    ],
)
def test_the_judge_is_shown(
    well: Measures, judge: MeasuredJudge, level: Level, begins: str
) -> None:
    found = assess(dataclasses.replace(well, judge=judge))
    (shown,) = [finding for finding in found if finding.name == "judge"]
    assert shown.level is level
    assert shown.text.startswith(begins)
