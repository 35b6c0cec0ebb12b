"""The main job through the real bot: a link in, one final answer out."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.sandbox.bot_process import BOT
from tests.sandbox.faults import Fault
from tests.sandbox.site import MediaSite
from tests.support.media import probe
from tests.support.scene import Scene
from worker.protocol.notices import Notice, Topic
from worker.telegram import texts
from worker.telegram.intents import MAX_LINKS
from worker.telegram.texts import ENGLISH

_chats = count(1000)


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    env = {
        "MAX_FILE_MB": "5",
        "DOWNLOAD_IDLE_TIMEOUT": "6",
        "DOWNLOAD_TIMEOUT": "60",
        "JOB_MAX_ATTEMPTS": "2",
    }
    with Scene(site, tmp_path_factory.mktemp("bot"), env, script=BOT) as scene:
        yield scene


@pytest.fixture
def chat() -> int:
    """A chat of its own for each test, so that one bot can serve them all."""
    return next(_chats)


@pytest.mark.usefixtures("needs_ffmpeg")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/clip.mp4", "video"),
        ("/page.html", "video"),
        ("/og.html", "video"),
        ("/redirect", "video"),
        ("/hls/master.m3u8", "video"),
        ("/hls-aes/master.m3u8", "video"),
        ("/dash/manifest.mpd", "video"),
        ("/audio.m4a", "audio"),
        ("/audio.mp3", "audio"),
    ],
)
def test_media_arrives_as_it_was(scene: Scene, chat: int, path: str, kind: str) -> None:
    scene.send(path, chat)
    (answer,) = scene.wait_for_answers(1, chat)
    media = answer.media
    assert media is not None, answer.text
    assert answer.kind == kind
    probed = probe(media.path)
    assert probed.duration_s == pytest.approx(3, abs=0.2)
    assert media.duration == pytest.approx(probed.duration_s, abs=1)
    if kind == "video":
        assert (media.width, media.height) == (probed.width, probed.height) == (320, 240)
        assert media.thumbnail is not None
        assert media.supports_streaming


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/404.mp4", "does not exist"),
        ("/403.mp4", "does not let me in"),
        ("/text.html", "found no video"),
        ("/empty.mp4", "empty file"),
        ("/large.mp4?mb=60", "larger than the 5 MB that I can send at once"),
        ("/endless.mp4", "larger than the 5 MB that I can send at once"),
        ("/stall.mp4", "stopped sending"),
        ("/429.mp4", "turning me away"),
    ],
)
def test_failure_is_answered_in_one_sentence(
    scene: Scene, chat: int, path: str, words: str
) -> None:
    scene.send(path, chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.media is None
    assert words in (answer.text or "")


def test_retryable_failure_is_retried(scene: Scene, chat: int) -> None:
    scene.send("/flaky/once.mp4?fails=1", chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.kind == "video"
    (attempts,) = scene.ledger(
        "SELECT attempts FROM jobs WHERE payload LIKE ? AND kind = 'download'", "%flaky/once%"
    )
    assert attempts == (2,)


def test_wait_that_a_site_asks_for_is_kept_and_shown(scene: Scene, chat: int) -> None:
    scene.send("/429.mp4?n=wait", chat)
    shown = "The site is turning me away for now.\nTrying again in 5 seconds: try 2 of 2…"
    scene.api.wait_for(lambda: shown in [message.text for message in scene.api.chat(chat)])
    scene.wait_for_answers(1, chat)
    first, second = (r.time for r in scene.site.requests if r.path == "/429.mp4?n=wait")
    assert (second - first).total_seconds() >= 5


def test_error_id_leads_to_the_log(scene: Scene, chat: int) -> None:
    scene.send("/flaky/always.mp4?fails=99", chat)
    (answer,) = scene.wait_for_answers(1, chat)
    error_id = (answer.text or "").partition("(error ")[2].partition(")")[0]
    assert len(error_id) == 6, answer.text
    assert error_id in scene.bot.log


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello", "Send me a link"),
        ("word " * 819, "Send me a link"),
        ("http://127.0.0.1/" + "a" * 3000, "too long"),
        ("ftp://example.org/video.mp4", "http:// or https://"),
        ("http://user:secret@example.org/video.mp4", "password"),
    ],
)
def test_text_without_a_usable_link_gets_a_reply(
    scene: Scene, chat: int, text: str, words: str
) -> None:
    scene.api.say(text, chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert words in (answer.text or "")


def test_groups_command_is_answered_by_the_bot_that_it_names(scene: Scene) -> None:
    group = -100_777
    scene.api.say("/help@another_bot", group, 7)
    scene.api.say(f"/audio@another_bot {scene.link('/clip/not-ours.mp4')}", group, 7)
    scene.api.say("/help", group, 7)
    scene.api.say("/help@Sandbox_Bot", group, 7)
    answers = scene.wait_for_answers(2, group)
    words, picture = sorted(answers, key=lambda answer: answer.kind, reverse=True)
    assert words.text == texts.notice(ENGLISH, Notice(Topic.HELP, {"most_links": MAX_LINKS}))
    assert picture.caption == texts.notice(ENGLISH, Notice(Topic.HELP_PICTURE))


def test_each_of_several_links_is_a_request(scene: Scene, chat: int) -> None:
    links = [scene.link(f"/clip/several-{number}.mp4") for number in range(7)]
    scene.api.say(" ".join(links), chat)
    answers = scene.wait_for_answers(6, chat)
    assert [answer.kind for answer in answers].count("video") == 5
    (notice,) = [answer.text for answer in answers if answer.text]
    assert "I only take 5 links" in (notice or "")


def test_people_with_one_link_share_one_download(scene: Scene) -> None:
    chats = [next(_chats) for _ in range(5)]
    before = scene.site.hits("/slow/shared.mp4")
    for chat in chats:
        scene.send("/slow/shared.mp4?seconds=2", chat)
    for chat in chats:
        (answer,) = scene.wait_for_answers(1, chat)
        assert answer.kind == "video"
    assert scene.ledger(
        "SELECT count(*) FROM jobs WHERE payload LIKE '%slow/shared%' AND kind = 'download'"
    ) == [(1,)]
    assert scene.site.hits("/slow/shared.mp4") > before


def test_repeat_needs_no_download(scene: Scene, chat: int) -> None:
    scene.send("/clip/again.mp4", chat)
    scene.wait_for_answers(1, chat)
    hits = scene.site.hits("/clip/again.mp4")
    scene.send("/clip/again.mp4", chat)
    first, second = scene.wait_for_answers(2, chat)
    assert first.media is not None
    assert second.media is not None
    assert first.media.file_unique_id == second.media.file_unique_id
    assert scene.site.hits("/clip/again.mp4") == hits


def test_cancel_ends_a_download_and_says_so(scene: Scene, chat: int) -> None:
    scene.send("/slow/cancelled.mp4?seconds=600", chat)
    scene.api.wait_for(lambda: scene.site.hits("/slow/cancelled.mp4"))
    status = scene.api.wait_for(lambda: [m for m in scene.api.chat(chat) if m.is_under_way])[0]
    scene.api.press(chat, status.message_id, "Cancel", user_id=chat + 1)
    scene.api.press(chat, status.message_id, "Cancel")
    (answer,) = scene.wait_for_answers(1, chat)
    assert "Cancelled" in (answer.text or "")
    scene.wait_for_no_directories()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("editMessageMedia", "too_many_requests", retry_after=1),
        Fault("editMessageMedia", "bad_gateway"),
        Fault("editMessageMedia", "cut_after"),
        Fault("editMessageMedia", "malformed_json"),
        Fault("sendMessage", "too_many_requests", retry_after=1),
    ],
    ids=lambda fault: f"{fault.method}-{fault.kind}",
)
def test_telegram_trouble_delays_the_answer_and_no_more(
    scene: Scene, chat: int, fault: Fault
) -> None:
    scene.api.faults.add(fault)
    scene.send(f"/clip/trouble-{fault.method}-{fault.kind}.mp4", chat)
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.kind == "video"
    assert fault.hits == 1


def test_deleted_status_message_is_replaced(scene: Scene, chat: int) -> None:
    with scene.site.holding("/slow/deleted.mp4"):
        scene.send("/slow/deleted.mp4?seconds=0", chat)
        status = scene.api.wait_for(lambda: [m for m in scene.api.chat(chat) if m.is_under_way])[0]
        scene.api.delete_message(chat, status.message_id)
    (answer,) = scene.wait_for_answers(1, chat)
    assert answer.kind == "video"


def test_blocked_chat_holds_up_nobody(scene: Scene, chat: int) -> None:
    with scene.site.holding("/slow/blocked.mp4"):
        scene.send("/slow/blocked.mp4?seconds=0", chat)
        scene.api.wait_for(lambda: [m for m in scene.api.chat(chat) if m.is_under_way])
        scene.api.block(chat)
    other = next(_chats)
    scene.send("/clip/other.mp4", other)
    scene.wait_for_answers(1, other)
    scene.api.wait_for(
        lambda: (
            scene.ledger("SELECT verdict FROM requests WHERE chat_id = ?", chat)
            == [("unreachable",)]
        )
    )
