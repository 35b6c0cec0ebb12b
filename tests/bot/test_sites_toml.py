"""`sites.toml` in a running bot: kept to, read again, under load too, and no fault does harm."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.web import Web
from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.site import MediaSite
from tests.support.account import Session
from tests.support.operator_kit import maintenance
from tests.support.scene import CHAT, Scene
from worker.errors import Reason
from worker.ledger.upkeep.site_cookies import REFUSALS_IN_A_ROW
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

ADMIN = 99
SECRET = "pass-word-of-a-header"
PACED = "Waiting: I may only fetch so many links an hour"
OFF = texts.explanation(ENGLISH, Reason.SITE_OFF)
FOR_MEMBERS = texts.explanation(ENGLISH, Reason.LOGIN_NEEDED)
BLOCKED = texts.explanation(ENGLISH, Reason.BLOCKED_HERE)


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A bot that lets begin one link an hour, and looks often for changes of that."""
    env = {"IN_MAIN": "tests.support.quick_schedule", "ADMINS": str(ADMIN)}
    made = Scene(site, tmp_path_factory.mktemp("bot"), env)
    made.data_dir.mkdir(exist_ok=True)
    write(made, "links_per_hour = 1")
    with made:
        made.api.say("/start", ADMIN)
        made.wait_for_answers(1, ADMIN)
        yield made
    assert SECRET not in made.bot.log


def write(scene: Scene, *lines: str) -> None:
    """As an editor does: another file takes the name."""
    new = scene.data_dir / "sites.toml.new"
    new.write_text("\n".join(('["127.0.0.1"]', *lines)))
    new.rename(scene.data_dir / "sites.toml")


def use(scene: Scene, *lines: str) -> None:
    """The same, until the bot keeps to it."""
    before = scene.bot.log.count("sites.toml has changed")
    write(scene, *lines)
    scene.api.wait_for(lambda: scene.bot.log.count("sites.toml has changed") > before)


def told_to_admin(scene: Scene, matter: str) -> str:
    """The last that the admin was told of a matter, such as "sites.toml"."""
    told = [message.text or "" for message in scene.api.chat(ADMIN) if message.from_bot]
    return next((text for text in reversed(told) if text[2:].startswith(matter)), "")


def wait_until_told(scene: Scene, mark: str, matter: str) -> str:
    """The same, once it begins with this mark."""
    scene.api.wait_for(lambda: told_to_admin(scene, matter).startswith(mark))
    return told_to_admin(scene, matter)


def test_it_is_kept_to_and_read_again(scene: Scene, site: MediaSite) -> None:
    scene.send("/clip/one.mp4")
    scene.wait_for_answers(1)
    scene.send("/clip/two.mp4")
    scene.wait_for_status(PACED)
    assert not site.hits("/clip/two.mp4")

    write(scene, "links_per_hour = 100", f'proxy = "nonsense {SECRET}"')
    fault = "line 3: proxy (not shown): allowed is "
    alert = wait_until_told(scene, "⚠", "sites.toml")
    assert fault in alert
    assert "the settings from before are still in use" in alert
    health = maintenance(scene.data_dir, "health").text
    assert any(fault in line for line in health.splitlines())
    scene.wait_for_status(PACED)

    write(scene, "off = true")
    assert scene.wait_for_answers(2)[-1].text == OFF
    wait_until_told(scene, "✓", "sites.toml")

    use(scene, f'headers = {{ X-Pass = "{SECRET}" }}')
    scene.send("/clip/two.mp4")
    assert scene.wait_for_answers(3)[-1].kind == "video"
    assert site.hits("/clip/two.mp4")
    assert [message.text for message in scene.api.chat(CHAT) if message.text].count(OFF) == 1


def test_it_is_read_again_and_again_under_load(scene: Scene, site: MediaSite) -> None:
    """Every link has its one answer, whatever stands in the file while it is on its way."""
    use(scene, "downloads = 1")
    people = range(5000, 5008)
    for person, number in itertools.product(people, range(2)):
        scene.send(f"/clip/load-{person}-{number}.mp4", person)
    path = scene.data_dir / "sites.toml"
    for number in itertools.count():
        write(scene, f'headers = {{ X-Number = "{number}" }}', f"downloads = {1 + number % 3}")
        path.write_text('["127.0.0.1"]\nheaders = { X-Nu')  # as far as a slow editor has come
        write(scene, "downloads = 0")
        answered = sum(len(scene.answers(person)) for person in people)
        if answered == 2 * len(people):
            break
        scene.api.wait_for(lambda: sum(len(scene.answers(p)) for p in people) > answered)  # noqa: B023
    for person in people:
        assert [answer.kind for answer in scene.wait_for_answers(2, person)] == ["video"] * 2
    assert number > 3, "it was read while there was something to do"
    use(scene, "downloads = 2")
    wait_until_told(scene, "✓", "sites.toml")


def test_a_session_that_ends_in_mid_life(scene: Scene, tmp_path: Path) -> None:
    """It is renewed in the file while it lives. Then people and the operator hear of its end."""
    chat, session = 6000, Session()
    cookies = session.export(tmp_path / "cookies.txt")
    use(scene, f'cookies = "{cookies}"')
    with Web() as web:
        web.otherwise = session

        def answer(number: int) -> str:
            scene.api.say(f"{web.url}/{number}.mp4", chat)
            last = scene.wait_for_answers(number, chat)[-1]
            return last.text or last.kind

        for number in (1, 2):
            assert answer(number) == "video"
            assert f"\tname\t{session.value}\n" in cookies.read_text()
        session.visits += 1
        # The first may be links that this account does not see, which others' links tell apart.
        said = [answer(number) for number in range(3, 4 + REFUSALS_IN_A_ROW)]
        assert said[:-1] == [FOR_MEMBERS] * REFUSALS_IN_A_ROW
        assert said[-1].startswith(BLOCKED.removesuffix(".")), "and the number of the error"
        alert = wait_until_told(scene, "⚠", "cookies for 127.0.0.1")
        assert "1 cookie, refused for " in alert
        assert f"export them again, and send them to the bot or replace {cookies}" in alert
        health = maintenance(scene.data_dir, "health").text
        assert "cookies for 127.0.0.1" in health
        listed = maintenance(scene.data_dir, "failed", "list").text
        assert "127.0.0.1" in listed.splitlines()[0] + listed.splitlines()[1]

        session.export(cookies)
        assert answer(4 + REFUSALS_IN_A_ROW) == "video"
        wait_until_told(scene, "✓", "cookies for 127.0.0.1")


def test_no_bot_starts_with_a_fault(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "sites.toml").write_text('["a.example"]\ndownloads = 0\n')
    with BotApi() as api:
        bot = BotProcess(api, data_dir, {})
        bot.start()
        assert bot.wait() == 78
    assert "sites.toml line 2: downloads='0': allowed is" in bot.log
