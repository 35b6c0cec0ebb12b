"""Fairness, rates and bans through the real bot."""

from collections.abc import Iterator

import pytest

from tests.sandbox.site import MediaSite
from tests.support.scene import ONE_WORKER_EACH, Scene
from worker.protocol.notices import Notice, Refusal
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

UNANSWERED = "SELECT count(*) FROM requests WHERE user_id = ? AND answered_at IS NULL"

ADMIN, GREEDY, MODEST, OTHER = 101, 202, 303, 404


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    env = {
        **ONE_WORKER_EACH,
        "TELEGRAM_WORKERS": "2",
        "ADMINS": str(ADMIN),
        "USER_MAX_WAITING": "50",
        "USER_LINKS_PER_MINUTE": "55",
    }
    with Scene(site, tmp_path_factory.mktemp("bot"), env) as scene:
        yield scene


def downloads(scene: Scene) -> list[tuple[int, str]]:
    """Whose downloads have been started, in this order, and of what."""
    return [
        (int(user), str(url))
        for user, url in scene.ledger(
            "SELECT user_id, json_extract(payload, '$.url') FROM jobs WHERE kind = 'download'"
            " AND started_at IS NOT NULL ORDER BY started_at"
        )
    ]


def test_fifty_links_of_one_person_delay_nobody_elses_first(scene: Scene) -> None:
    for number in range(10):
        paths = [f"/clip/greedy-{number}-{i}.mp4" for i in range(5)]
        scene.api.say(" ".join(map(scene.link, paths)), GREEDY)
    scene.api.wait_for(lambda: len(downloads(scene)) >= 2)
    scene.send("/clip/modest.mp4", MODEST)
    (answer,) = scene.wait_for_answers(1, MODEST)
    assert answer.kind == "video"
    order = [user for user, _ in downloads(scene)]
    ((waiting,),) = scene.ledger(UNANSWERED, GREEDY)
    assert waiting > 25, "the other person's link came after most of the fifty"
    assert order.count(MODEST) == 1

    scene.api.block(GREEDY)
    scene.api.wait_for(lambda: scene.ledger(UNANSWERED, GREEDY) == [(0,)])


def test_banned_person_is_told_once_and_can_be_let_in_again(scene: Scene) -> None:
    person = 505
    scene.api.say(f"/ban {person}", ADMIN)
    scene.wait_for_answers(1, ADMIN)
    for name in "abc":
        scene.send(f"/clip/banned-{name}.mp4", person)
    (answer,) = scene.wait_for_answers(1, person)
    assert answer.text == texts.notice(ENGLISH, Notice(Refusal.BANNED))
    scene.api.say(f"/unban {person}", ADMIN)
    scene.wait_for_answers(2, ADMIN)
    scene.send("/clip/let-in.mp4", person)
    answers = scene.wait_for_answers(2, person)
    assert answers[-1].kind == "video"
