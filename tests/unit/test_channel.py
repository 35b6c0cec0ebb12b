"""The parent's end of a worker's pipe: whole messages, never a wait, never more than a bound."""

import multiprocessing
import os
import struct
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from worker.pool import channel as channel_module
from worker.pool.channel import MAX_MESSAGE_BYTES, Channel, wait_ready

Ends = tuple[Channel, Connection]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Our end, and the worker's."""
    ours, theirs = multiprocessing.Pipe()
    channel = Channel(ours)
    yield channel, theirs
    channel.close()
    theirs.close()


def drain(channel: Channel) -> list[bytes]:
    """Read as often as an owner would until nothing more comes."""
    messages: list[bytes] = []
    while new := channel.receive():
        messages += new
    return messages


@pytest.mark.parametrize("message", [b"", b"x", bytes(16_384), bytes(100_000)])
def test_both_ends_speak_the_same_framing(ends: Ends, message: bytes) -> None:
    channel, theirs = ends
    theirs.send_bytes(message)
    assert channel.receive() == [message]
    channel.send(message)
    assert theirs.recv_bytes() == message


def test_long_framing_is_understood(ends: Ends) -> None:
    channel, theirs = ends
    os.write(theirs.fileno(), struct.pack("!iQ", -1, 3))
    assert channel.receive() == []
    os.write(theirs.fileno(), b"abc")
    assert channel.receive() == [b"abc"]


def test_message_that_comes_byte_by_byte_comes_once(ends: Ends) -> None:
    channel, theirs = ends
    counts = []
    for byte in struct.pack("!i", 3) + b"abc" + struct.pack("!i", 1) + b"d":
        os.write(theirs.fileno(), bytes([byte]))
        counts.append(len(channel.receive()))
    assert counts == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]


def test_half_a_message_from_a_dead_worker_is_no_message(ends: Ends) -> None:
    channel, theirs = ends
    theirs.send_bytes(b"whole")
    os.write(theirs.fileno(), struct.pack("!i", 1000) + b"half")
    theirs.close()
    assert drain(channel) == [b"whole"]
    channel.receive()
    assert channel.is_closed


def test_more_than_the_pipe_takes_is_kept_and_sent_later(ends: Ends) -> None:
    channel, theirs = ends
    message = os.urandom(3_000_000)
    channel.send(message)
    assert channel.has_unsent
    received = bytearray()
    while len(received) < len(message) + 4:
        received += os.read(theirs.fileno(), 1 << 20)
        channel.flush()
    assert received[4:] == message
    assert not channel.has_unsent


def test_reader_that_is_gone_ends_the_sending_and_not_the_reading(ends: Ends) -> None:
    channel, theirs = ends
    theirs.send_bytes(b"last word")
    theirs.close()
    channel.send(bytes(1_000_000))
    assert not channel.has_unsent
    assert drain(channel) == [b"last word"]


def test_flood_is_read_in_turns(ends: Ends) -> None:
    channel, _ = ends
    turns: list[bytes] = []
    message = struct.pack("!i", 60) + bytes(60)

    def refill(*_arguments: object) -> bytes:
        turns.append(b"")
        return message * (channel_module._CHUNK_BYTES // len(message))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "read", refill)
        channel.receive()
    assert len(turns) == channel_module._CHUNKS_PER_CALL


@pytest.mark.parametrize(
    "head",
    [
        struct.pack("!i", MAX_MESSAGE_BYTES + 1),
        struct.pack("!iQ", -1, MAX_MESSAGE_BYTES + 1),
        struct.pack("!iQ", -1, 2**64 - 1),
        struct.pack("!i", -2),
    ],
    ids=["too long", "too long, long framing", "longest", "negative"],
)
def test_length_that_no_message_has_closes_the_channel(ends: Ends, head: bytes) -> None:
    channel, theirs = ends
    theirs.send_bytes(b"before")
    os.write(theirs.fileno(), head)
    assert drain(channel) == [b"before"]
    assert channel.is_closed
    assert fill(channel, theirs) == 0


@pytest.mark.negative
def test_without_the_bound_a_worker_fills_our_memory(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_module, "MAX_MESSAGE_BYTES", 2**64)
    channel, theirs = ends
    os.write(theirs.fileno(), struct.pack("!i", MAX_MESSAGE_BYTES + 1))
    assert channel.receive() == []
    assert fill(channel, theirs) > 1_000_000


def fill(channel: Channel, theirs: Connection) -> int:
    """Let the worker write 2 MB if it can; how much of them we hold."""
    os.set_blocking(theirs.fileno(), False)
    held = len(channel._incoming)
    for _ in range(40):
        try:
            os.write(theirs.fileno(), bytes(50_000))
        except BlockingIOError:
            break
        channel.receive()
    return len(channel._incoming) - held


def test_closed_channel_is_silent(ends: Ends) -> None:
    channel, _ = ends
    channel.close()
    channel.close()
    channel.send(b"nobody hears it")
    channel.flush()
    assert channel.receive() == []
    assert not channel.has_unsent


def test_wait_ends_when_something_is_ready_and_takes_any_time_out(ends: Ends) -> None:
    channel, theirs = ends
    theirs.send_bytes(b"x")
    wait_ready([channel], [], float("inf"))
    wait_ready([], [channel], 1e30)
    wait_ready([theirs.fileno()], [], -5)
