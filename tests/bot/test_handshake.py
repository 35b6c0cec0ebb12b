"""A site that answers browsers alone, through the whole bot."""

from pathlib import Path

import pytest

from tests.sandbox import trusting_bot
from tests.sandbox.site import MediaSite
from tests.support.instagram import INSTAGRAM, LINK, Instagram
from tests.support.scene import CHAT, ONE_WORKER_EACH, Scene
from worker.downloads.confinement import network
from worker.downloads.confinement.network import Network


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.skipif(network.active() is Network.NONE, reason="nothing confines native code here")
def test_a_reel_is_answered_without_a_login(site: MediaSite, tmp_path: Path) -> None:
    with Instagram(tmp_path) as instagram:
        env = {"PROXY": instagram.proxy, "SSL_CERT_FILE": str(instagram.certificate)}
        script = Path(trusting_bot.__file__)
        with Scene(site, tmp_path, {**env, **ONE_WORKER_EACH}, script=script) as scene:
            scene.api.say(LINK, CHAT)
            (answer,) = scene.wait_for_answers(1)
    assert "Ada" in str(answer)
    assert instagram.turned_away == []
    assert f"{INSTAGRAM}/api/graphql" in instagram.requests
