"""Solved players: which addresses they may have, and what is kept and handed over."""

import errno
import json
import os
from pathlib import Path

import pytest

from tests.support.download_limits import LIMITS
from worker.downloads import players
from worker.downloads.confinement.isolation import Confinement
from worker.downloads.players import Player, Players, Solving

PLAYER = Player(20000, "solve();")
ADDRESS = "https://www.youtube.com/s/player/0a1b2c3d/player_ias.vflset/en_US/base.js"


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS,
        "https://www.youtube.com/s/player/0a1b2c3d/player_es6_tce.vflset/de_DE/base.js",
        "https://www.youtube.com/s/player/0a1b2c3d/tv-player-ias.vflset/tv-player-ias.js",
        "https://www.youtube.com/s/player/0a1b2c3d/player-plasma-ias-phone-en_US.vflset/base.js",
        "https://www.youtube.com/s/player/0a1b2c3d/house_brand_player.vflset/en_US/base.js",
    ],
)
def test_youtubes_own_scripts_are_players(address: str) -> None:
    assert players.is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS.replace("https", "http"),
        ADDRESS.replace("www.youtube.com", "evil.example"),
        ADDRESS.replace("www.youtube.com", "www.youtube.com.evil.example"),
        ADDRESS.replace("www.youtube.com", "a@evil.example"),
        ADDRESS.replace("www.youtube.com", "www.youtube.com:8443"),
        ADDRESS.replace("/s/player/", "/redirect?q=https://evil.example/s/player/"),
        ADDRESS.replace("en_US", ".."),
        ADDRESS.replace("0a1b2c3d", "0a1b2c3"),
        f"{ADDRESS}?x=1",
        f"{ADDRESS}#x",
        f"{ADDRESS}\n",
        f" {ADDRESS}",
        ADDRESS.replace("player_ias", "player%5fias"),
        "",
    ],
)
def test_no_other_address_is_asked_for(address: str) -> None:
    assert not players.is_address(address)


def test_few_players_are_kept() -> None:
    known = Players()
    for number in range(6):
        known.add(f"address-{number}", PLAYER)
    settled = [known.is_settled(f"address-{number}") for number in range(6)]
    assert settled == [False] * 2 + [True] * 4


def test_a_player_that_was_not_solved_is_tried_once_more() -> None:
    known = Players()
    known.add(ADDRESS, None)
    assert not known.is_settled(ADDRESS)
    known.add(ADDRESS, PLAYER)
    assert known.get(ADDRESS) == PLAYER


def test_a_player_without_a_solution_is_known_to_have_none() -> None:
    known = Players()
    for _ in range(players.MAX_TRIES):
        known.add(ADDRESS, None)
    assert known.is_settled(ADDRESS)
    assert known.get(ADDRESS) is None


def test_those_without_a_solution_take_no_place_of_others() -> None:
    known = Players()
    known.add(ADDRESS, PLAYER)
    for number in range(6):
        known.add(f"address-{number}", None)
        known.add(f"address-{number}", None)
    settled = [known.is_settled(f"address-{number}") for number in range(6)]
    assert settled == [False] * 2 + [True] * 4
    assert known.get(ADDRESS) == PLAYER


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"timestamp": 1}',
        b'{"timestamp": "1", "script": "x"}',
        b'{"timestamp": true, "script": "x"}',
        b'{"timestamp": 1, "script": ""}',
        b'{"timestamp": 1, "script": ["x"]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_player_is_none(data: bytes) -> None:
    assert players.parse(data) is None


def test_a_player_is_handed_over_whole(tmp_path: Path) -> None:
    players.put(PLAYER, tmp_path)
    (only,) = tmp_path.iterdir()
    assert only.name == players.FILE_NAME
    assert players.parse(only.read_bytes()) == PLAYER
    players.put(None, tmp_path)
    assert json.loads(only.read_bytes()) is None


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("untouched")
    directory = tmp_path / "download"
    directory.mkdir()
    (directory / players.FILE_NAME).symlink_to(tmp_path / "mine")
    players.put(PLAYER, directory)
    assert (tmp_path / "mine").read_text() == "untouched"
    assert not (directory / players.FILE_NAME).is_symlink()


def test_a_directory_that_is_a_link_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "download").symlink_to(tmp_path / "other")
    with pytest.raises(NotADirectoryError):
        players.put(PLAYER, tmp_path / "download")
    assert list((tmp_path / "other").iterdir()) == []


def test_a_process_that_cannot_be_started_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise BlockingIOError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(os, "fork", fail)
    confinement = Confinement(1, tmp_path / "1-1-player", os.getpid())
    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        Solving(ADDRESS, confinement, LIMITS, lambda *_: None)
    assert os.listdir("/proc/self/fd") == before
    assert list(tmp_path.iterdir()) == []
