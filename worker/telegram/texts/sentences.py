"""Why there is no media, and what is said besides the answers to links."""

import math
from collections.abc import Mapping, Sequence

from worker.errors import Reason
from worker.protocol.notices import Label, Notice, Topic
from worker.telegram.commands import LISTED
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.choices import language_name
from worker.telegram.texts.formatting import MAX_TEXT, shorten, utf16_length

# How much of one line of a finished text is shown where all do not fit, and the room for "and 9
# more".
_MAX_LINE = 2000
_ROOM_FOR_COUNT = 30

# The empty lines between a title, a description and a link.
_BETWEEN = 4

# Where the sentence alone leaves open what happened, an id leads the operator to the log.
_WITH_ID = frozenset(
    {
        *(Reason.NO_FORMAT, Reason.BLOCKED_HERE, Reason.SITE_BUSY, Reason.SITE_ERROR),
        *(Reason.NETWORK, Reason.TIMED_OUT, Reason.STALLED, Reason.OUT_OF_MEMORY, Reason.CRASHED),
        *(Reason.DISK_FULL, Reason.UPLOAD_REFUSED, Reason.TELEGRAM_FAILS, Reason.OUTDATED),
        Reason.INTERNAL,
    }
)

# With these reasons a site's links may be refused for a while.
_OF_A_CIRCUIT = frozenset({Reason.SITE_DOWN, Reason.BLOCKED_HERE})


def explanation(
    words: Catalogue,
    reason: Reason | None,
    error_id: str = "",
    wait_s: float | None = None,
    limit_mb: int | None = None,
    languages: Sequence[str] = (),
    *,
    has_offer: bool = False,
) -> str:
    """Why there is no media: one or two sentences. None stands for a cancelled request.

    `wait_s` is the time after which a site that fails for everybody is tried again, `limit_mb` how
    large a file may be, and `languages` are those that exist in place of the one that is wanted:
    each is told if it is known. `has_offer`: below it are buttons for a live stream.
    """
    if reason is None:
        return words.cancelled
    what, helps = words.reasons[reason]
    if reason in _OF_A_CIRCUIT and wait_s is not None:
        # Rounded up: by then the wait is over. The difference of two times is in floating point
        # sometimes slightly more than it should be, which must not count as another minute.
        minutes = max(1, math.ceil(round(wait_s, 3) / 60))
        helps = words.site_down.format(wait=words.counted(words.minutes, minutes))
    if reason is Reason.TOO_LARGE and limit_mb is not None:
        what = words.too_large.format(limit_mb=limit_mb)
    if languages:
        named = ", ".join(language_name(words, tag) for tag in languages)
        helps = words.languages_there.format(languages=named)
    if has_offer:
        helps = words.live_offers.get(reason, helps)
    sentence = f"{what} {helps}"
    if error_id and reason in _WITH_ID:
        return words.with_error_id.format(sentence=sentence[:-1], error_id=error_id)
    return sentence


def notice(words: Catalogue, said: Notice) -> str:
    """What is said besides the answers to links."""
    count = said.values.get("count", 0)
    template = words.choose(words.notices[said.about], count if isinstance(count, int) else 0)
    if said.about is Topic.NOT_LOOKED_UP:
        reason, error_id = Reason(str(said.values["reason"])), str(said.values["error_id"])
        return template.format(why=explanation(words, reason, error_id))
    values = {**said.values}
    if said.about is Label.LANGUAGE_NAME:
        values["language"] = language_name(words, str(said.values["tag"]))
    if said.about is Topic.HELP:
        values["commands"] = _commands(words)
    if said.about is Topic.DESCRIPTION:
        values["description"] = _fitting(values)
    if said.about is Topic.VERBATIM:
        values["text"] = _whole_lines(str(values["text"]))
    return template.format(**values)


def _whole_lines(text: str) -> str:
    """A finished text as far as it fits into one message, with the number of lines left out."""
    if utf16_length(text) <= MAX_TEXT:
        return text
    lines = [shorten(line, _MAX_LINE) for line in text.split("\n")]
    kept, room = list[str](), MAX_TEXT - _ROOM_FOR_COUNT
    for line in lines:
        room -= utf16_length(line) + 1
        if room < 0:
            return "\n".join([*kept, f"and {len(lines) - len(kept)} more"])
        kept.append(line)
    return "\n".join(kept)


def _fitting(values: Mapping[str, int | str]) -> str:
    """A description that fits into one message with its title and its link."""
    others = sum(utf16_length(str(values[name])) for name in ("title", "link"))
    return shorten(str(values["description"]), MAX_TEXT - others - _BETWEEN)


def _commands(words: Catalogue) -> str:
    """A line for each command that people are told of."""
    return "\n".join(f"/{command} – {words.commands[command]}" for command in LISTED)
