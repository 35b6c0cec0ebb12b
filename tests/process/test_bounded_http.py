"""The bot's own requests end in time, however slowly a server or a proxy answers."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from maintenance.reporting import pings
from maintenance.reporting.pings import PingTarget
from tests.support.ping_receiver import receiving_pings
from worker import bounded_http

PAUSE_S = 0.1
TIMEOUT_S = 0.5


@dataclass(frozen=True)
class DrippingServer:
    """Sends the head of an answer a byte at a time, each within every timeout, until `ended`."""

    url: str
    ended: threading.Event


@pytest.fixture
def dripping() -> Iterator[DrippingServer]:
    ended = threading.Event()

    def drip(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            for byte in itertools.chain(b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(ord("x"))):
                client.sendall(bytes([byte]))
                if ended.wait(PAUSE_S):
                    return

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=drip, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield DrippingServer(f"http://127.0.0.1:{listener.getsockname()[1]}", ended)
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)


def ask(session: requests.Session, url: str, proxy: str | None = None) -> None:
    """Make a request, and wait for the head of its answer."""
    proxies = {"http": proxy, "https": proxy} if proxy else None
    with session, session.post(url, data=b"", timeout=TIMEOUT_S, proxies=proxies, stream=True):
        pass


def test_a_head_that_drips_is_not_waited_for(dripping: DrippingServer) -> None:
    with pytest.raises(requests.ReadTimeout):
        ask(bounded_http.new_session(), dripping.url)


@pytest.mark.parametrize("url", ["http://site.example/", "https://site.example/"])
def test_a_proxy_that_drips_is_not_waited_for(dripping: DrippingServer, url: str) -> None:
    with pytest.raises(requests.RequestException, match=r"(?i)timed out"):
        ask(bounded_http.new_session(), url, dripping.url)


@pytest.mark.negative
def test_requests_alone_would_wait(dripping: DrippingServer) -> None:
    waiting = threading.Thread(target=ask, args=(requests.Session(), dripping.url), daemon=True)
    waiting.start()
    waiting.join(4 * TIMEOUT_S)
    assert waiting.is_alive()
    dripping.ended.set()
    waiting.join(20)


def test_a_ping_ends_and_says_why(
    dripping: DrippingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pings, "TIMEOUT_S", TIMEOUT_S)
    assert PingTarget(dripping.url).send(is_well=True, text="ok") == "ReadTimeout"


def test_a_connection_is_used_again() -> None:
    with receiving_pings() as receiver, bounded_http.new_session() as session:
        for _ in range(3):
            with session.post(receiver.url, data=b"ok", timeout=20) as response:
                assert response.status_code == 200
        assert receiver.good == 3
