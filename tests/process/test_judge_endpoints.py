"""What the operator lists for plugins: the judge lets them connect to exactly that."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.judge_clients import Site, connect, reply_to
from tests.support.judges import judge
from tests.support.tunnel_proxy import TunnelProxy
from worker.downloads.judge.client import JudgeClient
from worker.downloads.judge.rules import Judgement, Rules
from worker.downloads.judge.socks import SocksReply
from worker.errors import Fault, JobError, Reason

PLUGIN = {"username": "plugin"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with contextlib.closing(Site()) as made:
        yield made


@pytest.fixture(scope="module")
def other() -> Iterator[Site]:
    with contextlib.closing(Site()) as made:
        yield made


@pytest.fixture(scope="module", params=[False, True], ids=["by itself", "with a proxy"])
def way(request: pytest.FixtureRequest, site: Site) -> Iterator[JudgeClient]:
    endpoints = (("127.0.0.1", site.port), ("provider.internal", site.port))
    with TunnelProxy({}) as proxy:
        setting = f"http://127.0.0.1:{proxy.port}" if request.param else None
        rules = Rules(("127.0.0.9/32",), endpoints, proxy=setting)
        with judge(rules, prepare=with_a_name) as made, JudgeClient(made.address) as opened:
            yield opened
            assert not proxy.heads, "no proxy is asked for what is on this machine"


def with_a_name() -> None:
    """Put a name into the judge's resolver."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        is_named = host.lower() == "provider.internal"
        return real("127.0.0.1" if is_named else host, *args, **options)

    vars(socket)["getaddrinfo"] = getaddrinfo


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "provider.internal", "Provider.Internal"])
def test_a_plugin_connects_to_what_is_listed(way: JudgeClient, site: Site, host: str) -> None:
    with connect(way, host, site.port, **PLUGIN) as client, site.accept() as server:
        client.sendall(b"question")
        assert server.recv(100) == b"question"
        server.sendall(b"answer")
        assert client.recv(100) == b"answer"


def test_a_plugin_connects_to_nothing_else(way: JudgeClient, site: Site, other: Site) -> None:
    for host, port in [
        ("127.0.0.1", other.port),
        ("127.0.0.2", site.port),
        ("127.0.0.9", site.port),
        ("localhost", site.port),
        ("::1", site.port),
        ("8.8.8.8", 443),
        ("example.com", 443),
    ]:
        assert reply_to(way, host, port, **PLUGIN) == SocksReply.NOT_ALLOWED, (host, port)
    assert not other.was_reached
    error = JobError(Reason.SITE_ERROR, Fault.RETRYABLE)
    assert way.explained(error) is error, "the link is not to blame"


@pytest.mark.parametrize("host", ["127.0.0.1", "provider.internal"])
def test_who_is_no_plugin_does_not_reach_it(way: JudgeClient, site: Site, host: str) -> None:
    """Such as a page that leads there."""
    assert reply_to(way, host, site.port) == SocksReply.NOT_ALLOWED
    assert not site.was_reached


def list_everything() -> None:
    Judgement.is_endpoint = lambda self, host, port: True  # type: ignore[method-assign]


@pytest.mark.negative
def test_without_the_list_a_plugin_connects_anywhere(other: Site) -> None:
    with judge(Rules(), prepare=list_everything) as weak, JudgeClient(weak.address) as way:
        assert reply_to(way, "127.0.0.1", other.port, **PLUGIN) == SocksReply.DONE
    assert other.was_reached
