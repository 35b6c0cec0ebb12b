"""The stand-in fails where a test wants it to, and tells tests what happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.client import Client
from tests.sandbox.faults import Call, Fault, FaultKind
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client
from tests.support.sandbox_kit import send_text


@pytest.mark.parametrize(
    ("kind", "status", "has_effect"),
    [
        ("too_many_requests", 429, False),
        ("server_error", 500, False),
        ("bad_gateway", 502, False),
        ("malformed_json", 200, True),
        ("cut_before", 0, False),
        ("cut_after", 0, True),
        ("slow", 200, True),
    ],
)
def test_fault(kind: FaultKind, status: int, has_effect: bool, client: Client, api: BotApi) -> None:
    api.faults.add(Fault("sendMessage", kind, retry_after=7, seconds=0.2))
    client.do("getMe")
    started = time.monotonic()
    if kind in ("malformed_json", "bad_gateway"):
        with pytest.raises(ValueError, match="Expecting"):
            send_text(client)
    elif status == 0:
        with pytest.raises(ConnectionError):
            send_text(client)
    else:
        answer = client.call("sendMessage", chat_id=CHAT, text="a")
        assert answer.status == status
        if kind == "too_many_requests":
            assert answer.body["parameters"] == {"retry_after": 7}
        if kind == "slow":
            assert time.monotonic() - started >= 0.2
    assert bool(api.chat()) == has_effect
    assert (api.calls[-1].status, api.calls[-1].fault) == (status, kind)
    send_text(client)  # the fault was good for one call


def test_fault_for_any_method_stays_until_it_is_removed(client: Client, api: BotApi) -> None:
    fault = api.faults.add(Fault(None, "server_error", times=None))
    assert [client.call("getMe").status for _ in range(3)] == [500] * 3
    api.faults.remove(fault)
    assert client.call("getMe").status == 200
    assert fault.hits == 3


def test_hooks_run_before_and_after_the_effect(client: Client, api: BotApi) -> None:
    seen: list[tuple[str, int]] = []

    def note(stage: str) -> Callable[[Call], None]:
        return lambda call: seen.append((f"{stage} {call.params['text']}", len(api.chat())))

    api.on_call, api.on_applied = note("call"), note("applied")
    send_text(client, "a")
    assert seen == [("call a", 0), ("applied a", 1)]


def test_wait_for_tells_what_there_was_instead(client: Client, api: BotApi) -> None:
    api.say("hello")
    client.call("sendMessage", chat_id=CHAT)
    with pytest.raises(TimeoutError, match=r"user #1  hello\ncall sendMessage: 400 Bad Request"):
        api.wait_for(lambda: False, 0.05)


def test_wait_for_wakes_at_a_change(client: Client, api: BotApi) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(api.wait_for, lambda: [m for m in api.chat() if m.from_bot], 10)
        send_text(client, "here")
        assert [message.text for message in waiting.result(10)] == ["here"]
