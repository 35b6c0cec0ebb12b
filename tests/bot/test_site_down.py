"""A site that fails for everybody, through the real bot: people, health, and the way back."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.site import MediaSite
from tests.support.operator_kit import maintenance
from tests.support.scene import Scene
from worker.errors import Reason
from worker.sites import site_of_link
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

ANNA, BEN, CEM, DORA = 11, 12, 13, 14

COOL_DOWN_S = 8.0

TOLD = texts.explanation(ENGLISH, Reason.SITE_DOWN, wait_s=COOL_DOWN_S)


@pytest.fixture
def own_site() -> Iterator[MediaSite]:
    with MediaSite() as site:
        yield site


def scene_of(site: MediaSite, tmp_path: Path, **circuits: float) -> Scene:
    """Who waits for a second attempt waits longer than any of these tests."""
    env = {"IN_MAIN": "tests.support.circuit_numbers", "CIRCUITS": json.dumps(circuits)}
    return Scene(site, tmp_path, {**env, "QUEUE_RETRY_AFTER": "600"})


def fail_for_two(scene: Scene) -> None:
    """The site goes down, and five links of two people fail."""
    scene.site.is_down.set()
    for number in range(3):
        scene.send(f"/clip/anna-{number}.mp4", ANNA)
    for number in range(2):
        scene.send(f"/clip/ben-{number}.mp4", BEN)
    paths = [f"/clip/anna-{n}.mp4" for n in range(3)] + [f"/clip/ben-{n}.mp4" for n in range(2)]
    scene.api.wait_for(lambda: all(map(scene.site.hits, paths)))


def said_by_health(scene: Scene) -> Any:
    return maintenance(scene.data_dir, "health", "--json").json["sites_down"]


def wait_until(wall: float, scene: Scene) -> None:
    scene.api.wait_for(lambda: time.time() > wall)


def test_people_are_told_at_once_and_a_probe_finds_the_way_back(
    own_site: MediaSite, tmp_path: Path
) -> None:
    with scene_of(own_site, tmp_path, COOL_DOWN_S=COOL_DOWN_S) as scene:
        fail_for_two(scene)
        # Those who were to be tried again in ten minutes are told now.
        answers = scene.wait_for_answers(3, ANNA) + scene.wait_for_answers(2, BEN)
        assert {answer.text for answer in answers} == {TOLD}

        asked = len(own_site.requests)
        scene.send("/clip/cem.mp4", CEM)
        (answer,) = scene.wait_for_answers(1, CEM)
        assert answer.text == TOLD
        assert len(own_site.requests) == asked, "the site was asked although it is down"
        (down,) = scene.api.wait_for(lambda: said_by_health(scene))
        assert down["site"] == site_of_link(own_site.url)
        health = maintenance(scene.data_dir, "health").text
        (line,) = [line for line in health.splitlines() if line.split()[1] == "sites"]
        assert re.match(rf"warning +sites +1 down for everybody: {down['site']}, tried ", line)

        # The first who follows the advice is the probe; it fails, and the wait is longer.
        wait_until(down["tried_at"], scene)
        scene.send("/clip/ben-again.mp4", BEN)
        scene.api.wait_for(lambda: own_site.hits("/clip/ben-again.mp4"))
        scene.wait_for_answers(3, BEN)
        # While the probe was under way, the next try was only the shorter wait away.
        later = down["tried_at"] + 2 * COOL_DOWN_S - 1
        (again,) = scene.api.wait_for(
            lambda: [found for found in said_by_health(scene) if found["tried_at"] >= later]
        )

        own_site.is_down.clear()
        wait_until(again["tried_at"], scene)
        scene.send("/clip/dora.mp4", DORA)
        (answer,) = scene.wait_for_answers(1, DORA)
        assert answer.kind == "video"
        scene.send("/clip/cem.mp4", CEM)
        assert scene.wait_for_answers(2, CEM)[-1].kind == "video"
        scene.api.wait_for(lambda: said_by_health(scene) == [])
