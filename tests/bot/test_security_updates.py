"""Updates as Telegram would never send them: nothing that is polled may stop the bot."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.web import Handler, Web, content
from tests.sandbox.site import MediaSite
from tests.support.scene import CHAT, Scene
from tests.support.updates import TOKEN, handle_all, nested, said
from tests.support.updates import without_pauses as without_pauses
from worker.dispatch.poller import Poller
from worker.dispatch.reachability import Reachability
from worker.ledger import Ledger
from worker.protocol.notices import Cancelled, Notice
from worker.telegram import texts
from worker.telegram.api_access import ApiAccess
from worker.telegram.texts import ENGLISH

pytestmark = pytest.mark.usefixtures("without_pauses")


# ------------------------------------------------------------------------------ the real poll

ANSWERS = {
    "no id": "{}",
    "an id that is nothing": '{"update_id": null}',
    "an id in words": '{"update_id": "7"}',
    "a broken id": '{"update_id": 7.5}',
    "a whole id that is none": '{"update_id": 1e18}',
    "endless id": '{"update_id": 1e999}',
    "no number": '{"update_id": NaN}',
    "yes": '{"update_id": true}',
    "below nothing": '{"update_id": -7}',
    "beyond the journal": '{"update_id": 9223372036854775807}',
    "thousands of digits": f'{{"update_id": {"9" * 5000}}}',
    "thousands of digits inside": f'{{"update_id": 7, "message": {{"date": {"9" * 5000}}}}}',
    "deep": '{"update_id": 7, "message": ' + '{"a":' * 700 + "1" + "}" * 700 + "}",
    "half a letter": '{"update_id": 7, "message": {"text": "\\ud83c"}}',
    "the same name twice": '{"update_id": 7, "message": {}, "message": 0, "update_id": 8}',
}


@pytest.mark.parametrize("update", ANSWERS.values(), ids=ANSWERS)
def test_no_update_stops_the_poll(update: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    # The second answer has what a person says, and the rest nothing; then the test has seen it.
    answers = [f"[{update}]", json.dumps([said("hello") | {"update_id": 100}])]
    with Web() as web:
        polled = Poller(
            ApiAccess(TOKEN, web.url), lambda: Ledger(path), lambda: None, Reachability()
        )

        def answer(handler: Handler) -> None:
            result = answers.pop(0) if answers else "[]"
            if result == "[]":
                polled.stop()
            content(f'{{"ok": true, "result": {result}}}', "application/json")(handler)

        web.answers[f"/bot{TOKEN}/getUpdates"] = answer
        thread = threading.Thread(target=polled.run)
        thread.start()
        thread.join(20)
        polled.stop()
        assert not thread.is_alive()
    ledger = Ledger(path)
    assert ledger.offset() == 101
    assert handle_all(ledger) in {1, 2}
    ledger.close()


# ------------------------------------------------------------------------------- the whole bot


def odd_updates() -> Iterator[dict[str, Any]]:
    """Updates that a real server could be made to send, and some that it could not."""
    values: list[Any] = [None, True, -1, 2**70, 1e300, "", "x" * 5000, [], {}, [[{}]], nested(700)]
    for value in values:
        yield {"message": value}
        yield {"callback_query": value}
        for key in ("message_id", "chat", "from", "text", "entities", "caption"):
            yield {"message": said("a.example")["message"] | {key: value}}
        for key in ("id", "from", "message", "data"):
            query = {"id": "1", "from": {"id": 7}, "message": {}, "data": "cancel:1"}
            yield {"callback_query": query | {key: value}}


def test_the_bot_serves_on_after_any_update(site: MediaSite, tmp_path: Path) -> None:
    pushed = list(odd_updates())
    with Scene(site, tmp_path) as scene:
        for update in pushed:
            assert scene.api.push(update)
        scene.send("/clip.mp4", chat_id=4711)
        (answer,) = scene.wait_for_answers(timeout_s=60)
        assert answer.media is not None
        assert scene.ledger("SELECT count(*) FROM jobs WHERE kind = 'update'") >= [(len(pushed),)]
        assert scene.ledger("SELECT count(*) FROM jobs WHERE state = 'failed'") == [(0,)]
        assert "Traceback" not in scene.bot.log
        assert "has died" not in scene.bot.log


def test_a_button_obeys_only_who_it_was_made_for(site: MediaSite, tmp_path: Path) -> None:
    with Scene(site, tmp_path) as scene:
        api = scene.api

        def notices() -> list[str]:
            made = [call for call in api.calls if call.method == "answerCallbackQuery"]
            return [call.params["text"] for call in made if call.status == 200]

        scene.send("/slow/held.mp4?seconds=600")
        api.wait_for(lambda: site.hits("/slow/held.mp4"))
        status = api.wait_for(lambda: [m for m in api.chat(CHAT) if m.is_under_way])[0]
        for stranger in (1, 2, 3):
            api.press(CHAT, status.message_id, "Cancel", user_id=CHAT + stranger)
        api.wait_for(lambda: len(notices()) == 3)
        assert set(notices()) == {texts.notice(ENGLISH, Notice(Cancelled.NOT_YOURS))}
        assert scene.answers() == []
        api.press(CHAT, status.message_id, "Cancel", user_id=CHAT)
        scene.wait_for_answers(1)
        assert api.wait_for(lambda: texts.notice(ENGLISH, Notice(Cancelled.DONE)) in notices())
