"""What was found behind links is kept for a while, and so much of it."""

from pathlib import Path

import pytest

from worker.clocks import Wall, wall_clock
from worker.downloads import extraction_store
from worker.protocol.looks import LIFE_S

LINK = "https://site.example/v"


def test_what_was_kept_ends(tmp_path: Path) -> None:
    (tmp_path / "extraction.json").write_text("{}")
    store, now = tmp_path / "store", wall_clock()
    extraction_store.keep(store, LINK, tmp_path, now)
    for age_s in (-1, LIFE_S + 1):
        assert not extraction_store.lend(store, LINK, tmp_path, Wall(now + age_s))
        assert not list(store.iterdir()), "what has ended is removed"
        extraction_store.keep(store, LINK, tmp_path, now)
    assert extraction_store.lend(store, LINK, tmp_path, now)
    assert (tmp_path / "extraction-earlier.json").read_text() == "{}"
    assert not extraction_store.lend(store, "https://site.example/other", tmp_path, now)


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    now = wall_clock()
    (tmp_path / "extraction.json").write_text("{}")
    for number in range(extraction_store.MAX_KEPT + 3):
        link = f"https://site.example/{number}"
        extraction_store.keep(tmp_path / "store", link, tmp_path, Wall(now + number))
    assert len(list((tmp_path / "store").iterdir())) == extraction_store.MAX_KEPT


@pytest.mark.parametrize("how", ["link", "hard link", "directory", "large", "empty"])
def test_nothing_but_a_file_of_the_download_is_kept(tmp_path: Path, how: str) -> None:
    path, other = tmp_path / "extraction.json", tmp_path / "other"
    other.write_text("secret")
    match how:
        case "link":
            path.symlink_to(other)
        case "hard link":
            path.hardlink_to(other)
        case "directory":
            path.mkdir()
        case "large":
            path.write_bytes(bytes(extraction_store.MAX_BYTES + 1))
        case _:
            path.write_bytes(b"")
    extraction_store.keep(tmp_path / "store", LINK, tmp_path, wall_clock())
    assert not (tmp_path / "store").exists() or not list((tmp_path / "store").iterdir())
