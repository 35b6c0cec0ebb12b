"""The egress guard's rules, address by address and link by link."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from worker.downloads.guard import Guard, check_link, is_public, parse_networks
from worker.jobs import Fault, JobError, Reason


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.216.34",
        "172.15.255.255",
        "172.32.0.1",
        "192.167.255.255",
        "100.63.255.255",
        "100.128.0.1",
        "223.255.255.254",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
    ],
)
def test_public_addresses_are_let_through(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",  # compatible
        "::1.1.1.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",  # translated, RFC 2765
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1::101:101",
        "100::1",
        "2001::1",  # Teredo
        "2001:0:7f00:1::",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "2002:c0a8:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_addresses_that_are_not_public_are_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


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
        ("http://localhost/", Reason.REFUSED_ADDRESS),
        ("http://LOCALHOST:8080/", Reason.REFUSED_ADDRESS),
        ("http://localhost./", Reason.REFUSED_ADDRESS),
        ("http://a.localhost/", Reason.REFUSED_ADDRESS),
        ("http://metadata.google.internal/", Reason.REFUSED_ADDRESS),
        ("http://printer.local/", Reason.REFUSED_ADDRESS),
    ],
)
def test_the_door_refuses(link: str, reason: Reason) -> None:
    with pytest.raises(JobError) as caught:
        check_link(link)
    assert (caught.value.reason, caught.value.fault) == (reason, Fault.PERMANENT)


@pytest.mark.parametrize(
    "link",
    ["https://example.com/a?b#c", "http://1.1.1.1:8080/", "https://[2606:4700::1]/", "HTTP://A.B/"],
)
def test_the_door_lets_through(link: str) -> None:
    check_link(link)


@pytest.mark.parametrize("link", ["http://127.0.0.1:8000/", "http://localhost:8000/"])
def test_allowed_networks_are_let_through_the_door(link: str) -> None:
    check_link(link, ["127.0.0.0/8"])


def _connect(guard: Guard, family: int, address: Any) -> None:
    with socket.socket(family) as made:
        guard("socket.connect", (made, address))


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("1.1.1.1", 443)),
        (socket.AF_INET, ("10.1.2.3", 443)),  # in the allowed network
        (socket.AF_INET, ("192.168.0.9", 3128)),  # the proxy
        (socket.AF_INET6, ("2606:4700::1", 443, 0, 0)),
    ],
)
def test_a_connect_is_let_through(family: int, address: Any) -> None:
    guard = Guard(parse_networks(["10.1.0.0/16"]), frozenset({("192.168.0.9", 3128)}))
    _connect(guard, family, address)
    assert guard.refused_addresses == []


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("10.2.0.1", 443)),
        (socket.AF_INET, ("192.168.0.9", 22)),  # the proxy's host, another port
        (socket.AF_INET, ("localhost", 80)),
        (socket.AF_INET, ("example.com", 80)),  # would be resolved behind the hook's back
        (socket.AF_INET, ("", 80)),
        (socket.AF_INET6, ("::1", 80, 0, 0)),
        (socket.AF_INET6, ("fe80::1%lo", 80, 0, 1)),
        (socket.AF_INET6, ("::ffff:10.1.2.3", 80, 0, 0)),
        (socket.AF_UNIX, "/run/docker.sock"),
        (socket.AF_UNIX, b"\0abstract"),
    ],
)
def test_a_connect_is_refused_and_remembered(family: int, address: Any) -> None:
    guard = Guard(parse_networks(["10.1.0.0/16"]), frozenset({("192.168.0.9", 3128)}))
    with pytest.raises(PermissionError):
        _connect(guard, family, address)
    assert len(guard.refused_addresses) == 1


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


@pytest.mark.parametrize(
    "command",
    [
        ["ffmpeg", "-y", "-i", "file:media.mp4", "-c", "copy", "-bsf:a:0", "aac_adtstoasc"],
        ["ffmpeg", "-map", "0:v:0", "-movflags", "+faststart", "file:media.temp.mp4"],
        ["ffprobe", "-show_streams", "file:/srv/downloads/1-1/media.mp4"],
        ["deno", "run", "--ext=js", "--no-prompt", "-"],
    ],
)
def test_a_program_on_local_files_is_let_through(command: list[str]) -> None:
    Guard()("subprocess.Popen", ("program", command, None, None))
