"""The real YouTube extractor and the real solver, against a stand-in that has to be solved."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.tls_proxy import trust
from tests.sandbox.youtube import ACCOUNT_LINK, LINK, Stream, Youtube
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Outcome, Worker, worker
from tests.support.media import make
from worker.downloads import players
from worker.downloads.limits import DownloadLimits
from worker.downloads.reports import NeedsPlayer
from worker.downloads.ytdlp.players import javascript
from worker.errors import Fault, JobError, Reason, Remedy
from worker.form import ABOUT, SEARCH
from worker.protocol import Media, MediaKind, Progress, Stage
from worker.protocol.looks import SearchResult

PRIVATE = {"status": "LOGIN_REQUIRED", "reason": "This video is private"}
GONE = {"status": "ERROR", "reason": "Video unavailable"}

pytestmark = pytest.mark.usefixtures("needs_deno", "needs_ffmpeg")


def trust_without_runtime(certificate: Path) -> None:
    """Make this the worker of a machine without a JavaScript runtime."""
    trust(certificate)
    javascript.find = javascript.Search


@pytest.fixture(scope="module")
def youtube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Youtube]:
    with Youtube(tmp_path_factory.mktemp("youtube")) as youtube:
        yield youtube


@pytest.fixture(scope="module")
def warm(youtube: Youtube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    prepare = functools.partial(trust, youtube.certificate)
    with worker(tmp_path_factory.mktemp("downloads"), prepare=prepare) as made:
        yield made


def limits(youtube: Youtube, **changes: Any) -> DownloadLimits:
    return limits_with(proxy=youtube.proxy, **{"timeout_s": 60, "idle_timeout_s": 30, **changes})


def of_an_account(youtube: Youtube) -> DownloadLimits:
    return limits(youtube, cookies_file=str(youtube.cookies))


def test_a_video_whose_challenges_are_solved_comes(warm: Worker, youtube: Youtube) -> None:
    media = warm.run(LINK, limits(youtube)).media
    assert (media.facts.kind, media.facts.title) == (MediaKind.VIDEO, "A stand-in")
    assert youtube.hits("videoplayback?file=sample.mp4&n=") > 0


def test_an_accounts_cookies_bring_what_its_session_may_see(warm: Worker, youtube: Youtube) -> None:
    assert warm.run(ACCOUNT_LINK, limits(youtube)).error.reason is Reason.BLOCKED_HERE
    before = youtube.hits("videoplayback?file=sample.mp4&n=")
    media = warm.run(ACCOUNT_LINK, of_an_account(youtube)).media
    assert media.facts.kind is MediaKind.VIDEO
    assert youtube.hits("videoplayback?file=sample.mp4&n=") > before, "a session has to solve"


def test_cookies_that_are_no_longer_valid_are_the_operators(
    warm: Worker, youtube: Youtube, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(youtube, "refusal", PRIVATE)
    assert warm.run(ACCOUNT_LINK, limits(youtube)).error.reason is Reason.PRIVATE
    rotated = tmp_path / "cookies.txt"
    rotated.write_text(youtube.cookies.read_text().replace("an-account", "as-it-was"))
    error = warm.run(ACCOUNT_LINK, limits(youtube, cookies_file=str(rotated))).error
    assert (error.reason, error.remedy) == (Reason.BLOCKED_HERE, Remedy.NEW_COOKIES)
    assert "no longer valid" in error.detail


@pytest.fixture(scope="module")
def dubbed(tmp_path_factory: pytest.TempPathFactory) -> list[Stream]:
    """A film made in German, with an English dub that is what its visitors get by default."""
    directory = tmp_path_factory.mktemp("dubbed")
    german = {"audioTrack": {"id": "de.4", "displayName": "German original"}}
    english = {"audioTrack": {"id": "en.3", "displayName": "English", "audioIsDefault": True}}

    def video(itag: int, height: int, kbit_s: int) -> Stream:
        codec = f"-c:v libx264 -preset ultrafast -b:v {kbit_s}k -maxrate {kbit_s}k -bufsize 200k"
        path = make(directory / f"{height}p.mp4", f"-an -vf scale=-2:{height} {codec}")
        facts = {"width": height * 4 // 3, "height": height, "quality": "medium"}
        return Stream(itag, path, 'video/mp4; codecs="avc1.4d401f"', facts)

    def sound(itag: int, name: str, kbit_s: int, track: dict[str, Any]) -> Stream:
        path = make(directory / f"{name}.m4a", f"-vn -c:a aac -b:a {kbit_s}k")
        facts = {"quality": "tiny", "audioQuality": "AUDIO_QUALITY_MEDIUM", **track}
        return Stream(itag, path, 'audio/mp4; codecs="mp4a.40.2"', facts)

    return [
        video(136, 720, 800),
        video(134, 360, 300),
        sound(140, "german", 192, german),
        sound(140, "english", 16, english),
    ]


@pytest.mark.parametrize(
    ("room_for", "comes"),
    [
        (["720p", "german"], ["720p", "german"]),
        (["720p", "english"], ["360p", "german"]),
        (["360p", "english"], ["german"]),
        (["english"], []),
    ],
)
def test_no_dub_for_want_of_room(
    warm: Worker,
    youtube: Youtube,
    dubbed: list[Stream],
    monkeypatch: pytest.MonkeyPatch,
    room_for: list[str],
    comes: list[str],
) -> None:
    monkeypatch.setattr(youtube, "streams", dubbed)
    monkeypatch.setattr(youtube, "requests", [])
    sizes = {stream.path.stem: stream.path.stat().st_size for stream in dubbed}
    max_bytes = int(1.15 * sum(sizes[name] for name in room_for))
    outcome = warm.run(LINK, limits(youtube, max_file_bytes=max_bytes))
    assert isinstance(outcome.result, Media) == bool(comes), outcome.result
    assert [name for name in sizes if youtube.hits(f"file={name}.")] == comes


def test_a_player_is_fetched_and_solved_once(youtube: Youtube, tmp_path: Path) -> None:
    prepare = functools.partial(trust, youtube.certificate)
    before = youtube.hits("base.js")
    with worker(tmp_path, prepare=prepare) as made:
        for _ in range(3):
            assert made.run(LINK, limits(youtube)).media.facts.kind is MediaKind.VIDEO
    assert youtube.hits("base.js") == before + 1
    assert {path.name for path in tmp_path.iterdir()} == {"1-1", "2-1", "3-1"}


def test_a_wait_before_the_video_is_told_and_does_not_count(
    warm: Worker, youtube: Youtube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube, "wait_s", 4)
    outcome = warm.run(LINK, limits(youtube, idle_timeout_s=3))
    assert outcome.media.facts.kind is MediaKind.VIDEO
    waits = [r for r in outcome.reports if isinstance(r, Progress) and r.stage is Stage.SITE_WAIT]
    assert [0 < (wait.eta_s or 0) <= 5 for wait in waits] == [True]


def blamed_on_the_operator(outcome: Outcome) -> bool:
    return (outcome.error.reason, outcome.error.fault) == (Reason.BLOCKED_HERE, Fault.OPERATOR)


@pytest.mark.parametrize(
    ("player_id", "player"),
    [
        ("00000001", ""),
        ("00000002", "throw 1;"),
        ("00000003", "(function(){ var sts = 20000; }).call(this);"),
    ],
)
def test_a_player_that_cannot_be_solved_is_for_the_operator(
    warm: Worker, youtube: Youtube, monkeypatch: pytest.MonkeyPatch, player_id: str, player: str
) -> None:
    monkeypatch.setattr(youtube, "player_id", player_id)
    monkeypatch.setattr(youtube, "player", player)
    assert blamed_on_the_operator(warm.run(ACCOUNT_LINK, of_an_account(youtube)))


def test_a_video_that_is_gone_is_gone(
    warm: Worker, youtube: Youtube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube, "status", GONE)
    assert warm.run(LINK, limits(youtube)).error.reason is Reason.NOT_FOUND


def test_without_a_runtime_the_rest_is_the_operators(
    youtube: Youtube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = functools.partial(trust_without_runtime, youtube.certificate)
    with worker(tmp_path, prepare=prepare) as made:
        # One client does without, but not for an account's session.
        assert made.run(LINK, limits(youtube)).media.facts.kind is MediaKind.VIDEO
        assert blamed_on_the_operator(made.run(ACCOUNT_LINK, of_an_account(youtube)))
        monkeypatch.setattr(youtube, "status", GONE)
        assert blamed_on_the_operator(made.run(LINK, limits(youtube)))


PLAYER = "https://www.youtube.com/s/player/0a1b2c3d/player_ias.vflset/en_US/base.js"
EVIL = "https://www.youtube.com.evil.example/s/player/0a1b2c3d/player_ias.vflset/en_US/base.js"


def _lie(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    """Claim to have players, at an address of one's own and at YouTube's."""
    poison = players.Player(1, "poison")
    report(NeedsPlayer(EVIL))
    report(NeedsPlayer(PLAYER))
    for address in (EVIL, PLAYER):
        players.KNOWN.add(address, poison)
    players.put(poison, Path.cwd())
    raise JobError(Reason.NO_MEDIA, Fault.PERMANENT)


def _look(task: Any, rules: Any, report: Any, extractors: Any) -> None:
    found = [players.KNOWN.get(address) for address in (EVIL, PLAYER)]
    detail = ",".join("none" if player is None else player.script[:6] for player in found)
    raise JobError(Reason.NO_MEDIA, Fault.PERMANENT, detail)


def test_a_download_that_lies_gives_no_other_a_player(youtube: Youtube, tmp_path: Path) -> None:
    prepare = functools.partial(trust, youtube.certificate)
    with worker(tmp_path, prepare=prepare) as made:
        made.run(LINK, limits(youtube), fetch=_lie)
        assert made.run(LINK, limits(youtube), fetch=_look).error.detail == "none,none"
        assert made.run(LINK, limits(youtube)).media.facts.kind is MediaKind.VIDEO


SEARCH_LINK = "https://www.youtube.com/results?search_query=how+to+bake&sp=EgIQAQ%3D%3D"


def test_a_search_finds_videos(warm: Worker, youtube: Youtube) -> None:
    found = warm.run(SEARCH_LINK, limits(youtube), form=SEARCH).result
    assert isinstance(found, Media)
    assert found.look is not None
    assert youtube.searches[-1] == "how to bake"
    assert [each.video_id for each in found.look.results] == [f"found-0000{n}" for n in range(1, 6)]
    assert found.look.results[0] == SearchResult("found-00001", "White bread", "Baker 1", 61.0)


def test_a_search_that_finds_nothing_says_so(
    warm: Worker, youtube: Youtube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube, "found", ())
    error = warm.run(SEARCH_LINK, limits(youtube), form=SEARCH).error
    assert error.reason is Reason.NOTHING_FOUND


def test_a_choice_from_a_look_solves_and_extracts_nothing_again(
    warm: Worker, youtube: Youtube, tmp_path: Path
) -> None:
    rules = limits(youtube, extractions=str(tmp_path))
    assert warm.run(LINK, rules, form=ABOUT).result
    asked = youtube.hits("/watch"), youtube.hits("/youtubei")
    assert warm.run(LINK, rules).media.facts.kind is MediaKind.VIDEO
    assert (youtube.hits("/watch"), youtube.hits("/youtubei")) == asked
