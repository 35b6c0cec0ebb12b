"""What the words of a command want of its links."""

import dataclasses

import pytest

from tests.support.asked_effects import LINK, exactly, notice, opened, reply
from tests.support.updates import (
    MESSAGE,
    USER,
    said,
)
from worker import media_keys
from worker.form import SOUND, Clip, Form, What
from worker.protocol import Reply
from worker.protocol.effects import (
    EditLinks,
    OpenRequest,
)
from worker.protocol.notices import Topic
from worker.telegram.handlers import handle_update


def test_a_command_counts_in_a_caption_as_well() -> None:
    (effect,) = handle_update(said(caption=f"/audio {LINK}", photo=[{}]))
    assert isinstance(effect, OpenRequest)
    assert effect.form == SOUND


@pytest.mark.parametrize(
    ("argument", "height"),
    [
        *(("720", 720), ("720p", 720), ("720P\n", 720), ("1080p", 1080), ("144", 144)),
        *(("4k", 2160), ("4K", 2160), ("2k", 1440), ("8K", 4320)),
        # What is no height stands there for other people.
        *(("", None), ("best", None), ("hd", None), ("please", None), ("720 please:", 720)),
    ],
)
def test_a_video_may_be_wanted_no_higher_than(argument: str, height: int | None) -> None:
    form = Form(max_height=height)
    wanted = exactly(form)
    assert handle_update(said(f"/video {argument} {LINK}")) == (wanted,)
    edited = handle_update({"edited_message": said(f"/video {argument} {LINK}")["message"]})
    assert edited == (EditLinks(USER, MESSAGE, (wanted,)),)
    answer = said(f"/video {argument}", reply_to_message={"text": LINK})
    assert handle_update(answer) == (wanted,)


@pytest.mark.parametrize("height", ["0", "5", "9p", "10000", "999999", "720i", "p720"])
def test_a_height_that_no_video_has_is_asked_for_again(height: str) -> None:
    text = f"/video {height} {LINK}"
    which_height = reply(notice(Topic.WHICH_HEIGHT))
    assert handle_update(said(text)) == (which_height,)
    edited = handle_update({"edited_message": said(text)["message"]})
    assert edited == (EditLinks(USER, MESSAGE, (), (which_height,)),)


@pytest.mark.parametrize(
    ("argument", "what"),
    [
        *(("mp3", What.MP3), ("MP3", What.MP3), ("mp3-320", What.MP3_BEST), ("320", What.MP3_BEST)),
        *(("m4a", What.M4A), ("voice", What.VOICE), ("ogg", What.VOICE)),
        *(("", What.SOUND), ("for you, Ada", What.SOUND), ("mp3 please:", What.MP3)),
    ],
)
def test_sound_may_be_wanted_in_a_format(argument: str, what: What) -> None:
    form = Form(what)
    wanted = dataclasses.replace(exactly(form), is_exact=what is not What.SOUND)
    assert handle_update(said(f"/audio {argument} {LINK}")) == (wanted,)
    answer = said(f"/audio {argument}", reply_to_message={"text": LINK})
    assert handle_update(answer) == (wanted,)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"/audio {LINK} mp3", Form(What.MP3)),
        (f"/audio {LINK}\nMP3-320", Form(What.MP3_BEST)),
        (f"/video {LINK} 720p", Form(max_height=720)),
        (f"/subs {LINK} de", Form(What.SUBTITLES, subtitles="de")),
        # Behind a link more is said to other people than before it.
        (f"/audio {LINK} voice of an angel", SOUND),
        (f"/audio {LINK} 5 stars", SOUND),
        (f"/audio listen: {LINK} mp3", SOUND),
        (f"/audio {LINK} great!", SOUND),
    ],
)
def test_how_it_is_wanted_may_stand_behind_the_link(text: str, form: Form) -> None:
    (effect,) = handle_update(said(text))
    assert isinstance(effect, OpenRequest)
    assert (effect.url, effect.form) == (LINK, form)


@pytest.mark.parametrize("argument", ["flac", "wav", "mp3-128", "64"])
def test_a_format_of_sound_that_is_unknown_is_asked_for_again(argument: str) -> None:
    which_sound = reply(notice(Topic.WHICH_SOUND))
    assert handle_update(said(f"/audio {argument} {LINK}")) == (which_sound,)
    answer = said(f"/audio {argument}", reply_to_message={"text": LINK})
    assert handle_update(answer) == (which_sound,)


@pytest.mark.parametrize(
    ("command", "form"),
    [
        ("file", Form(as_file=True)),
        ("cover", Form(What.COVER)),
        ("subs", Form(What.SUBTITLES)),
        ("subs EN-gb", Form(What.SUBTITLES, subtitles="en-gb")),
        ("subs German", Form(What.SUBTITLES, subtitles="de")),
    ],
)
def test_a_file_or_its_cover_may_be_wanted(command: str, form: Form) -> None:
    wanted = exactly(form)
    assert handle_update(said(f"/{command} {LINK}")) == (wanted,)
    assert handle_update(said(f"/{command}", reply_to_message={"text": LINK})) == (wanted,)
    assert handle_update(said(f"/{command}")) == (reply(notice(Topic.WHICH_LINK)),)


def test_a_language_that_is_none_is_asked_for_again() -> None:
    assert handle_update(said(f"/subs 720 {LINK}")) == (reply(notice(Topic.WHICH_LANGUAGE)),)
    assert handle_update(said(f"/subs please: {LINK}")) == (exactly(Form(What.SUBTITLES)),)


@pytest.mark.parametrize(
    ("argument", "clip"),
    [
        ("1:20-1:45 LINK", Clip(8000, 10500)),
        ("LINK 80 - 105", Clip(8000, 10500)),
        ("1:20-1:45", Clip(8000, 10500)),
        ("LINK?t=80", Clip(8000)),
        ("LINK?start=80&end=105", Clip(8000, 10500)),
        ("for you, Ada: LINK#t=80", Clip(8000)),
    ],
)
def test_a_part_may_be_wanted(argument: str, clip: Clip) -> None:
    text = argument.replace("LINK", LINK)
    link = next((word for word in text.split() if word.startswith(LINK)), LINK)
    form = Form(clip=clip)
    wanted = dataclasses.replace(opened(link), form=form, media_key=media_keys.of_link(link, form))
    if "LINK" in argument:
        assert handle_update(said(f"/clip {text}")) == (wanted,)
    answered = said(f"/clip {text.replace(link, '')}", reply_to_message={"text": link})
    assert handle_update(answered) == (wanted,)


@pytest.mark.parametrize(
    "argument",
    [
        *("", "LINK", "LINK please", "1:20-1:45", "105-80 LINK", "1:20 LINK", "80 105 LINK"),
        *("99999999-999999999 LINK", "LINK?t=soon", "1:75-2:00 LINK?t=5", "-5-10 LINK"),
    ],
)
def test_a_part_that_is_none_is_asked_for_again(argument: str) -> None:
    which_clip = reply(notice(Topic.WHICH_CLIP))
    assert handle_update(said(f"/clip {argument.replace('LINK', LINK)}")) == (which_clip,)


def test_links_without_a_time_are_named_once() -> None:
    effects = handle_update(said(f"/clip {LINK}?t=80 {LINK}/a {LINK}/b"))
    assert [type(effect) for effect in effects] == [OpenRequest, Reply]
