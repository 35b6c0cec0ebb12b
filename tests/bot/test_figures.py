"""What one bot's log, its commands and its metrics say of the same two links."""

import json
from pathlib import Path

from tests.sandbox.site import MediaSite
from tests.support.operator_kit import maintenance
from tests.support.scene import CHAT, Scene


def test_log_commands_and_metrics_tell_of_the_same_links(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path, {"LOG_FORMAT": "json"}) as scene:
        scene.send("/clip/figures.mp4?secret=word")
        scene.wait_for_answers(1)
        scene.send("/404.mp4")
        scene.wait_for_answers(2)
        scene.wait_until_idle()

        lines = [json.loads(line) for line in scene.bot.log.splitlines()]
        assert {line["process"] for line in lines} >= {"MainProcess", "downloads-1"}
        fetched, failed = [line for line in lines if "outcome" in line]
        assert (fetched["request"], fetched["user"], fetched["outcome"]) == (1, CHAT, "media")
        assert fetched["bytes"] > 1000
        assert fetched["downloaded_s"] > 0
        assert fetched["uploaded_s"] > 0
        assert (failed["request"], failed["reason"]) == (2, "not found")
        assert "secret" not in scene.bot.log

        said = maintenance(scene.data_dir, "requests", "--json").json["requests"]
        figures = [(each["id"], each["media_bytes"], each["attempts"]) for each in said]
        assert figures == [(2, 0, 1), (1, fetched["bytes"], 1)]
        (group,) = maintenance(scene.data_dir, "stats", "--by", "user", "--json").json["groups"]
        assert (group["key"], group["media"], group["failed"]) == (str(CHAT), 1, 1)

        metrics = maintenance(scene.data_dir, "health", "--prometheus").text
        labels = 'site="127.0.0.1",outcome="sentence",reason="not found"'
        assert f"fetchbot_answers_total{{{labels}}} 1\n" in metrics
        assert f'fetchbot_media_bytes_total{{site="127.0.0.1"}} {fetched["bytes"]}\n' in metrics
        for step, links in (("waiting", 2), ("downloading", 2), ("uploading", 1)):
            bucket = f'fetchbot_answer_duration_seconds_bucket{{step="{step}",le="+Inf"}} {links}\n'
            assert bucket in metrics
