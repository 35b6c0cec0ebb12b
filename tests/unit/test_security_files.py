"""Files: what leaves the machine is a download's own, and what is removed is nobody else's."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from maintenance.orphans import find_orphans
from worker.clocks import Wall
from worker.dispatch import tasks
from worker.dispatch.disk_space import DiskSpace
from worker.downloads import workspace
from worker.errors import JobError
from worker.ledger import DeliverJob, Request, Verdict
from worker.protocol import Deliver, Media, MediaFacts, MediaFile, MediaKind
from worker.settings import Settings
from worker.telegram import files

CONTENT, SECRET = b"a film", b"somebody else's"
SETTINGS = Settings(bot_token="")


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """The directory of all downloads, with a file of job 7, and outside of it some of others."""
    own = tmp_path / "data" / "downloads" / "7-1"
    own.mkdir(parents=True)
    (own / "media.mp4").write_bytes(CONTENT)
    outside = tmp_path / "outside"
    for path in (outside / "media.mp4", outside / "7-1" / "media.mp4"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(SECRET)
    return own.parent


# ----------------------------------------------------------------------- what leaves the machine


def _nothing_odd(downloads: Path) -> Path:
    return downloads / "7-1" / "media.mp4"


def _a_link(downloads: Path) -> Path:
    path = _nothing_odd(downloads)
    path.unlink()
    path.symlink_to(downloads.parents[1] / "outside" / "media.mp4")
    return path


def _a_link_to_another_job(downloads: Path) -> Path:
    other = downloads / "8-1"
    other.mkdir()
    (other / "media.mp4").write_bytes(SECRET)
    path = _nothing_odd(downloads)
    path.unlink()
    path.symlink_to("../8-1/media.mp4")
    return path


def _a_directory_that_is_a_link(downloads: Path) -> Path:
    shutil.rmtree(downloads / "7-1")
    (downloads / "7-1").symlink_to(downloads.parents[1] / "outside")
    return downloads / "7-1" / "media.mp4"


def _downloads_that_are_a_link(downloads: Path) -> Path:
    shutil.rmtree(downloads)
    downloads.symlink_to(downloads.parents[1] / "outside")
    return downloads / "7-1" / "media.mp4"


def _a_way_up(downloads: Path) -> Path:
    return Path(f"{downloads}/7-1/../../../outside/media.mp4")


def _a_way_up_in_its_place(downloads: Path) -> Path:
    (downloads / "media.mp4").write_bytes(SECRET)
    return Path(f"{downloads}/7-1/../media.mp4")


def _a_second_name(downloads: Path) -> Path:
    path = _nothing_odd(downloads)
    path.unlink()
    path.hardlink_to(downloads.parents[1] / "outside" / "media.mp4")
    return path


Trick = Callable[[Path], Path]
TRICKS: tuple[Trick, ...] = (
    *(_a_link, _a_link_to_another_job, _a_directory_that_is_a_link, _downloads_that_are_a_link),
    *(_a_way_up_in_its_place, _a_second_name),
)


def test_a_downloads_own_file_is_opened(downloads: Path) -> None:
    with files.open_media(os.fspath(_nothing_odd(downloads))) as file:
        assert file.read() == CONTENT


@pytest.mark.parametrize("trick", TRICKS)
def test_no_way_leads_from_a_downloads_directory_to_another_file(
    trick: Trick, downloads: Path
) -> None:
    path = os.fspath(trick(downloads))
    with pytest.raises(JobError):
        files.open_media(path)
    assert files.open_thumbnail(path) is None


@pytest.mark.negative
@pytest.mark.parametrize("trick", TRICKS)
def test_each_way_leads_there_where_links_are_followed(trick: Trick, downloads: Path) -> None:
    assert trick(downloads).read_bytes() == SECRET


def _delivery_of(path: Path, thumbnail: Path | None = None) -> DeliverJob:
    """What the ledger says is to be sent to somebody who waits for download 7."""
    none: dict[str, None] = dict.fromkeys(Request.__dataclass_fields__)
    numbers = {"id": 1, "chat_id": 1, "user_id": 1, "message_id": 1, "status_message_id": 2}
    request = replace(
        Request(**none),  # type: ignore[arg-type]
        **numbers,  # type: ignore[arg-type]
        download_id=7,
        verdict=Verdict.MEDIA,
        sent=(),
    )
    media = MediaFile(
        os.fspath(path),
        len(CONTENT),
        "https://a.example/",
        MediaFacts(MediaKind.VIDEO, "Title"),
        thumbnail=os.fspath(thumbnail) if thumbnail else None,
    )
    return DeliverJob(
        id=9, attempts=1, created_at=Wall(0), request=request, message_id=2, media=Media((media,))
    )


def _elsewhere(downloads: Path) -> Path:
    return downloads.parents[1] / "outside" / "7-1" / "media.mp4"


def _of_another_job(downloads: Path) -> Path:
    shutil.copytree(downloads / "7-1", downloads / "70-1")
    return downloads / "70-1" / "media.mp4"


def _below(downloads: Path) -> Path:
    shutil.copytree(downloads / "7-1", downloads / "7-1" / "7-1")
    return downloads / "7-1" / "7-1" / "media.mp4"


FOREIGN: tuple[Trick, ...] = (_elsewhere, _of_another_job, _below, _a_way_up)


def test_the_file_of_the_downloads_own_job_is_delivered(downloads: Path) -> None:
    path = _nothing_odd(downloads)
    task = tasks.task_of(_delivery_of(path, path.with_name("thumbnail.jpg")), downloads, SETTINGS)
    assert isinstance(task, Deliver)


@pytest.mark.parametrize("where", FOREIGN)
def test_no_file_but_of_the_jobs_own_directory_is_delivered(where: Trick, downloads: Path) -> None:
    path = where(downloads)
    assert tasks.task_of(_delivery_of(path), downloads, SETTINGS) is None
    assert tasks.task_of(_delivery_of(_nothing_odd(downloads), path), downloads, SETTINGS) is None


@pytest.mark.negative
@pytest.mark.parametrize("where", FOREIGN)
def test_without_that_look_it_would_be(
    where: Trick, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_is_own", lambda media, *_: Path(media.path).is_file())
    assert isinstance(tasks.task_of(_delivery_of(where(downloads)), downloads, SETTINGS), Deliver)


# -------------------------------------------------------------------------------- what is removed


def _links_inside(directory: Path, outside: Path) -> None:
    (directory / "file").symlink_to(outside / "media.mp4")
    (directory / "directory").symlink_to(outside)
    (directory / "deep").mkdir()
    (directory / "deep" / "up").symlink_to("../../../../outside")
    # A directory that nobody may enter, beside links: it is opened up, they are not.
    (directory / "closed").mkdir()
    (directory / "closed" / "link").symlink_to(outside)
    (directory / "closed").chmod(0)


def _a_link_itself(directory: Path, outside: Path) -> None:
    shutil.rmtree(directory)
    directory.symlink_to(outside)


def _state(path: Path) -> list[tuple[str, int, bytes]]:
    return [
        (
            os.fspath(each.relative_to(path)),
            stat.S_IMODE(each.stat().st_mode),
            each.read_bytes() if each.is_file() else b"",
        )
        for each in sorted([path, *path.rglob("*")])
    ]


Removal = Callable[[Path], None]


def _remove(directory: Path) -> None:
    workspace.remove(directory)


def _remove_what_is_read_only(directory: Path) -> None:
    # As for a user who is not root.
    if not directory.is_symlink():
        workspace._make_writable(directory)
    workspace.remove(directory)


def _keep_nothing(directory: Path) -> None:
    if not directory.is_symlink():
        workspace.keep_only(directory, set())
    workspace.remove(directory)


def _sweep(directory: Path) -> None:
    DiskSpace(directory.parents[1], 50).sweep(set(), "")


REMOVALS: tuple[Removal, ...] = (_remove, _remove_what_is_read_only, _keep_nothing, _sweep)


@pytest.mark.parametrize("links", [_links_inside, _a_link_itself])
@pytest.mark.parametrize("removal", REMOVALS)
def test_removal_touches_nothing_behind_a_link(
    removal: Removal, links: Callable[[Path, Path], None], downloads: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    links(downloads / "7-1", outside)
    before = _state(outside)
    removal(downloads / "7-1")
    assert _state(outside) == before
    assert not os.path.lexists(downloads / "7-1")


def _remove_what_it_finds(directory: Path) -> None:
    for entry in list(os.scandir(directory)):
        if entry.is_dir():
            _remove_what_it_finds(Path(entry.path))
        else:
            os.unlink(os.path.realpath(entry.path))


@pytest.mark.negative
@pytest.mark.parametrize("links", [_links_inside, _a_link_itself])
def test_a_removal_that_follows_links_empties_what_is_behind_them(
    links: Callable[[Path, Path], None],
    downloads: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    links(downloads / "7-1", tmp_path / "outside")
    monkeypatch.setattr(shutil, "rmtree", _remove_what_it_finds)
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    workspace.remove(downloads / "7-1")
    assert not (tmp_path / "outside" / "media.mp4").exists()


def test_no_orphan_is_looked_for_behind_a_link(downloads: Path, tmp_path: Path) -> None:
    shutil.rmtree(downloads)
    downloads.symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="symbolic link"):
        find_orphans(downloads, set, 0.0)
