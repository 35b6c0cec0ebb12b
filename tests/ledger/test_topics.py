"""Forums: a link is answered in its own topic, and a closed topic ends nothing beside it."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker import media_keys
from worker.errors import ChatClosed, Fault, JobError, MessageGone, Reason, TopicClosed
from worker.ledger import Ledger
from worker.protocol import (
    Deliver,
    Delivered,
    Download,
    Explain,
    GroupSent,
    MediaKind,
    Place,
    PostStatus,
    Reader,
    Reply,
    SendGroup,
)
from worker.protocol.as_json import reply_from_json, reply_to_json
from worker.protocol.effects import OpenRequest
from worker.protocol.notices import Notice, Refusal, Topic
from worker.telegram.handlers import handle_update

FORUM, TOPIC, OTHER_TOPIC = -1001, 12, 13
LINK, OTHER = "https://site.example/v", "https://site.example/w"
SENT = Delivered("file id", MediaKind.VIDEO)
CLOSED = TopicClosed("sendMessage: Bad Request: TOPIC_CLOSED")


def send_in(bot: SteppedDispatcher, thread_id: int | None, url: str = LINK) -> None:
    """A person sends a link to a topic of the forum."""
    key = media_keys.of_link(url)
    bot.bring(OpenRequest(FORUM, 7, 1, url, key, thread_id=thread_id))


@pytest.mark.parametrize(
    ("fields", "thread_id"),
    [
        ({}, None),
        ({"message_thread_id": TOPIC, "is_topic_message": True}, TOPIC),
        # The main topic, which has the number 1 and cannot be sent to by it.
        ({"message_thread_id": 1, "is_topic_message": True}, None),
        # A thread of replies in a group without topics.
        ({"message_thread_id": TOPIC}, None),
        ({"message_thread_id": TOPIC, "is_topic_message": False}, None),
        ({"message_thread_id": "12", "is_topic_message": True}, None),
        ({"is_topic_message": True}, None),
    ],
)
@pytest.mark.parametrize("text", [LINK, "/audio@bot ftp://site.example/v", "/help@bot"])
def test_topic_is_read_from_the_message(
    fields: dict[str, Any], thread_id: int | None, text: str
) -> None:
    message = {
        "message_id": 1,
        "chat": {"id": FORUM, "type": "supergroup"},
        "from": {"id": 7},
        "text": text,
        **fields,
    }
    effects = handle_update({"message": message}, username=lambda: "bot")
    assert effects
    for effect in effects:
        assert isinstance(effect, OpenRequest | Reply)
        found = effect if isinstance(effect, OpenRequest) else effect.reader
        assert found.thread_id == thread_id


@pytest.mark.parametrize("thread_id", [TOPIC, None])
def test_whatever_is_sent_for_a_link_is_sent_to_its_topic(
    make_bot: MakeBot, thread_id: int | None
) -> None:
    bot = make_bot(USER_LINKS_PER_MINUTE="1")
    reader = Reader(FORUM, thread_id=thread_id)
    send_in(bot, thread_id)
    send_in(bot, thread_id, OTHER)
    assert bot.task(Reply) == Reply(reader, 1, (Notice(Refusal.MINUTE),))
    bot.finish(Reply)
    assert bot.task(PostStatus).reader == reader
    bot.post()
    bot.pass_time(15)
    assert {action.place for action in bot.actions} == {Place(FORUM, thread_id)}
    bot.finish_download(2)
    assert bot.task(SendGroup).reader == reader
    bot.finish(SendGroup, GroupSent((SENT,)))
    # Its status message is deleted: the next one comes to the same topic.
    bot.fail(Deliver, MessageGone())
    assert bot.task(PostStatus).reader == reader
    bot.post(60)
    bot.deliver()
    assert bot.rows("SELECT verdict FROM requests") == [("media",)]


def test_topic_outlives_the_bot(make_bot: MakeBot) -> None:
    bot = make_bot()
    send_in(bot, TOPIC)
    reply = Reply(Reader(FORUM, "en", TOPIC), 1, (Notice(Topic.HELP),))
    assert reply_from_json(reply_to_json(reply)) == reply
    bot.kill()
    bot = make_bot()
    bot.step()
    assert bot.task(PostStatus).reader.thread_id == TOPIC


def test_notice_from_before_there_were_topics_is_read() -> None:
    value = reply_to_json(Reply(Reader(FORUM), 1, (Notice(Topic.HELP),)))
    del value["reader"]["thread_id"]
    assert reply_from_json(value).reader == Reader(FORUM)


@pytest.mark.parametrize("stage", [PostStatus, SendGroup, Deliver, Explain])
@pytest.mark.parametrize("is_open_for_edits", [True, False])
def test_closed_topic_ends_its_own_links_alone(
    bot: SteppedDispatcher,
    caplog: pytest.LogCaptureFixture,
    stage: type,
    is_open_for_edits: bool,
) -> None:
    send_in(bot, TOPIC)
    if stage is not PostStatus:
        bot.post()
    if stage is Explain:
        bot.fail(Download, JobError(Reason.NOT_FOUND, Fault.PERMANENT))
    elif stage is not PostStatus:
        bot.finish_download(2 if stage is SendGroup else 1)
    send_in(bot, OTHER_TOPIC, OTHER)
    for task_type in (stage, Explain):
        (job_id, *_) = bot.tasks(task_type) or [0]
        if job_id and (task_type is stage or not is_open_for_edits):
            bot.telegram.fail(job_id, CLOSED)
            bot.step()
    explained = [task.reason for task in bot.settle()]
    is_explained = stage in (SendGroup, Deliver) and is_open_for_edits
    assert explained == ([Reason.TOPIC_CLOSED] if is_explained else [])
    assert "TOPIC_CLOSED" in caplog.text
    while bot.tasks(Download):
        bot.finish_downloads()
    bot.deliver()
    verdicts = bot.rows("SELECT verdict, answered_at IS NOT NULL FROM requests ORDER BY id")
    assert verdicts == [("sentence" if is_explained else "unreachable", 1), ("media", 1)]
    assert bot.directories() == []


@pytest.mark.negative
def test_closed_chat_ends_all_its_links(bot: SteppedDispatcher) -> None:
    send_in(bot, TOPIC)
    send_in(bot, OTHER_TOPIC, OTHER)
    bot.telegram.fail(min(bot.tasks(PostStatus)), ChatClosed())
    bot.step()
    verdicts = bot.rows("SELECT verdict FROM requests")
    assert verdicts == [("unreachable",), ("unreachable",)]


def test_notice_to_a_closed_topic_ends_alone(bot: SteppedDispatcher) -> None:
    send_in(bot, OTHER_TOPIC)
    bot.bring(Reply(Reader(FORUM, "en", TOPIC), 1, (Notice(Topic.HELP),)))
    bot.fail(Reply, CLOSED)
    assert bot.states("reply") == ["dropped"]
    bot.post()
    bot.finish_download()
    bot.deliver()


def test_link_from_before_there_were_topics_has_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    ledger = Ledger(path)
    ledger._db.execute(
        "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, created_at)"
        " VALUES (-1, 7, 1, 'url', 'key', 0)"
    )
    request = ledger.request(1)
    assert request is not None
    assert request.place == Place(-1)
    ledger.close()
