"""What is said about a list, about one of its items, and about those that somebody has taken."""

from worker.errors import Reason
from worker.protocol.lists import Failure, ListItem, MediaList, Summary, in_ranges
from worker.telegram.texts.captions import short_line
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.formatting import clock, is_shown

_MAX_TITLE = 200  # UTF-16 units, as below
_MAX_ITEM = 48


def found_list(words: Catalogue, found: MediaList) -> str:
    """A list's title, how many items it has, how long they last, and what to do."""
    facts = [words.counted(words.items, found.count)] if found.count is not None else []
    if is_shown(found.total_s):
        facts.append(clock(found.total_s))
    lines = [short_line(found.title, _MAX_TITLE) or words.untitled]
    if facts:
        lines.append(" · ".join(facts))
    if not found.is_whole:
        bounded = words.list_endless if found.count is None else words.list_long
        lines.append(bounded.format(number=len(found.items)))
    return "\n".join((*lines, words.list_question))


def list_item(words: Catalogue, number: int, item: ListItem, *, is_chosen: bool) -> str:
    """An item as a button says it: `✓ 3. A song · 2:10`."""
    title = short_line(item.title, _MAX_ITEM) or words.untitled
    length = f" · {clock(item.duration_s)}" if is_shown(item.duration_s) else ""
    return f"{'✓ ' if is_chosen else ''}{number}. {title}{length}"


def summary(words: Catalogue, state: Summary) -> str:
    """How far the items taken from a list are, and why some have failed."""
    counts = [words.done_items.format(number=state.done)]
    for text, number in (
        (words.waiting_items, state.waiting),
        (words.failed_items, state.failed),
        (words.cancelled_items, state.cancelled),
    ):
        if number:
            counts.append(text.format(number=number))
    lines = [short_line(state.title, _MAX_TITLE) or words.untitled, " · ".join(counts)]
    lines += [_failure(words, failure) for failure in state.failures]
    if state.hold:
        lines.append(words.held_items[state.hold])
    return "\n".join(lines)


def _failure(words: Catalogue, failure: Failure) -> str:
    reason = Reason.known(failure.reason or "")
    what, _ = words.reasons[reason]
    return words.why_failed.format(numbers=in_ranges(failure.numbers), what=what)
