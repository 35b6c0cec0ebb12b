"""Alerts: two samples, one announcement, one end; never twice for a restart, never a storm."""

from pathlib import Path

from tests.sandbox.faults import Fault
from tests.sandbox.site import MediaSite
from tests.support.ledger_kit import START
from tests.support.scene import Scene
from worker.ledger import ledger_path
from worker.ledger.upkeep import Upkeep


def test_real_alert_reaches_the_admin_when_telegram_is_back(
    site: MediaSite, tmp_path: Path
) -> None:
    admin = 99
    with Scene(site, tmp_path, {"ADMINS": str(admin), "TELEGRAM_WORKERS": "1"}) as scene:
        scene.api.say("/start", admin)
        scene.wait_for_answers(1, admin)
        scene.bot.terminate()
        assert scene.bot.wait() == 0
        # One sample has found the disk in order again, which it was not.
        ledger = Upkeep(ledger_path(scene.data_dir))
        ledger.save_alerts(
            {"disk": {"since": 0.0, "said_at": None, "is_raised": True, "samples": 1}},
            {},
            [],
            START,
        )
        ledger.close()
        scene.api.faults.add(Fault("sendMessage", "server_error"))
        scene.bot.start()
        message = scene.wait_for_answers(2, admin)[1]
        assert (message.text or "").startswith(("✓ disk: over after", "⚠ disk"))
