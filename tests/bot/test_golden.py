"""Conversations as a person sees them, word for word, in `tests/bot/golden/*.txt`.

What flits by while a download runs is left out, because how often it is seen is the machine's
affair; where it is the very point, one line stands for all of its kind. `GOLDEN=write` in the
environment writes the files instead of comparing them.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.site import MediaSite
from tests.sandbox.youtube import LINK, Youtube
from tests.support import youtube_lists
from tests.support.conversation import Conversation, _chats
from tests.support.media import chapters_in
from tests.support.scene import GALLERY, ONE_WORKER_EACH, TRUSTING_BOT, Scene

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")


@pytest.fixture(scope="module")
def scene(site: MediaSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    env = {"MAX_FILE_MB": "5", "QUEUE_RETRY_AFTER": "6", **ONE_WORKER_EACH}
    with Scene(site, tmp_path_factory.mktemp("bot"), env) as scene:
        yield scene


@pytest.fixture
def talk(scene: Scene) -> Conversation:
    return Conversation(scene)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/clip.mp4", "video"),
        ("/audio.m4a", "sound"),
        ("/gif.mp4", "animation"),
        ("/og.html", "page"),
        ("/photo.html", "photo"),
        ("/404.mp4", "removed"),
        ("/text.html", "nothing-there"),
        ("/empty.mp4", "empty"),
        ("/large.mp4?mb=600", "too-large"),
        ("/flaky/golden.mp4?fails=1", "tried-again"),
        ("/flaky/given-up.mp4?fails=9", "given-up"),
    ],
)
def test_a_link(talk: Conversation, path: str, name: str) -> None:
    talk.send(path)
    talk.assert_as_in(name)


def test_a_link_sent_twice(talk: Conversation) -> None:
    talk.send("/clip/golden-twice.mp4")
    talk.send("/clip/golden-twice.mp4", answers=2)
    talk.assert_as_in("twice")


def test_the_sound_alone(talk: Conversation) -> None:
    talk.say(f"/audio {talk.scene.link('/clip/golden-audio.mp4')}")
    talk.assert_as_in("sound-alone")


def test_sound_in_a_format_and_the_file_itself(talk: Conversation) -> None:
    api, link = talk.scene.api, talk.scene.link("/clip/golden-formats.mp4")
    talk.say(f"/audio mp3 {link}")
    talk.say(f"/audio voice {link}", answers=2)
    # The status message, which cannot become a voice message.
    api.wait_for(lambda: any(message.deleted for message in api.chat(talk.chat_id)))
    talk.say(f"/file {link}", answers=3)
    talk.say(f"/cover {link}", answers=4)
    talk.say(f"/cover {talk.scene.link('/og.html?golden-cover')}", answers=5)
    talk.say(f"/audio flac {link}", answers=6)
    talk.assert_as_in("formats")


def test_a_part_of_a_video(talk: Conversation) -> None:
    link = talk.scene.link("/clip/golden-part.mp4")
    talk.say(f"/clip 0:01-0:02.5 {link}")
    talk.say(f"/clip {link}?t=2", answers=2)
    talk.say(f"/clip 0:30-0:40 {link}", answers=3)
    talk.say(f"/clip 2-1 {link}", answers=4)
    talk.assert_as_in("part")


def test_choices_below_an_answer(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    talk.send("/heights/master.m3u8?golden")
    (answer,) = talk.scene.answers(chat_id)
    api.press(chat_id, answer.message_id, "Quality")
    api.wait_for(lambda: "120p" in str(api.chat(chat_id)[-1].buttons))
    api.press(chat_id, answer.message_id, "120p · 38 kB")
    talk.scene.wait_for_answers(2, chat_id)
    api.press(chat_id, answer.message_id, "Back")
    api.wait_for(lambda: "Sound" in str(api.chat(chat_id)[1].buttons))
    api.press(chat_id, answer.message_id, "Sound")
    talk.scene.wait_for_answers(3, chat_id)
    talk.assert_as_in("choices")


def test_more_below_an_answer(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    talk.send("/og.html?golden-more")
    (answer,) = talk.scene.answers(chat_id)
    api.press(chat_id, answer.message_id, "More")
    api.wait_for(lambda: "MP3 192" in str(api.chat(chat_id)[1].buttons))
    api.press(chat_id, answer.message_id, "MP3 192")
    talk.scene.wait_for_answers(2, chat_id)
    api.press(chat_id, answer.message_id, "Description")
    api.wait_for(lambda: "described" in str(api.chat(chat_id)[-1].text))
    api.press(chat_id, answer.message_id, "Back")
    api.wait_for(lambda: "Sound" in str(api.chat(chat_id)[1].buttons))
    talk.assert_as_in("more")


def test_choices_of_another_day(talk: Conversation) -> None:
    scene, chat_id, path = talk.scene, talk.chat_id, "/qualities/master.m3u8"
    talk.send(f"{path}?later")
    (answer,) = scene.answers(chat_id)
    scene.change("UPDATE jobs SET finished_at = finished_at - 86400 WHERE kind = 'download'")
    asked = scene.site.hits(path)
    scene.api.press(chat_id, answer.message_id, "Quality")
    scene.api.wait_for(lambda: "120p" in str(scene.api.chat(chat_id)[1].buttons))
    assert scene.site.hits(path) > asked, "the site was asked which there are"
    asked = scene.site.hits(path)
    scene.api.press(chat_id, answer.message_id, "120p · 38 kB")
    scene.wait_for_answers(2, chat_id)
    assert scene.site.hits(path) == asked, "and is not asked again for one of them"


def test_chapters_of_a_video(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    talk.send("/described.html?golden-chapters")
    (answer,) = talk.scene.answers(chat_id)
    api.press(chat_id, answer.message_id, "More")
    api.wait_for(lambda: "Chapters" in str(api.chat(chat_id)[1].buttons))
    api.press(chat_id, answer.message_id, "Chapters")
    api.wait_for(lambda: "Water" in str(api.chat(chat_id)[1].buttons))
    api.press(chat_id, answer.message_id, "0:01 · Water")
    talk.scene.wait_for_answers(2, chat_id)
    talk.assert_as_in("chapters")


def test_settings(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    # The command stands in the menu.
    api.wait_for(lambda: "settings" in str(api.menus.get("all_private_chats")))
    api.say("/settings", chat_id)
    panel = api.wait_for(lambda: api.chat(chat_id)[1:])[-1].message_id

    def press(button: str, shows: str) -> None:
        api.press(chat_id, panel, button)
        api.wait_for(lambda: shows in str(api.chat(chat_id)[1].buttons))

    press("Captions: full", "title only")
    press("none", "Captions: none")
    press("Buttons: on", "✓ on")
    press("off", "Buttons: off")
    api.press(chat_id, panel, "Close")
    api.wait_for(lambda: not api.chat(chat_id)[1].buttons)
    talk.send("/clip/golden-settings.mp4", answers=2)
    talk.assert_as_in("settings")


def test_asked_first(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    api.say("/settings", chat_id)
    panel = api.wait_for(lambda: api.chat(chat_id)[1:])[-1].message_id
    api.press(chat_id, panel, "Quality: best that fits")
    api.wait_for(lambda: "ask me first" in str(api.chat(chat_id)[1].buttons))
    api.press(chat_id, panel, "ask me first")
    api.wait_for(lambda: "Quality: ask me first" in str(api.chat(chat_id)[1].buttons))
    talk.send("/qualities/master.m3u8?golden-asked", answers=2)
    api.press(chat_id, api.chat(chat_id)[-1].message_id, "120p · 38 kB")
    talk.scene.wait_for_answers(3, chat_id)
    talk.assert_as_in("asked-first")


def test_what_a_link_is(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    link = talk.scene.link("/described.html")
    talk.say(f"/info {link}")
    (answer,) = talk.scene.answers(chat_id)
    api.press(chat_id, answer.message_id, "Video")
    talk.scene.wait_for_answers(2, chat_id)
    talk.assert_as_in("info")


def test_privacy_and_forget(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    talk.send("/clip/golden-forget.mp4")
    api.say("/privacy", chat_id)
    api.wait_for(lambda: "Delete it" in str(api.chat(chat_id)[-1].buttons))
    panel = api.chat(chat_id)[-1].message_id
    api.press(chat_id, panel, "Delete it…")
    api.wait_for(lambda: "Delete everything" in str(api.chat(chat_id)[-1].buttons))
    api.press(chat_id, panel, "Delete everything")
    api.wait_for(lambda: "Done" in str(api.chat(chat_id)[-1].text))
    api.press(chat_id, api.chat(chat_id)[1].message_id, "Sound")
    api.wait_for(lambda: "notice: This button" in str(talk.lines))
    talk.assert_as_in("forget")


def test_the_queue(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    talk.scene.send("/slow/golden-queue.mp4?seconds=30", chat_id)
    api.wait_for(lambda: "Downloading" in str(api.chat(chat_id)[-1].text))
    api.say("/queue", chat_id)
    api.wait_for(lambda: "Cancel 1" in str(api.chat(chat_id)[-1].buttons))
    panel = api.chat(chat_id)[-1].message_id
    api.press(chat_id, panel, "Cancel 1")
    api.wait_for(lambda: "Refresh" not in str(api.chat(chat_id)[-1].buttons))
    api.wait_for(lambda: "Cancelled" in str(api.chat(chat_id)[1].text))
    api.press(chat_id, panel, "Close")
    api.wait_for(lambda: not api.chat(chat_id)[-1].buttons)
    talk.assert_as_in("queue")


def test_a_list(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    talk.send("/feed.xml?items=6&missing=3")
    (found,) = talk.scene.answers(chat_id)
    api.press(chat_id, found.message_id, "Choose")
    for label in ("2. Item 2", "3. Item 3"):
        _wait_for_button(talk, found.message_id, label)
        api.press(chat_id, found.message_id, label)
        _wait_for_button(talk, found.message_id, f"✓ {label}")
    api.press(chat_id, found.message_id, "Get 2")
    api.wait_for(lambda: "Try the failed ones again" in str(api.chat(chat_id)))
    api.press(chat_id, found.message_id, "Back")
    _wait_for_button(talk, found.message_id, "All 6")
    talk.assert_as_in("list")


def test_a_list_that_is_only_asked_about(talk: Conversation) -> None:
    talk.say(f"/info {talk.scene.link('/feed.xml?items=12')}")
    (found,) = talk.scene.answers(talk.chat_id)
    talk.scene.api.press(talk.chat_id, found.message_id, "Choose")
    _wait_for_button(talk, found.message_id, "2. Item 2")
    talk.assert_as_in("list-info")


def test_songs_of_a_list(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    talk.say(f"/audio {talk.scene.link('/feed.xml?items=5&missing=4')}")
    (found,) = talk.scene.answers(chat_id)
    api.press(chat_id, found.message_id, "All 5")
    api.wait_for(lambda: "Try the failed ones again" in str(api.chat(chat_id)))
    talk.assert_as_in("album")


def _wait_for_button(talk: Conversation, message_id: int, label: str) -> None:
    def labels() -> list[str]:
        chat = talk.scene.api.chat(talk.chat_id)
        (message,) = (message for message in chat if message.message_id == message_id)
        return [text for row in message.buttons for text, _ in row]

    talk.scene.api.wait_for(lambda: label in labels())


def test_once_more_and_fresh(talk: Conversation) -> None:
    talk.send("/clip/golden-fresh.mp4")
    talk.scene.api.say(f"/fresh {talk.scene.link('/clip/golden-fresh.mp4')}", talk.chat_id)
    talk.scene.wait_for_answers(2, talk.chat_id)
    talk.assert_as_in("fresh")


def test_a_post_of_several(site: MediaSite, tmp_path: Path) -> None:
    known = {**ONE_WORKER_EACH, **GALLERY}
    with Scene(site, tmp_path, known) as scene:
        talk = Conversation(scene)
        talk.send("/post/vpp", answers=3)
        talk.assert_as_in("post")


@pytest.fixture(scope="module")
def youtube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Youtube]:
    with youtube_lists.YoutubeWithAPlaylist(tmp_path_factory.mktemp("youtube"), 3) as youtube:
        yield youtube


@pytest.fixture(scope="module")
def at_youtube(
    site: MediaSite, youtube: Youtube, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    env = {"PROXY": youtube.proxy, "SSL_CERT_FILE": str(youtube.certificate), **ONE_WORKER_EACH}
    with Scene(site, tmp_path_factory.mktemp("bot"), env, script=TRUSTING_BOT) as scene:
        yield scene


@pytest.mark.usefixtures("needs_deno")
def test_a_search(at_youtube: Scene) -> None:
    scene, talk = at_youtube, Conversation(at_youtube)
    talk.say("/search how to bake bread")
    (found,) = scene.answers(talk.chat_id)
    # Its buttons are of the ledger's request, and not of a process's memory.
    scene.bot.kill()
    scene.restart_after_death()
    scene.api.press(talk.chat_id, found.message_id, "2")
    scene.wait_for_answers(2, talk.chat_id)
    talk.assert_as_in("search")


@pytest.mark.usefixtures("needs_deno")
def test_sponsors_are_marked_or_cut_out(at_youtube: Scene, youtube: Youtube) -> None:
    api, talk = at_youtube.api, Conversation(at_youtube)
    youtube.sponsors = [(0.5, 1.0)]
    api.say("/settings", talk.chat_id)
    panel = api.wait_for(lambda: api.chat(talk.chat_id)[1:])[-1].message_id
    for answers, (chosen, wanted) in enumerate(
        (("off", "mark as chapters"), ("mark as chapters", "cut out sponsors")), 2
    ):
        _press_when_there(talk, panel, f"SponsorBlock: {chosen}")
        _press_when_there(talk, panel, wanted)
        _wait_for_button(talk, panel, f"SponsorBlock: {wanted}")
        talk.say(LINK, answers)
        newest = at_youtube.answers(talk.chat_id)[-1].media
        assert newest
        titles = [title for _, _, title in chapters_in(newest.path)]
        assert ("Sponsor" in titles) == (wanted == "mark as chapters")
    talk.assert_as_in("sponsors")


@pytest.mark.usefixtures("needs_deno")
def test_the_list_that_a_link_names(at_youtube: Scene) -> None:
    talk = Conversation(at_youtube)
    talk.say(f"/playlist {youtube_lists.IN_PLAYLIST}")
    (found,) = at_youtube.answers(talk.chat_id)
    _press_when_there(talk, found.message_id, "All 3")
    at_youtube.api.wait_for(lambda: "Done: 3" in str(at_youtube.api.chat(talk.chat_id)))
    talk.assert_as_in("playlist")


def _press_when_there(talk: Conversation, message_id: int, label: str) -> None:
    _wait_for_button(talk, message_id, label)
    talk.scene.api.press(talk.chat_id, message_id, label)


def test_a_site_that_works_for_nobody(tmp_path: Path) -> None:
    with MediaSite() as site, Scene(site, tmp_path, {"QUEUE_RETRY_AFTER": "600"}) as scene:
        talk, others = Conversation(scene), [next(_chats), next(_chats)]
        site.is_down.set()
        for chat in others:
            for number in range(3):
                scene.send(f"/clip/{chat}-{number}.mp4", chat)
        for chat in others:
            scene.wait_for_answers(3, chat)
        talk.send("/clip/golden-down.mp4")
        talk.assert_as_in("site-down")


def test_no_link(talk: Conversation) -> None:
    talk.say("Good morning")
    talk.assert_as_in("no-link")


def test_help(talk: Conversation) -> None:
    talk.say("/help", answers=2)
    talk.assert_as_in("help")


def test_cancel(talk: Conversation) -> None:
    api, chat_id = talk.scene.api, talk.chat_id
    talk.scene.send("/slow/golden.mp4?seconds=30", chat_id)
    status = api.wait_for(lambda: [m for m in api.chat(chat_id) if m.is_under_way])[0]
    notices = sum(call.method == "answerCallbackQuery" for call in api.calls)
    # Somebody else first: it is not theirs to cancel.
    api.press(chat_id, status.message_id, "Cancel", user_id=chat_id + 1000)
    api.wait_for(lambda: sum(c.method == "answerCallbackQuery" for c in api.calls) > notices)
    api.press(chat_id, status.message_id, "Cancel")
    talk.scene.wait_for_answers(1, chat_id)
    talk.assert_as_in("cancel")
