"""Which pieces of a live stream are fetched, when, and until when."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.aes import aes_cbc_encrypt
from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import TransportError

from worker.clocks import Monotonic
from worker.downloads.media.recorded import RecordedTrack, tracks
from worker.downloads.ytdlp import recording
from worker.downloads.ytdlp.recording import LiveSource, NoMoreRoom, Recording
from worker.downloads.ytdlp.transfer import hls
from worker.errors import Fault, JobError, Reason
from worker.protocol import Progress, Stage

SITE = "https://site.example"
PLAYLIST = f"{SITE}/live/list.m3u8"
MINUTE_S = 60.0
ROOM = 1_000_000


@pytest.fixture(autouse=True)
def _in_own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Response:
    def __init__(self, url: str, data: bytes, headers: dict[str, str]) -> None:
        self.url, self.headers, self._data = url, headers, data

    def read(self, size: int | None = None) -> bytes:
        end = len(self._data) if size is None else size
        data, self._data = self._data[:end], self._data[end:]
        return data


class Ydl:
    """A site: what is at each address, or what goes wrong there; `asked` are the requests."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def request_for(self, media: Any, **headers: str) -> Request:
        return Request(media["url"], headers=headers)

    def urlopen(self, request: Request) -> Response:
        where = request.headers.get("Range", "")
        self.asked.append(request.url + where)
        answer = self.answers[request.url]
        if isinstance(answer, Exception):
            raise answer
        return Response(request.url, answer, {"Content-Range": where} if where else {})


def playlist(*numbers: int, tags: str = "", end: bool = False) -> bytes:
    """A playlist with these pieces of two seconds."""
    pieces = "".join(f"#EXTINF:2,\n{number}.ts\n" for number in numbers)
    last = "#EXT-X-ENDLIST\n" if end else ""
    head = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{numbers[0]}\n{tags}"
    return f"{head}{pieces}{last}".encode()


def site(*numbers: int, **more: Any) -> Ydl:
    pieces = {f"{SITE}/live/{number}.ts": f"<{number}>".encode() for number in range(1, 20)}
    return Ydl({PLAYLIST: playlist(*numbers, **more), **pieces})


def source(ydl: Ydl, number: int = 0, wanted_s: float = MINUTE_S) -> LiveSource:
    return LiveSource(ydl, {"url": PLAYLIST}, RecordedTrack(number), wanted_s)  # type: ignore[arg-type]


def written(track: RecordedTrack) -> bytes:
    return track.path.read_bytes()


# ------------------------------------------------------------------------- which pieces


def test_it_begins_with_the_last_piece_and_takes_each_once_and_in_order() -> None:
    ydl = site(1, 2, 3)
    stream = source(ydl)
    stream.step(ROOM, Monotonic(0.0))
    ydl.answers[PLAYLIST] = playlist(2, 3, 4, 5)
    stream.step(ROOM, Monotonic(2.0))
    stream.step(ROOM, Monotonic(4.0))
    assert written(stream.track) == b"<3><4><5>"
    assert (stream.track.length_s, stream.is_done) == (6.0, False)


def test_after_something_new_it_waits_for_as_long_as_a_piece_lasts() -> None:
    ydl = site(1)
    stream = source(ydl)
    stream.step(ROOM, Monotonic(10.0))
    assert stream.next_at == 12.0
    stream.step(ROOM, Monotonic(12.0))
    assert stream.next_at == 13.0


def test_a_site_that_turns_it_away_is_asked_less_and_less() -> None:
    ydl = site(1)
    stream = source(ydl)
    waits = []
    ydl.answers[PLAYLIST] = TransportError("too many requests")
    for _ in range(6):
        with pytest.raises(TransportError):
            stream.step(ROOM, Monotonic(0.0))
        waits.append(stream.next_at)
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 2.0, 2.0])
    ydl.answers[PLAYLIST] = playlist(1)
    stream.step(ROOM, Monotonic(0.0))
    ydl.answers[PLAYLIST] = TransportError("once more")
    with pytest.raises(TransportError):
        stream.step(ROOM, Monotonic(0.0))
    assert stream.next_at == pytest.approx(0.2)


def test_it_is_done_with_enough_or_at_the_end() -> None:
    ydl = site(1)
    stream = source(ydl, wanted_s=6.0)
    stream.step(ROOM, Monotonic(0.0))
    ydl.answers[PLAYLIST] = playlist(1, 2, 3, 4, 5)
    stream.step(ROOM, Monotonic(2.0))
    assert (written(stream.track), stream.is_done) == (b"<1><2><3>", True)
    ended = source(site(1, end=True), number=1)
    ended.step(ROOM, Monotonic(0.0))
    assert ended.is_done
    assert ended.track.has_ended


def test_a_stream_that_begins_anew_goes_on_with_its_last_piece() -> None:
    ydl = site(10)
    ydl.answers[PLAYLIST] = playlist(1000)
    ydl.answers[f"{SITE}/live/1000.ts"] = b"<1000>"
    stream = source(ydl)
    stream.step(ROOM, Monotonic(0.0))
    ydl.answers[PLAYLIST] = playlist(1, 2)
    stream.step(ROOM, Monotonic(2.0))
    assert written(stream.track) == b"<1000><2>"


def test_a_piece_that_cannot_be_had_is_a_gap_after_three_tries() -> None:
    ydl = site(1)
    stream = source(ydl)
    stream.step(ROOM, Monotonic(0.0))
    ydl.answers[PLAYLIST] = playlist(1, 2, 3)
    ydl.answers[f"{SITE}/live/2.ts"] = TransportError("lost")
    for _ in range(2):
        with pytest.raises(TransportError):
            stream.step(ROOM, Monotonic(2.0))
    stream.step(ROOM, Monotonic(3.0))
    assert (written(stream.track), stream.track.length_s) == (b"<1><3>", 6.0)


def test_a_piece_that_is_missing_takes_its_time() -> None:
    ydl = site(1)
    stream = source(ydl)
    stream.step(ROOM, Monotonic(0.0))
    gone = playlist(1, 2, 3).replace(b"2.ts", b"#EXT-X-GAP\n2.ts")
    ydl.answers[PLAYLIST] = gone
    stream.step(ROOM, Monotonic(2.0))
    assert (written(stream.track), stream.track.length_s) == (b"<1><3>", 6.0)
    assert f"{SITE}/live/2.ts" not in ydl.asked


def test_for_a_piece_without_room_nothing_is_written() -> None:
    stream = source(site(1))
    with pytest.raises(NoMoreRoom):
        stream.step(2, Monotonic(0.0))
    assert not stream.track.path.exists()


def test_pieces_of_an_mp4_have_its_head_before_them_once() -> None:
    ydl = site(1, tags='#EXT-X-MAP:URI="head",BYTERANGE="4@10"\n')
    ydl.answers[f"{SITE}/live/head"] = b"<h>"
    stream = source(ydl)
    stream.step(ROOM, Monotonic(0.0))
    ydl.answers[PLAYLIST] = playlist(1, 2, tags='#EXT-X-MAP:URI="head",BYTERANGE="4@10"\n')
    stream.step(ROOM, Monotonic(2.0))
    assert written(stream.track) == b"<h><1><2>"
    assert f"{SITE}/live/headbytes=10-13" in ydl.asked


@pytest.mark.parametrize("iv", ["", ",IV=0x000000000000000000000000000000ff"])
def test_an_encrypted_piece_is_decrypted(iv: str) -> None:
    secret, number = bytes(range(16)), 7
    ydl = site(number, tags=f'#EXT-X-KEY:METHOD=AES-128,URI="key"{iv}\n')
    how = (255 if iv else number).to_bytes(16, "big")
    encrypted = aes_cbc_encrypt(list(b"a piece of it"), list(secret), list(how))
    ydl.answers |= {f"{SITE}/live/key": secret, f"{SITE}/live/7.ts": bytes(encrypted)}
    stream = source(ydl)
    stream.step(ROOM, Monotonic(0.0))
    assert written(stream.track) == b"a piece of it"


@pytest.mark.parametrize(
    ("number", "attributes"),
    [
        (2, "METHOD=AES-128"),
        (1 << 128, 'METHOD=AES-128,URI="key"'),
        (2, 'METHOD=AES-128,URI="key",IV=0xno'),
        (2, 'METHOD=AES-128,URI="page"'),
    ],
    ids=["no address", "a number beyond all", "no number", "no key"],
)
def test_what_is_recorded_outlasts_a_key_that_makes_no_sense(number: int, attributes: str) -> None:
    ydl = site(1)
    stream = source(ydl)
    stream.step(ROOM, Monotonic(0.0))
    ydl.answers |= {f"{SITE}/live/key": bytes(16), f"{SITE}/live/{number}.ts": bytes(16)}
    ydl.answers[f"{SITE}/live/page"] = b"<html>Please log in.</html>"
    ydl.answers[PLAYLIST] = playlist(number, tags=f"#EXT-X-KEY:{attributes}\n")
    with pytest.raises(JobError, match="cannot be decrypted") as raised:
        stream.step(ROOM, Monotonic(2.0))
    # Where it is the first piece, the site is to blame and not the bot.
    assert (raised.value.reason, raised.value.fault) == (Reason.BROKEN_FILE, Fault.RETRYABLE)


def test_a_piece_that_is_too_large_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_PIECE_BYTES", 10)
    ydl = site(1)
    stream = source(ydl)
    stream.step(ROOM, Monotonic(0.0))
    ydl.answers[PLAYLIST] = playlist(1, 2, 3)
    ydl.answers[f"{SITE}/live/2.ts"] = bytes(11)
    for _ in range(2):
        with pytest.raises(JobError):
            stream.step(ROOM, Monotonic(2.0))
    stream.step(ROOM, Monotonic(3.0))
    assert written(stream.track) == b"<1><3>"


def test_a_stream_that_keeps_people_out_is_not_recorded() -> None:
    locked = '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key",KEYFORMAT="com.apple"\n'
    with pytest.raises(JobError) as raised:
        source(site(1, tags=locked)).step(ROOM, Monotonic(0.0))
    assert raised.value.reason is Reason.DRM


def test_advertisements_are_left_out() -> None:
    text = "#EXTM3U\n#EXTINF:2,\n1\n#UPLYNK-SEGMENT:1,00,ad\n#EXTINF:2,\n2\n"
    assert [piece.number for piece in hls.pieces(text)] == [0]


# --------------------------------------------------------------------------- until when


class Clock:
    """Time that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> Monotonic:
        return Monotonic(self.now)

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.1)


class Grown:
    """A stream that grows by two seconds with each step, until it does what a test says."""

    def __init__(
        self, clock: Clock, number: int = 0, then: Callable[[int], object] = lambda _: None
    ) -> None:
        self.track = RecordedTrack(number)
        self.next_at = 0.0
        self.heard_at: float | None = None
        self._clock = clock
        self._then = then
        self._steps = 0

    @property
    def is_done(self) -> bool:
        return self.track.has_ended or self.track.length_s >= MINUTE_S

    def step(self, room_bytes: int, now: float) -> None:
        self._steps += 1
        self.next_at = now + 2.0
        self._then(self._steps)
        if room_bytes < 10:
            raise NoMoreRoom
        self.track.add(b"x" * 10, 2.0)
        self.heard_at = now


def run(clock: Clock, *streams: Any, most_bytes: int = ROOM) -> list[Progress]:
    said: list[Any] = []
    Recording(streams, MINUTE_S, most_bytes, 20.0, clock, clock.sleep).run(said.append)
    return said


def fails_after(steps: int) -> Callable[[int], None]:
    def then(step: int) -> None:
        if step > steps:
            raise TransportError("lost")

    return then


def test_two_streams_are_recorded_side_by_side() -> None:
    clock = Clock()
    said = run(clock, Grown(clock), Grown(clock, 1))
    assert [track.length_s for track in tracks()] == [60.0, 60.0]
    assert clock.now - 100 == pytest.approx(58, abs=1)
    assert said[0] == Progress(Stage.RECORDING, 20, eta_s=58.0)


def test_it_ends_where_there_is_no_more_room() -> None:
    clock = Clock()
    run(clock, Grown(clock), most_bytes=55)
    assert [track.size_bytes for track in tracks()] == [50]


def test_it_ends_when_a_stream_has_been_silent_for_long() -> None:
    clock = Clock()
    run(clock, Grown(clock, then=fails_after(3)))
    assert [track.length_s for track in tracks()] == [6.0]
    assert 20 < clock.now - 100 < 30


def test_what_goes_wrong_before_there_is_anything_is_told() -> None:
    clock = Clock()
    with pytest.raises(TransportError):
        run(clock, Grown(clock, then=fails_after(0)))
    assert tracks() == []


def test_it_ends_when_its_time_is_over_though_less_has_come() -> None:
    clock = Clock()

    def slow(_step: int) -> None:
        clock.now += 10.0

    run(clock, Grown(clock, then=slow))
    assert 90 <= clock.now - 100 < 110


# ------------------------------------------------------------------------------ on disk


def test_a_track_goes_on_where_it_was_left() -> None:
    track = RecordedTrack(0)
    track.add(b"one", 2.0)
    track.add(b"two", 2.5)
    with open(track.path, "ab") as file:
        file.write(b"a half")
    with open("recording.0.pieces", "a") as notes:
        notes.write("12 6.")
    again = RecordedTrack(0)
    assert (again.size_bytes, again.length_s, again.has_ended) == (6, 4.5, False)
    again.cut()
    assert written(again) == b"onetwo"
    again.add(b"six", 1.0)
    assert (RecordedTrack(0).size_bytes, RecordedTrack(0).length_s) == (9, 5.5)


def test_a_stream_that_has_ended_is_known_to() -> None:
    track = RecordedTrack(0)
    track.add(b"one", 2.0)
    track.end()
    assert RecordedTrack(0).has_ended


def test_a_page_in_place_of_the_playlist_is_not_recorded() -> None:
    ydl = Ydl({PLAYLIST: b"<html>\nThe stream is over.\n</html>"})
    with pytest.raises(JobError, match="in place of a playlist"):
        source(ydl).step(ROOM, Monotonic(0.0))
    assert ydl.asked == [PLAYLIST]
