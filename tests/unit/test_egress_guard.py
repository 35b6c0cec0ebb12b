"""The egress guard's rules, address by address and link by link."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from tests.hostile.addresses import NAMES, NOT_PUBLIC, NUMERIC, PUBLIC
from worker.downloads.confinement.addresses import is_public, literal_address
from worker.downloads.confinement.egress_guard import THROUGH_THE_JUDGE, Guard, check_link
from worker.errors import Fault, JobError, Reason


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_let_through(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    check_link(f"http://{_as_host(address)}/")


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public_are_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", [*NOT_PUBLIC, *NUMERIC, *NAMES])
def test_addresses_that_are_not_public_are_refused(host: str) -> None:
    for link in (f"http://{_as_host(host)}/", f"https://{_as_host(host)}:8080/a?b=c"):
        with pytest.raises(JobError) as caught:
            check_link(link)
        assert (caught.value.reason, caught.value.fault) == (
            Reason.REFUSED_ADDRESS,
            Fault.PERMANENT,
        )


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len({*NOT_PUBLIC, *NUMERIC}) >= 60


@pytest.mark.parametrize("host", ["\0", "a\0b", "127.0.0.1\0", "\u00e9", "1\udc80", ""])
def test_what_no_resolver_reads_as_an_address_is_none(host: str) -> None:
    assert literal_address(host) is None


def _as_host(address: str) -> str:
    return f"[{address.replace('%', '%25')}]" if ":" in address else address


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("", Reason.INVALID_LINK),
        ("example.com/a", Reason.INVALID_LINK),
        ("ftp://example.com/a", Reason.INVALID_LINK),
        ("file:///etc/passwd", Reason.INVALID_LINK),
        ("javascript:alert(1)", Reason.INVALID_LINK),
        ("http://", Reason.INVALID_LINK),
        ("http://[::1", Reason.INVALID_LINK),
        ("http://example.com:99999/", Reason.INVALID_LINK),
        ("http://127.0.0.1/", Reason.REFUSED_ADDRESS),
        ("http://127.1/", Reason.REFUSED_ADDRESS),
        ("http://2130706433/", Reason.REFUSED_ADDRESS),
        ("http://0x7f000001/", Reason.REFUSED_ADDRESS),
        ("http://0177.0.0.1/", Reason.REFUSED_ADDRESS),
        ("http://0/", Reason.REFUSED_ADDRESS),
        ("http://127.0.0.1./", Reason.REFUSED_ADDRESS),
        ("http://user@169.254.169.254/latest", Reason.REFUSED_ADDRESS),
        ("http://[::1]/", Reason.REFUSED_ADDRESS),
        ("http://[::ffff:127.0.0.1]/", Reason.REFUSED_ADDRESS),
        ("http://[fe80::1%25eth0]/", Reason.REFUSED_ADDRESS),
        ("http://127.0.0.1.:80/", Reason.REFUSED_ADDRESS),
        ("http://example.com:22/", Reason.REFUSED_ADDRESS),
        ("http://example.com:25/", Reason.REFUSED_ADDRESS),
        ("http://example.com:0/", Reason.REFUSED_ADDRESS),
        ("https://example.com:1023/", Reason.REFUSED_ADDRESS),
        ("http://localhost/", Reason.REFUSED_ADDRESS),
        ("http://LOCALHOST:8080/", Reason.REFUSED_ADDRESS),
        ("http://localhost./", Reason.REFUSED_ADDRESS),
        ("http://a.localhost/", Reason.REFUSED_ADDRESS),
        ("http://metadata.google.internal/", Reason.REFUSED_ADDRESS),
        ("http://printer.local/", Reason.REFUSED_ADDRESS),
    ],
)
def test_links_are_refused_by_their_text(link: str, reason: Reason) -> None:
    with pytest.raises(JobError) as caught:
        check_link(link)
    assert (caught.value.reason, caught.value.fault) == (reason, Fault.PERMANENT)


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/a?b#c",
        "http://1.1.1.1:8080/",
        "https://[2606:4700::1]/",
        "HTTP://A.B/",
        "https://local.example.com:1024/",
        "https://metadata.example.com/",
    ],
)
def test_links_are_let_through_by_their_text(link: str) -> None:
    check_link(link)


@pytest.mark.parametrize("link", ["http://127.0.0.1:8000/", "http://localhost:8000/"])
def test_allowed_networks_are_let_through(link: str) -> None:
    check_link(link, ["127.0.0.0/8"])


def _connect(guard: Guard, family: int, address: Any) -> None:
    with socket.socket(family) as made:
        guard("socket.connect", (made, address))


PROXY = frozenset({("127.0.0.1", 40001)})


def test_a_connect_to_the_proxy_is_let_through() -> None:
    guard = Guard(PROXY)
    _connect(guard, socket.AF_INET, ("127.0.0.1", 40001))
    assert guard.refused_addresses == []


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("1.1.1.1", 443)),
        (socket.AF_INET, ("1.1.1.1", 40001)),
        (socket.AF_INET, ("10.2.0.1", 443)),
        (socket.AF_INET, ("127.0.0.1", 40002)),  # another download's
        (socket.AF_INET, ("127.0.0.2", 40001)),
        (socket.AF_INET, ("localhost", 40001)),
        (socket.AF_INET, ("example.com", 80)),  # would be resolved behind the hook's back
        (socket.AF_INET, ("", 40001)),
        (socket.AF_INET6, ("2606:4700::1", 443, 0, 0)),
        (socket.AF_INET6, ("::1", 40001, 0, 0)),
        (socket.AF_INET6, ("fe80::1%lo", 80, 0, 1)),
        (socket.AF_INET6, ("::ffff:127.0.0.1", 40001, 0, 0)),
        (socket.AF_UNIX, "/run/docker.sock"),
        (socket.AF_UNIX, b"\0abstract"),
    ],
)
def test_any_other_is_refused_and_remembered(family: int, address: Any) -> None:
    guard = Guard(PROXY)
    with pytest.raises(PermissionError):
        _connect(guard, family, address)
    assert len(guard.refused_addresses) == 1


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        (socket.AF_UNIX, socket.SOCK_STREAM),
        (socket.AF_INET, socket.SOCK_RAW),
        (socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC),
        (socket.AF_PACKET, socket.SOCK_RAW),
        (socket.AF_NETLINK, socket.SOCK_DGRAM),
        (socket.AF_VSOCK, socket.SOCK_STREAM),
        (socket.AF_INET, socket.SOCK_SEQPACKET),
    ],
)
def test_a_socket_of_another_kind_is_refused(family: int, kind: int) -> None:
    guard = Guard()
    with pytest.raises(PermissionError):
        guard("socket.__new__", (None, family, kind, 0))
    assert len(guard.refused_addresses) == 1


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, -1])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, -1])
def test_a_socket_for_the_web_is_let_through(family: int, kind: int) -> None:
    Guard()("socket.__new__", (None, family, kind, 0))


@pytest.mark.parametrize(
    "command",
    [
        ["ffmpeg", "-i", "http://example.com/a"],
        ["ffmpeg", "-i", "HLS+http://example.com/a"],
        ["ffmpeg", "-i", "concat:/etc/passwd"],
        ["ffmpeg", "-i", "tcp:1.1.1.1:80"],
        ["ffmpeg", "-i", "file:http://example.com/a"],
        ["ffmpeg", "--proxy=socks5://127.0.0.1"],
        [b"curl", b"https://example.com"],
        "curl https://example.com",
    ],
)
def test_a_program_with_a_url_is_refused(command: Any) -> None:
    guard = Guard()
    with pytest.raises(PermissionError):
        guard("subprocess.Popen", ("program", command, None, None))
    assert len(guard.refused_programs) == 1


LISTS = ["-protocol_whitelist", "file", "-format_whitelist", "mov"]


@pytest.mark.parametrize(
    "command",
    [
        ["ffmpeg", "-y", *LISTS, "-i", "file:media.mp4", "-c", "copy", "-bsf:a:0", "aac_adtstoasc"],
        ["ffmpeg", *LISTS, "-i", "file:1.mp4", *LISTS, "-i", "file:2.m4a", "file:media.temp.mp4"],
        ["ffprobe", *LISTS, "-show_streams", "file:/srv/downloads/1-1/media.mp4"],
        ["ffmpeg", "-bsfs"],
        ["deno", "run", "--ext=js", "--no-prompt", "-"],
    ],
)
def test_a_program_on_local_files_is_let_through(command: list[str]) -> None:
    Guard()("subprocess.Popen", ("program", command, None, None))


@pytest.mark.parametrize(
    "command",
    [
        ["ffmpeg", "-i", "file:media.mp4", "file:media.temp.mp4"],
        ["/usr/bin/ffmpeg", *LISTS, "-i", "file:1.mp4", "-i", "file:2.m4a", "file:media.mp4"],
        ["ffmpeg", "-protocol_whitelist", "file,crypto", "-i", "file:media.mp4", "out.mp4"],
        ["ffprobe", "-show_streams", "file:media.mp4"],
        ["ffmpeg", "-i", "-", "out.mp4"],
    ],
)
def test_ffmpeg_is_not_started_without_its_list_of_protocols(command: list[str]) -> None:
    with pytest.raises(PermissionError):
        Guard()("subprocess.Popen", (command[0], command, None, None))


FETCHING = ["ffmpeg", *THROUGH_THE_JUDGE, "-f", "concat"]


def test_ffmpeg_may_fetch_where_it_finds_the_judge_alone() -> None:
    command = [*FETCHING, "-i", "-", "-c", "copy", "-"]
    Guard(lets_ffmpeg_fetch=True)("subprocess.Popen", (command[0], command, None, None))
    with pytest.raises(PermissionError):
        Guard()("subprocess.Popen", (command[0], command, None, None))


@pytest.mark.parametrize(
    "command",
    [
        [*FETCHING, "-i", "https://a.example/", "-"],
        [*FETCHING, "-i", "-", "-i", "file:x.mp4", "-"],
        [*FETCHING, *THROUGH_THE_JUDGE, "-i", "-", "-"],
        [*FETCHING, *LISTS, "-i", "-", "-i", "file:x.mp4", "-"],
        ["ffmpeg", "-protocol_whitelist", f"{THROUGH_THE_JUDGE[1]},file", "-i", "-", "-"],
        ["ffmpeg", "-protocol_whitelist", "http", "-i", "-", "-"],
        ["curl", "http://a.example/"],
    ],
)
def test_nothing_else_may_even_there(command: list[str]) -> None:
    with pytest.raises(PermissionError):
        Guard(lets_ffmpeg_fetch=True)("subprocess.Popen", (command[0], command, None, None))
