"""Which files go into the chat together."""

from pathlib import Path

import pytest

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker.dispatch import tasks
from worker.dispatch.albums import next_group
from worker.protocol import (
    Deliver,
    Delivered,
    GroupSent,
    MediaFacts,
    MediaFile,
    MediaKind,
    Reader,
    SendGroup,
)
from worker.settings import load_settings

LIMIT = 50

KINDS = {
    "p": MediaKind.PHOTO,
    "v": MediaKind.VIDEO,
    "a": MediaKind.AUDIO,
    "d": MediaKind.DOCUMENT,
    "g": MediaKind.ANIMATION,
}


def a_file(letter: str, size: int = 1, file_id: str | None = None) -> MediaFile:
    return MediaFile("/x", size, "", MediaFacts(KINDS[letter]), file_id=file_id)


@pytest.mark.parametrize(
    ("kinds", "together"),
    [
        ("v", 1),
        ("pvpv", 4),
        ("p" * 12, 10),
        ("vva", 2),
        ("aav", 2),
        ("ddp", 2),
        ("gg", 1),
        ("pg", 1),
        ("gp", 1),
    ],
)
def test_only_what_an_album_may_hold(kinds: str, together: int) -> None:
    assert len(next_group([a_file(kind) for kind in kinds], LIMIT)) == together


@pytest.mark.parametrize(
    ("sizes", "together"), [((20, 30), 2), ((20, 31), 1), ((45, 45, 45), 1), ((60, 1), 1)]
)
def test_an_upload_has_a_limit(sizes: tuple[int, ...], together: int) -> None:
    assert len(next_group([a_file("v", size) for size in sizes], LIMIT)) == together


def test_what_telegram_has_is_no_upload() -> None:
    assert len(next_group([a_file("v", 45, "id"), a_file("v", 45, "id")], LIMIT)) == 2


@pytest.mark.parametrize(
    ("count", "albums"),
    [(1, []), (2, [1]), (10, [9]), (11, [10]), (12, [10, 1]), (35, [10, 10, 10, 4])],
)
def test_a_post_goes_out_in_albums_and_ends_in_one_answer(
    bot: SteppedDispatcher, count: int, albums: list[int]
) -> None:
    bot.send("https://example.com/post")
    bot.post()
    bot.finish_download(count)
    sent: list[str] = []
    sizes: list[int] = []
    while groups := bot.tasks(SendGroup):
        (group,) = groups.values()
        sizes.append(len(group.files))
        sent += [file.path for file in group.files]
        bot.finish(SendGroup, GroupSent((Delivered("id", MediaKind.VIDEO),) * len(group.files)))
        bot.pass_time(1)
    first = bot.task(Deliver).file.path
    assert sizes == albums
    assert [Path(path).name for path in (first, *sent)] == [f"media-{n}.mp4" for n in range(count)]
    bot.deliver()
    assert not bot.telegram.tasks


# ----------------------------------------------------------------------- how long they may take

MEBIBYTE = 1024 * 1024


def upload_s(*sizes: int, file_id: str | None = None) -> float:
    """The time that such an upload has beyond any call's."""
    settings = load_settings({}, needs_token=False)
    files = tuple(a_file("p", size, file_id) for size in sizes)
    task = (
        SendGroup(1, Reader(1), 1, files) if len(files) > 1 else Deliver(1, Reader(1), 1, files[0])
    )
    return tasks.timeout_s(task, settings) - settings.telegram_job_timeout_s


def test_upload_may_go_on_until_all_of_it_could_be_sent_twice() -> None:
    once = 49 * MEBIBYTE / tasks.UPLOAD_FLOOR_BPS
    assert upload_s(49 * MEBIBYTE) >= 2 * once
    assert upload_s(*[7 * MEBIBYTE] * 7) >= 2 * once


def test_what_telegram_has_already_takes_no_longer_than_a_call() -> None:
    assert upload_s(49 * MEBIBYTE, file_id="known") == 0
