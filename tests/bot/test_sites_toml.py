"""`sites.toml` in a running bot: kept to, read again, and no fault does harm."""

from pathlib import Path

from tests.sandbox.api import BotApi
from tests.sandbox.bot_process import BotProcess
from tests.sandbox.site import MediaSite
from tests.support.operator_kit import maintenance
from tests.support.scene import CHAT, Scene
from worker.errors import Reason
from worker.telegram import texts
from worker.telegram.texts import ENGLISH

ADMIN = 99
SECRET = "pass-word-of-a-header"
PACED = "Waiting: I get only so many links an hour"
OFF = texts.explanation(ENGLISH, Reason.SITE_OFF)


def write(scene: Scene, *lines: str) -> None:
    """As an editor does: another file takes the name."""
    new = scene.data_dir / "sites.toml.new"
    new.write_text("\n".join(('["127.0.0.1"]', *lines)))
    new.rename(scene.data_dir / "sites.toml")


def told_to_admin(scene: Scene) -> list[str]:
    return [message.text or "" for message in scene.api.chat(ADMIN) if message.from_bot]


def test_it_is_kept_to_and_read_again(site: MediaSite, tmp_path: Path) -> None:
    env = {"IN_MAIN": "tests.support.quick_schedule", "ADMINS": str(ADMIN)}
    scene = Scene(site, tmp_path, env)
    scene.data_dir.mkdir(exist_ok=True)
    write(scene, "links_per_hour = 1")
    with scene:
        scene.api.say("/start", ADMIN)
        scene.wait_for_answers(1, ADMIN)
        scene.send("/clip/one.mp4")
        scene.wait_for_answers(1)
        scene.send("/clip/two.mp4")
        scene.wait_for_status(PACED)
        assert not site.hits("/clip/two.mp4")

        write(scene, "links_per_hour = 100", f'proxy = "nonsense {SECRET}"')
        fault = "line 3: proxy (not shown): allowed is "
        scene.api.wait_for(lambda: len(told_to_admin(scene)) > 1)
        (_, alert) = told_to_admin(scene)
        assert fault in alert
        assert "the settings from before are still in use" in alert
        health = maintenance(scene.data_dir, "health").text
        assert any(fault in line for line in health.splitlines())
        scene.wait_for_status(PACED)

        write(scene, "off = true")
        assert scene.wait_for_answers(2)[-1].text == OFF
        scene.api.wait_for(lambda: told_to_admin(scene)[-1].startswith("✓ sites.toml: over"))

        write(scene, f'headers = {{ X-Pass = "{SECRET}" }}')
        scene.api.wait_for(lambda: scene.bot.log.count("sites.toml has changed") == 2)
        scene.send("/clip/two.mp4")
        assert scene.wait_for_answers(3)[-1].kind == "video"
        assert site.hits("/clip/two.mp4")
    assert SECRET not in scene.bot.log
    assert [message.text for message in scene.api.chat(CHAT) if message.text].count(OFF) == 1


def test_no_bot_starts_with_a_fault(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "sites.toml").write_text('["a.example"]\ndownloads = 0\n')
    with BotApi() as api:
        bot = BotProcess(api, data_dir, {})
        bot.start()
        assert bot.wait() == 78
    assert "sites.toml line 2: downloads='0': allowed is" in bot.log
