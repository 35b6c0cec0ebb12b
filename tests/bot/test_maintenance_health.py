"""`python -m maintenance health`: what is measured, the verdicts, and the three ways to say it."""

import dataclasses
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from maintenance import measures
from maintenance.findings import HOURLY_S, Level
from maintenance.health import assess
from maintenance.measures import Measures
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import ROOT, maintenance
from tests.support.scene import Scene
from worker.clocks import Wall
from worker.ledger import Ledger, ledger_path
from worker.ledger.upkeep.upkeep import Upkeep
from worker.settings import Settings

NO_HURRY = {"DOWNLOAD_TIMEOUT": "180", "DOWNLOAD_IDLE_TIMEOUT": "180"}
"""For a download that is held while commands look at it."""


def test_real_bot_is_well_and_says_how_it_is(site: MediaSite, tmp_path: Path) -> None:
    env = {"TELEGRAM_WORKERS": "2", "DOWNLOAD_WORKERS": "1", "JOB_MAX_ATTEMPTS": "1", **NO_HURRY}
    with Scene(site, tmp_path, env) as scene:
        with site.holding("/slow/health.mp4"):
            scene.send("/slow/health.mp4?seconds=0")
            (ytdlp,) = scene.api.wait_for(lambda: scene.workers("yt-dlp"))

            def published() -> Any:
                workers = maintenance(scene.data_dir, "health", "--json").json["workers"]
                return [w for w in workers if w["state"] == "busy" and w["pool"] == "downloads"]

            (busy,) = scene.api.wait_for(published)
            answer = maintenance(scene.data_dir, "health", "--json")
            said = answer.json
            levels = {check["name"]: check["level"] for check in said["checks"]}
            # Disk, ffmpeg and the age of yt-dlp are this machine's.
            ours = {
                "bot",
                "poll",
                "queue downloads",
                "queue telegram",
                "workers downloads",
                "zombies",
            }
            assert {levels[name] for name in ours} == {"ok"}
            assert answer.code == max(
                ["ok", "warning", "critical"].index(x) for x in levels.values()
            )
            assert said["bot"]["pid"] == scene.bot.pid
            assert len([w for w in said["workers"] if w["pool"] == "telegram"]) == 2
            assert 0 < busy["memory_bytes"] < busy["memory_cap_bytes"] == 512 * 2**20
            (download,) = said["downloads"]
            assert (download["pid"], download["job"]) == (ytdlp, busy["job"])
            assert [job["id"] for job in said["running"] if job["kind"] == "download"] == [
                busy["job"]
            ]
            text = maintenance(scene.data_dir, "health", "--detailed").text
            assert re.search(rf"\n{busy['name']} +{busy['pid']} +busy ", text)
            assert "\x1b" not in text
        scene.wait_for_answers()
        scene.send("/429.mp4")
        scene.wait_for_answers(2)
        # The chat shows an answer a moment before the ledger does.
        scene.api.wait_for(
            lambda: maintenance(scene.data_dir, "health", "--json").json["failure_rate"] == 0.5
        )

        def sampled() -> Any:
            said = maintenance(scene.data_dir, "health", "--json").json
            return said if said["cpu"]["share"] is not None else None

        said = scene.api.wait_for(sampled)
        assert 0.0 < said["cpu"]["share"] <= 1.0
        assert abs(said["cpu"]["measured_at"] - time.time()) < 60.0
        assert all(worker["cpu_share"] >= 0.0 for worker in said["workers"])
        text = maintenance(scene.data_dir, "health", "--detailed").text
        assert re.search(r"\nok +cpu +[0-9]+ % of [0-9]+ processor", text)
        assert re.search(r"\nWORKER .* CPU +JOB\n", text)

        os.kill(scene.bot.pid, signal.SIGSTOP)
        try:
            stopped = maintenance(scene.data_dir, "health")
            assert stopped.code == 2
            assert re.search(r"critical +bot .* is stopped", stopped.text)
            assert re.search(r"\nok +cpu +[0-9]+ % of", stopped.text)
        finally:
            os.kill(scene.bot.pid, signal.SIGCONT)
    dead = maintenance(scene.data_dir, "health")
    assert dead.code == 2
    assert re.search(r"critical +bot +is not running", dead.text)


def test_bot_that_does_not_poll_is_said(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path) as scene:
        scene.api.wait_for(lambda: scene.ledger("SELECT 1 FROM state WHERE name = 'bot'"))
        # As if what was said last lay further back.
        taken = take(Settings(bot_token="", data_dir=scene.data_dir))
        assert {i.name: i.level for i in assess(taken)}["poll"] is not Level.CRITICAL
        later = dataclasses.replace(taken, taken_at=Wall(time.time() + 3600), bot_age_s=3600)
        (item,) = [item for item in assess(later) if item.name == "poll"]
        assert (item.level, item.alerts_every_s) == (Level.CRITICAL, HOURLY_S)
        assert "not polling" in item.text


def take(settings: Settings, zombies: int = 0) -> Measures:
    with Upkeep(ledger_path(settings.data_dir)) as ledger:
        return measures.take(settings, ledger, zombies)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    Ledger(ledger_path(tmp_path)).close()
    return Settings(bot_token="", data_dir=tmp_path)


OK, WARNING, CRITICAL = Level.OK, Level.WARNING, Level.CRITICAL


def test_colours_are_for_terminals(settings: Settings) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "maintenance", "health"]
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(settings.data_dir)}
    subprocess.run(command, cwd=ROOT, env=env, stdout=theirs, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "\x1b[31mcritical" in shown
    assert "\x1b" not in maintenance(settings.data_dir, "health").text


# -------------------------------------------------------------------------------- Prometheus

_SAMPLE = re.compile(
    r'([a-z_:][a-z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+-]+)'
)


def parse(text: str) -> dict[str, tuple[str, list[str]]]:
    """A reader of the format as strict as its specification: name to type and samples."""
    assert text.endswith("\n")
    families: dict[str, tuple[str, list[str]]] = {}
    lines = iter(text.splitlines())
    name = ""
    for line in lines:
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in families, "a family stands in one piece"
            kind = next(lines)
            assert kind.startswith(f"# TYPE {name} "), kind
            families[name] = (kind.split()[3], [])
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        kind, samples = families[name]
        part = match[1].removeprefix(name)
        assert match[1] == name + part
        assert part in ({"_bucket", "_sum", "_count"} if kind == "histogram" else {""}), line
        float(match[3])
        samples.append(part + (match[2] or ""))
    return families


def test_prometheus_reads_it(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path) as scene:
        scene.send("/clip/prometheus.mp4")
        scene.wait_for_answers()

        def text() -> Any:
            text = maintenance(scene.data_dir, "health", "--prometheus").text
            return text if "worker_memory_bytes" in text else None

        families = parse(scene.api.wait_for(text))
    for name, (kind, samples) in families.items():
        assert name.startswith("fetchbot_")
        assert kind in {"gauge", "counter", "histogram"}
        assert (kind == "counter") == name.endswith("_total"), name
        assert samples
        assert len(samples) == len(set(samples)), "no sample comes twice"
        unit = name.removesuffix("_total").rpartition("_")[2]
        assert unit not in {"ms", "mb", "kb", "minutes", "percent", "days"}
    assert '{pool="telegram",state="done"}' in families["fetchbot_jobs_ended_total"][1]
