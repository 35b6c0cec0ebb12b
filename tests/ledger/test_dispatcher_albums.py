"""Songs of a list through the dispatcher: they come as albums, in order, and each once."""

from pathlib import Path

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher, make_media
from tests.support.taken_lists import ME, PRESS, Chat, as_songs, listed, press, take
from worker import media_keys
from worker.errors import Fault, FileIdRefused, JobError, Reason
from worker.form import SOUND, Form, What
from worker.ledger.lists import batch_lookups
from worker.protocol import Deliver, Download, PostStatus, Reader, SendGroup
from worker.protocol.effects import CancelAll, CancelRest, OpenRequest
from worker.protocol.lists import Failure, Summary
from worker.protocol.notices import Cancelled, Notice

QUICK = {"USER_LINKS_PER_MINUTE": "1000"}


def urls(*numbers: int) -> list[str]:
    return [f"https://site.example/{number}" for number in numbers]


@pytest.fixture
def bot(make_bot: MakeBot) -> SteppedDispatcher:
    return make_bot(**QUICK)


def test_songs_come_as_albums_in_their_order(bot: SteppedDispatcher) -> None:
    listed(bot, 14, SOUND)
    take(bot, *range(1, 15))
    chat = Chat(bot)
    chat.settle()
    # The first of each is the message that the others come below.
    assert chat.albums == [urls(*range(2, 11)), urls(12, 13, 14)]
    assert sorted(chat.sent) == sorted(urls(*range(1, 15)))
    assert chat.summaries[-1] == Summary("An album", done=14)
    assert bot.states("status") == ["done"] * 3
    assert bot.rows("SELECT count(*) FROM media") == [(14,)]
    assert bot.directories() == []


def test_a_song_alone_is_no_album(bot: SteppedDispatcher) -> None:
    listed(bot, 3, SOUND)
    take(bot, 2)
    chat = Chat(bot)
    chat.settle()
    assert (chat.albums, chat.sent) == ([], urls(2))


def test_voice_messages_stay_alone(bot: SteppedDispatcher) -> None:
    listed(bot, 3, Form(What.VOICE))
    take(bot, 1, 2, 3)
    chat = Chat(bot)
    chat.settle()
    assert (chat.albums, chat.sent) == ([], urls(1, 2, 3))


def test_an_album_comes_without_what_fails(bot: SteppedDispatcher) -> None:
    listed(bot, 5, SOUND)
    take(bot, *range(1, 6))
    chat = Chat(bot, failing=[1, 3])
    chat.settle()
    assert chat.albums == [urls(4, 5)]
    assert sorted(chat.sent) == urls(2, 4, 5)
    assert chat.summaries[-1].failures == (Failure("private", (1, 3)),)


def test_songs_of_two_lists_do_not_wait_for_each_other(bot: SteppedDispatcher) -> None:
    listed(bot, 16, SOUND)
    take(bot, *range(1, 9))
    take(bot, *range(9, 17))
    chat = Chat(bot)
    chat.settle()
    assert sorted(chat.sent) == sorted(urls(*range(1, 17)))
    assert not batch_lookups.has_open(bot.ledger._db)


def test_an_album_that_telegram_does_not_take_is_told_once_for_each_song(
    bot: SteppedDispatcher,
) -> None:
    listed(bot, 3, SOUND)
    take(bot, 1, 2, 3)
    chat = Chat(bot)
    refused = 0
    for _ in range(60):
        for task_type in (SendGroup, Deliver):
            for job_id in bot.tasks(task_type):
                error = JobError(Reason.NO_RIGHT_TO_MUSIC, Fault.PERMANENT)
                bot.telegram.fail(job_id, error, "")
                refused += 1
        chat.step()
    assert refused == 3
    failed = Failure(Reason.NO_RIGHT_TO_MUSIC.value, (1, 2, 3))
    assert chat.summaries[-1] == Summary("An album", failures=(failed,), can_try_again=True)


@pytest.mark.parametrize("refused", [[1], [4], [5], [2, 4], [1, 2, 3, 4, 5]])
def test_songs_that_telegram_has_no_more_are_the_only_ones_fetched_again(
    bot: SteppedDispatcher, refused: list[int]
) -> None:
    listed(bot, 5, SOUND)
    take(bot, *refused)
    Chat(bot).settle()
    take(bot, *range(1, 6))
    chat = Chat(bot)
    refusals = 0
    for _ in range(60):
        groups = {job_id: group.files for job_id, group in bot.tasks(SendGroup).items()}
        alone = {job_id: (task.file,) for job_id, task in bot.tasks(Deliver).items()}
        for job_id, files in (groups | alone).items():
            if any(file.file_id for file in files):
                bot.telegram.fail(job_id, FileIdRefused("wrong file identifier"))
                refusals += 1
        chat.step()
    assert refusals >= 1
    assert sorted(chat.fetched) == urls(*range(1, 6)), "each once"
    assert sorted(chat.sent) == urls(*range(1, 6))
    assert chat.summaries[-1] == Summary("An album", done=5)
    assert bot.directories() == []


def test_a_song_that_was_forgotten_is_the_only_one_fetched_again(bot: SteppedDispatcher) -> None:
    listed(bot, 5, SOUND)
    take(bot, *range(1, 6))
    Chat(bot).settle()
    take(bot, *range(1, 6))
    chat = Chat(bot)
    while not bot.tasks(PostStatus):
        chat.step()
    # Somebody else does not want what is remembered.
    (url,) = urls(4)
    bot.bring(OpenRequest(8, 8, 1, url, media_keys.of_link(url, SOUND), form=SOUND, fresh=True))
    chat.settle()
    assert chat.fetched == [url]


def test_an_album_is_cancelled_as_a_whole(bot: SteppedDispatcher) -> None:
    listed(bot, 3, SOUND)
    take(bot, 1, 2, 3)
    chat = Chat(bot)
    while not bot.tasks(PostStatus):
        chat.step()
    chat.step()
    assert bot.tasks(SendGroup)
    (leader,) = bot.rows("SELECT min(id) FROM requests WHERE batch_id IS NOT NULL")[0]
    bot.press_cancel(leader)
    for job_id in bot.tasks(SendGroup):
        bot.telegram.stop(job_id)
    chat.settle()
    assert (chat.albums, chat.sent) == ([], [])
    assert chat.summaries[-1] == Summary("An album", cancelled=3)


def test_what_is_left_of_songs_is_cancelled(bot: SteppedDispatcher) -> None:
    listed(bot, 30, SOUND)
    take(bot, *range(1, 31))
    chat = Chat(bot)
    for _ in range(4):
        chat.step()
    assert press(bot, CancelRest(1, PRESS)).notice == Notice(Cancelled.DONE)
    bot.bring(CancelAll(Reader(ME), ME, 9, False))
    chat.settle()
    last = chat.summaries[-1]
    assert (last.done + last.cancelled, last.waiting) == (30, 0)
    assert last.done == len(chat.sent)


@pytest.mark.parametrize("is_shared", [False, True])
def test_cancelled_songs_that_wait_for_their_album_leave_no_files(
    make_bot: MakeBot, is_shared: bool
) -> None:
    bot = make_bot(**QUICK, USER_MAX_RUNNING="3", CHAT_MAX_RUNNING="3", DOWNLOAD_WORKERS="3")
    listed(bot, 8, SOUND)
    take(bot, *range(1, 9))
    bot.pass_time(3)
    first = next(iter(bot.tasks(Download).values()))
    if is_shared:
        key = media_keys.of_link(first.url, SOUND)
        bot.bring(OpenRequest(8, 8, 1, first.url, key, form=SOUND))
    for job_id, task in bot.tasks(Download).items():
        bot.downloads.finish(job_id, as_songs(make_media(Path(task.directory), task.url)))
    bot.step()
    waiting = set(bot.directories()) - {
        Path(t.directory).name for t in bot.tasks(Download).values()
    }
    assert len(waiting) == 3
    bot.bring(CancelAll(Reader(ME), ME, 9, True))
    assert waiting & set(bot.directories()) == (
        {Path(first.directory).name} if is_shared else set()
    )


@pytest.mark.parametrize("steps", range(1, 60, 4))
def test_a_bot_that_is_killed_sends_each_song_once(make_bot: MakeBot, steps: int) -> None:
    bot = make_bot(**QUICK)
    listed(bot, 12, SOUND)
    take(bot, *range(1, 13))
    before = Chat(bot, failing=[3])
    for _ in range(steps):
        before.step(0.5)
    bot.kill()
    bot = make_bot(**QUICK)
    chat = Chat(bot, failing=[3])
    chat.next_id = 1000
    bot.step()
    chat.settle()
    assert sorted(before.sent + chat.sent) == sorted(urls(1, 2, *range(4, 13)))
    last = (before.summaries + chat.summaries)[-1]
    failed = Failure("private", (3,))
    assert last == Summary("An album", done=11, failures=(failed,), can_try_again=True)
