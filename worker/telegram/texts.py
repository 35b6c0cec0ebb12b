"""Every word that people see, in plain English.

A sentence says what happened and, where something helps, what to do. Whatever comes from
outside (titles, names) is freed from invisible characters, cut to length and escaped here.
"""

import html
import math
import unicodedata
from typing import TypeGuard
from urllib.parse import urlsplit

from worker.errors import Reason
from worker.protocol import Cancelled, MediaFile, Note, Progress, Refusal, Retry, Stage
from worker.urls import LinkFlaw

HELP = (
    "Send me a link to a video or a song, and I will send you the file.\n\n"
    "• Up to 5 links in a message.\n"
    "• /audio and a link: the sound alone.\n"
    "• /fresh and a link: what is there now, if it has changed since I sent it.\n"
    "• The button under my answer stops a download.\n"
    "• Live streams, private pages and protected films do not work."
)
HINT = "Send me a link to a video or a song. /help tells more."
WHICH_LINK = "Write the link behind the command, in the same message."
STRANGER = "Sorry, this is a private bot. Please ask its owner to let you in."

BAN_WHOM = "Whom? Write /ban and the person's numeric id, or answer a message of theirs with it."
BAN_ADMIN = "That is an admin of this bot."

CANCEL = "Cancel"
CANCELLED = "Cancelled. Send the link again if you change your mind."

# Notices to who pressed a button.
DEAD_BUTTON = "This button does not do anything any more."
CANCEL_NOTICES = {
    Cancelled.DONE: "Stopped.",
    Cancelled.NOT_YOURS: "Only the person who sent the link can cancel it.",
    Cancelled.TOO_LATE: "Too late: it is already done.",
}

REFUSALS = {
    Refusal.BANNED: "Sorry, you cannot use this bot any more.",
    Refusal.WAITING: "You have enough links waiting. Send this one again when some are done.",
    Refusal.MINUTE: "That was a lot of links in one minute. Send this one again in a minute.",
    Refusal.HOUR: "That was a lot of links in one hour. Please send this one again later.",
    Refusal.DAY: "That was a lot of links for one day. Please send this one again tomorrow.",
}

MAX_CAPTION = 1024  # UTF-16 units after entities parsing (Bot API 10.1, InputMediaVideo)
_MAX_NAME = 100  # of an uploader or a performer, UTF-16 units
_MAX_PROGRESS_S = 99 * 3600

_FLAWS = {
    LinkFlaw.TOO_LONG: "That link is too long. I can open links of up to 2048 characters.",
    LinkFlaw.SCHEME: "I can only open links that start with http:// or https://.",
    LinkFlaw.CREDENTIALS: "I do not open links with a user name or a password in them.",
    LinkFlaw.CHARACTERS: "That link holds characters that no link has. Please copy it again.",
    LinkFlaw.HOST: "That link does not name a site. Please copy it again.",
    LinkFlaw.PORT: "I do not open links to that port.",
}

_NEVER = "Trying again will not help."
_LATER = "Please try again later."
_COPY = "Please copy it again."

# What happened, and whether trying again helps.
_REASONS: dict[Reason, tuple[str, str]] = {
    Reason.INVALID_LINK: ("That is not a link I can open.", _COPY),
    Reason.REFUSED_ADDRESS: ("I do not open that address.", _NEVER),
    Reason.UNSUPPORTED: ("I found no video or sound behind that link.", _NEVER),
    Reason.NO_MEDIA: ("I found no video or sound on that page.", _NEVER),
    Reason.NOT_FOUND: ("That page does not exist any more.", "Please check the link."),
    Reason.FORBIDDEN: ("The site does not let me in, so I cannot get this one.", _NEVER),
    Reason.PRIVATE: ("This is private, so I cannot get it.", _NEVER),
    Reason.LOGIN_NEEDED: ("The site shows this only to people who are logged in.", _NEVER),
    Reason.AGE_RESTRICTED: ("The site asks for a proof of age, which I have not got.", _NEVER),
    Reason.GEO_BLOCKED: ("The site does not show this in the country I am in.", _NEVER),
    Reason.DRM: ("This is copy-protected, so I cannot get it.", _NEVER),
    Reason.LIVE: ("This is a live stream.", "Send the link again when it is over."),
    Reason.NOT_STARTED: ("This has not started yet.", "Send the link again when it is over."),
    Reason.NO_FORMAT: ("The site has this in no format that I can send.", _NEVER),
    Reason.NO_SOUND: ("There is no sound in this video.", _NEVER),
    Reason.TOO_LARGE: ("This is larger than what I may send at once.", _NEVER),
    Reason.TOO_LONG: ("This is too long for me to send.", _NEVER),
    Reason.HUGE_PAGE: ("The page behind that link is too large for me to read.", _NEVER),
    Reason.LEADS_NOWHERE: ("That link leads from page to page and never to a video.", _NEVER),
    Reason.EMPTY_FILE: ("The site gave me an empty file.", _NEVER),
    Reason.BROKEN_FILE: ("The site gave me a broken file.", _NEVER),
    Reason.SITE_BUSY: ("The site is turning me away for now.", "Please try again in an hour."),
    Reason.SITE_ERROR: ("The site has trouble of its own.", _LATER),
    Reason.BLOCKED_HERE: (
        "That site does not let me in at the moment; my owner knows.",
        _LATER,
    ),
    Reason.SITE_DOWN: ("That site works for nobody at the moment.", "Please try again soon."),
    Reason.NETWORK: ("I could not reach the site.", _LATER),
    Reason.TIMED_OUT: ("The download took too long, so I stopped it.", "A shorter one may work."),
    Reason.STALLED: ("The site stopped sending.", _LATER),
    Reason.OUT_OF_MEMORY: ("This needs more memory than I have.", "A shorter one may work."),
    Reason.CRASHED: ("Something broke on my side.", _LATER),
    Reason.DISK_FULL: ("I have no room left for now.", _LATER),
    Reason.UPLOAD_REFUSED: ("Telegram did not take the file.", _NEVER),
    Reason.OUTDATED: ("The site has changed and I have to be updated.", "Try in a few days."),
    Reason.INTERNAL: ("Something went wrong on my side.", _LATER),
}

# Where the sentence alone leaves open what happened, an id leads the operator to the log.
_WITH_ID = frozenset(
    {
        *(
            Reason.NO_FORMAT,
            Reason.BLOCKED_HERE,
            Reason.SITE_BUSY,
            Reason.SITE_ERROR,
            Reason.NETWORK,
        ),
        *(Reason.TIMED_OUT, Reason.STALLED, Reason.OUT_OF_MEMORY, Reason.CRASHED),
        *(Reason.DISK_FULL, Reason.UPLOAD_REFUSED, Reason.OUTDATED, Reason.INTERNAL),
    }
)

_NOTES = {
    Note.CUT: "The video is too large for one message, so I cut it into parts.",
    Note.LOWER_QUALITY: "A better quality is too large for me to send.",
    Note.AUDIO_ONLY: "This is the sound alone because the video is too large for me to send.",
    Note.NOT_CONVERTED: "This is a file because converting it would take me too long.",
}

_STAGES = {
    Stage.ACCEPTED: "Got it. Your download starts in a moment…",
    Stage.IN_LINE: "Waiting: yours is next…",
    Stage.NO_ROOM: "Waiting: I have no room on my disk for now…",
    Stage.DOWNLOADING: "Downloading…",
    Stage.FINISHING: "Almost there: preparing the file…",
    Stage.RETRYING: "That did not work. I will try again in a moment…",
    Stage.UPLOADING: "Uploading…",
}


def flaw(kind: LinkFlaw) -> str:
    """Why a link was not opened."""
    return _FLAWS[kind]


def banned(user_id: int) -> str:
    """To an admin."""
    return f"{user_id} is shut out. /unban {user_id} lets them in again."


def unbanned(user_id: int) -> str:
    """To an admin."""
    return f"{user_id} may use the bot again."


def too_many_links(limit: int, left_out: int) -> str:
    """That some of a message's links were left out."""
    rest = "another message" if left_out <= limit else "more messages"
    return f"I took the first {limit} links. Please send the other {left_out} in {rest}."


def explanation(
    reason: Reason | None,
    error_id: str = "",
    wait_s: float | None = None,
    limit_mb: int | None = None,
) -> str:
    """Why there is no media: one or two sentences. None stands for a cancelled request.

    `wait_s` is the time after which a site that is down is tried again, and `limit_mb` how large
    a file may be: each is told where it is known.
    """
    if reason is None:
        return CANCELLED
    what, helps = _REASONS[reason]
    if reason is Reason.SITE_DOWN and wait_s is not None:
        helps = f"Please send the link again in {_minutes(wait_s)}."
    if reason is Reason.TOO_LARGE and limit_mb is not None:
        what = f"This is larger than the {limit_mb} MB that I may send at once."
    sentence = f"{what} {helps}"
    if error_id and reason in _WITH_ID:
        return f"{sentence[:-1]} (error {error_id})."
    return sentence


def progress(state: Progress) -> str:
    """A request's state in one or two lines, without anything that is not known."""
    if state.retry:
        return _again(state.retry, state.eta_s or 0.0)
    if state.stage is Stage.IN_LINE and state.ahead > 0:
        before = "1 download is" if state.ahead == 1 else f"{state.ahead} downloads are"
        return f"Waiting: {before} before yours…"
    if state.stage is Stage.UPLOADING and state.total_bytes:
        return f"Uploading, {_size(state.total_bytes)}…"
    if state.stage is not Stage.DOWNLOADING or state.done_bytes <= 0:
        return _STAGES[state.stage]
    done, total = state.done_bytes, state.total_bytes
    if total and total > 0:
        share = min(done / total, 1.0)
        first = f"Downloading {_bar(share)} {math.floor(share * 100)} %"
        facts = [f"{_size(min(done, total))} of {_size(total)}"]
    else:
        first, facts = _STAGES[Stage.DOWNLOADING], [_size(done)]
    if _is_shown(state.speed_bps):
        facts.append(f"{_size(state.speed_bps)}/s")
    if _is_shown(state.eta_s) and state.eta_s <= _MAX_PROGRESS_S:
        facts.append(f"{_clock(state.eta_s)} left")
    if state.is_silent:
        facts.append("waiting for the site")
    return f"{first}\n{' · '.join(facts)}"


def _again(retry: Retry, wait_s: float) -> str:
    """That a download has failed, and when it is tried again."""
    what, _ = _REASONS[retry.reason]
    count = f"{retry.next_try} of {retry.most_tries}"
    return f"{what}\nTrying again in {_span(wait_s)}: try {count}…"


def caption(media: MediaFile) -> str:
    """A media's caption in Telegram's HTML: the title as a link, who made it, how long, a note.

    At most `MAX_CAPTION` UTF-16 units once parsed. The text is cut before it becomes HTML, so
    no tag, entity or character is ever cut in two.
    """
    facts = [clean(media.uploader or "", _MAX_NAME).lstrip("@ ")]
    if _is_shown(media.duration_s):
        facts.append(_clock(media.duration_s))
    if media.parts > 1:
        facts.append(f"part {media.part} of {media.parts}")
    last = " · ".join(filter(None, facts))
    if media.note:
        last = f"{last}\n{_NOTES[media.note]}".lstrip()
    title = clean(media.title, MAX_CAPTION - utf16_length(last) - 1) or "Link"
    link = html.escape(title)
    if urlsplit(media.source_url).scheme in ("http", "https"):
        link = f'<a href="{html.escape(media.source_url)}">{link}</a>'
    return f"{link}\n{html.escape(last)}" if last else link


def clean(text: str, limit: int) -> str:
    """Text from outside on one line, without invisible or direction-turning characters.

    At most `limit` UTF-16 units, the last one an ellipsis if something was cut.
    """
    shown = "".join(" " if _is_blank(c) else c for c in text if not _is_hidden(c))
    shown = " ".join(shown.split()).strip("\u200c\u200d ")
    if utf16_length(shown) <= limit:
        return shown
    kept, left = [], limit - 1
    for character in shown:
        left -= utf16_length(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def utf16_length(text: str) -> int:
    """The length of a text as Telegram counts it."""
    return len(text) + sum(character > "\uffff" for character in text)


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Zl", "Zp")


def _is_hidden(character: str) -> bool:
    # The two joiners hold emoji and Persian words together; all other format characters are
    # unseen, and some (U+202E) turn the direction of the text after them.
    if character in "\u200c\u200d" or _is_blank(character):
        return False
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")


def _is_shown(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number) and number > 0


def _bar(share: float) -> str:
    full = math.floor(share * 10)
    return "▰" * full + "▱" * (10 - full)


def _size(size_bytes: float) -> str:
    if size_bytes < 1e6:
        return f"{size_bytes / 1e3:.0f} kB"
    if size_bytes < 1e9:
        return f"{size_bytes / 1e6:.1f} MB"
    return f"{size_bytes / 1e9:.2f} GB"


def _span(wait_s: float) -> str:
    """A time to wait, rounded as people would."""
    for unit_s, name in ((3600, "hours"), (60, "minutes")):
        if wait_s >= 1.5 * unit_s:
            return f"{round(wait_s / unit_s)} {name}"
    return f"{round(wait_s)} seconds" if wait_s >= 1.5 else "a second"


def _minutes(wait_s: float) -> str:
    """A time to wait that is over for certain."""
    minutes = max(1, math.ceil(wait_s / 60))
    return f"{minutes} minutes" if minutes > 1 else "a minute"


def _clock(duration_s: float) -> str:
    minutes, seconds = divmod(max(1, round(duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
