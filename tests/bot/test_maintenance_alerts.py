"""Alerts: two samples, one announcement, one end; never twice for a restart, never a storm."""

from pathlib import Path

from maintenance import runs
from tests.sandbox.faults import Fault
from tests.sandbox.site import MediaSite
from tests.support.ledger_kit import START
from tests.support.scene import Scene
from worker.clocks import wall_clock
from worker.ledger import ledger_path
from worker.ledger.upkeep.upkeep import Upkeep


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


def test_crash_loop_is_told_with_the_last_end(site: MediaSite, tmp_path: Path) -> None:
    admin = 99
    with Scene(site, tmp_path, {"ADMINS": str(admin), "TELEGRAM_WORKERS": "1"}) as scene:
        scene.api.say("/start", admin)
        scene.wait_for_answers(1, admin)
        scene.api.wait_for(lambda: not scene.ledger("SELECT 1 FROM jobs WHERE state = 'running'"))
        scene.bot.kill()
        with Upkeep(ledger_path(scene.data_dir)) as ledger:
            # It was killed a few times more.
            for _ in range(3):
                runs.note_start(ledger, scene.data_dir, wall_clock())
        scene.restart_after_death()
        message = scene.wait_for_answers(2, admin)[1]
        told = "⚠ starts: started 5 times in an hour, last end: not recorded"
        assert (message.text or "").startswith(told)
