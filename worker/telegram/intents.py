"""What a message wants from its links, by the command with which it begins. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from worker.form import ABOUT, SOUND, WHOLE, WHOLE_LIST, Form, What, is_language
from worker.protocol.notices import Notice, Topic
from worker.telegram import clip_times, commands
from worker.telegram.commands import Command
from worker.telegram.texts import CATALOGUES

MAX_LINKS = 5

# How people write the height of a video before its link: 720, 720p, 4K.
_HEIGHT = re.compile(r"(?:(?P<lines>[0-9]{1,6})p?|(?P<name>[248]k))", re.IGNORECASE)
_LINES_OF = {"2k": 1440, "4k": 2160, "8k": 4320}
_SOUNDS = {
    "mp3": What.MP3,
    "mp3-192": What.MP3,
    "192": What.MP3,
    "mp3-320": What.MP3_BEST,
    "320": What.MP3_BEST,
    "m4a": What.M4A,
    "voice": What.VOICE,
    "ogg": What.VOICE,
}
_TAGS = {name.lower(): tag for words in CATALOGUES for tag, name in words.languages.items()}
# A word after a command that may say how something is wanted, or be meant for other people.
_WORD = re.compile(r"[a-z0-9-]{1,20}", re.ASCII | re.IGNORECASE)
_SAYS_HOW = re.compile(r"[0-9]|^(?:flac|wav|aac|opus|wma|alac)$")


def _form_of_sound(word: str) -> Form | None:
    return Form(_SOUNDS[word]) if word in _SOUNDS else None


def _form_of_subtitles(word: str) -> Form | None:
    tag = _TAGS.get(word, word)
    return Form(What.SUBTITLES, subtitles=tag) if is_language(tag) else None


def _form_of_video(word: str) -> Form | None:
    height = _HEIGHT.fullmatch(word)
    if height is None:
        return None
    lines = int(height["lines"]) if height["lines"] else _LINES_OF[height["name"]]
    try:
        return Form(max_height=lines)
    except ValueError:
        return None


@dataclass(frozen=True)
class Intent:
    """What a message wants from its links.

    `is_exact`: the person's settings do not change it. `part_in_link`: each link has to name the
    wanted part by a time in it. `without_links` is the answer to a message without links, or else a
    hint; `picture` follows it as a message of its own. `takes_reply`: the links of the message that
    is replied to count. `form_of` reads the command's first word; `unlike` is the answer to a word
    that looks like a format but is none.
    """

    form: Form = WHOLE
    fresh: bool = False
    is_exact: bool = False
    without_links: Notice | None = None
    picture: Notice | None = None
    takes_reply: bool = False
    form_of: Callable[[str], Form | None] | None = None
    part_in_link: bool = False
    unlike: Topic = Topic.WHICH_LINK

    def form_for(self, url: str) -> Form | None:
        """The form that is wanted of this link.

        None if the link should name a part and does not.
        """
        if not self.part_in_link:
            return self.form
        clip = clip_times.in_link(url)
        return replace(self.form, clip=clip) if clip else None

    def with_word(self, argument: str) -> "Intent | Notice":
        """The intent with what the command's argument adds, or the answer to a wrong argument."""
        word = _word_in(argument)
        if not word or not self.form_of:
            return self
        if form := self.form_of(word):
            return replace(self, form=form, is_exact=True)
        return Notice(self.unlike) if _SAYS_HOW.search(word) else self


_HELP = Notice(Topic.HELP, {"most_links": MAX_LINKS})
_WHICH_LINK = Notice(Topic.WHICH_LINK)

_WHICH_CLIP = Notice(Topic.WHICH_CLIP)

_PLAIN = Intent()
INTENTS: Mapping[Command, Intent] = {
    Command.START: Intent(without_links=_HELP),
    Command.HELP: Intent(without_links=_HELP, picture=Notice(Topic.HELP_PICTURE)),
    Command.AUDIO: Intent(
        SOUND,
        without_links=_WHICH_LINK,
        takes_reply=True,
        form_of=_form_of_sound,
        unlike=Topic.WHICH_SOUND,
    ),
    Command.VIDEO: Intent(
        is_exact=True,
        without_links=_WHICH_LINK,
        takes_reply=True,
        form_of=_form_of_video,
        unlike=Topic.WHICH_HEIGHT,
    ),
    Command.FILE: Intent(
        Form(as_file=True), is_exact=True, without_links=_WHICH_LINK, takes_reply=True
    ),
    Command.COVER: Intent(
        Form(What.COVER), is_exact=True, without_links=_WHICH_LINK, takes_reply=True
    ),
    Command.SUBS: Intent(
        Form(What.SUBTITLES),
        is_exact=True,
        without_links=_WHICH_LINK,
        takes_reply=True,
        form_of=_form_of_subtitles,
        unlike=Topic.WHICH_LANGUAGE,
    ),
    Command.PLAYLIST: Intent(WHOLE_LIST, without_links=_WHICH_LINK, takes_reply=True),
    Command.CLIP: Intent(without_links=_WHICH_CLIP, takes_reply=True, part_in_link=True),
    Command.INFO: Intent(ABOUT, without_links=_WHICH_LINK, takes_reply=True),
    Command.FRESH: Intent(fresh=True, without_links=_WHICH_LINK, takes_reply=True),
}
"""The commands that say what is wanted of links."""


def intent_of(name: str, argument: str) -> Intent | Notice:
    """What a message with this command wants from its links, or the answer to a wrong argument."""
    command = commands.find(name)
    if command is Command.CLIP:
        return _clip_of(INTENTS[command], argument)
    return INTENTS.get(command, _PLAIN).with_word(argument) if command else _PLAIN


def _word_in(argument: str) -> str | None:
    """The word that may say how something is wanted: the first, or the only one after links."""
    words, besides = argument.split(), clip_times.words_besides_links(argument)
    if not besides or (besides[0] != words[0] and len(besides) > 1):
        return None
    return besides[0].lower() if _WORD.fullmatch(besides[0]) else None


def _clip_of(intent: Intent, argument: str) -> Intent | Notice:
    """The intent for the part that the argument names; without one, each link has to name it."""
    if clip := clip_times.said(argument):
        return replace(intent, form=Form(clip=clip), part_in_link=False)
    return _WHICH_CLIP if clip_times.may_be_meant(argument) else intent
