"""What the status message of a request says until its answer is there."""

import math

from worker.protocol import Progress, Retry, Stage
from worker.telegram.texts.catalogue import Catalogue
from worker.telegram.texts.formatting import bar, clock, is_shown, size

_MAX_TIME_LEFT_S = 99 * 3600


def progress(words: Catalogue, state: Progress) -> str:
    """A request's state in one or two lines, leaving out what is not known."""
    if state.retry:
        return _next_try(words, state.retry, state.eta_s or 0.0)
    if state.stage is Stage.IN_LINE and state.ahead > 0:
        return words.counted(words.ahead, state.ahead)
    if state.stage is Stage.MAINTENANCE and state.ahead > 0:
        return words.counted(words.ahead_in_pause, state.ahead)
    if state.stage is Stage.PACED and is_shown(state.eta_s):
        return words.paced.format(wait=_rounded(words, state.eta_s))
    if state.stage is Stage.SITE_WAIT and is_shown(state.eta_s):
        return words.site_wait.format(wait=_rounded(words, state.eta_s))
    if state.stage is Stage.RECORDING and is_shown(state.eta_s):
        return _recording(words, state, state.eta_s)
    if state.stage is Stage.UPLOADING and state.total_bytes:
        return words.uploading.format(size=size(state.total_bytes))
    if state.stage is not Stage.DOWNLOADING or state.done_bytes <= 0:
        return words.stages[state.stage]
    return f"{_first_line(words, state)}\n{' · '.join(_facts(words, state))}"


def _recording(words: Catalogue, state: Progress, left_s: float) -> str:
    left = words.time_left.format(time=clock(left_s))
    return f"{words.recording.format(time_left=left)}\n{size(state.done_bytes)}"


def _first_line(words: Catalogue, state: Progress) -> str:
    if not is_shown(state.total_bytes):
        return words.stages[Stage.DOWNLOADING]
    share = min(state.done_bytes / state.total_bytes, 1.0)
    return words.downloading.format(bar=bar(share), percent=math.floor(share * 100))


def _facts(words: Catalogue, state: Progress) -> list[str]:
    done, total = state.done_bytes, state.total_bytes
    facts = [size(done)]
    if is_shown(total):
        facts = [words.amount.format(done=size(min(done, total)), total=size(total))]
    if is_shown(state.speed_bps):
        facts.append(words.speed.format(size=size(state.speed_bps)))
    if is_shown(state.eta_s) and state.eta_s <= _MAX_TIME_LEFT_S:
        facts.append(words.time_left.format(time=clock(state.eta_s)))
    if state.is_silent:
        facts.append(words.silent)
    return facts


def _next_try(words: Catalogue, retry: Retry, wait_s: float) -> str:
    """Why a download failed, and when it is tried again."""
    what, _ = words.reasons[retry.reason]
    when = words.next_try.format(
        wait=_rounded(words, wait_s), next_try=retry.next_try, max_tries=retry.max_tries
    )
    return f"{what}\n{when}"


def _rounded(words: Catalogue, wait_s: float) -> str:
    """A time to wait, rounded as people would."""
    for unit_s, unit in ((3600, words.hours), (60, words.minutes)):
        if wait_s >= 1.5 * unit_s:
            return words.counted(unit, round(wait_s / unit_s))
    return words.counted(words.seconds, max(1, round(wait_s)))
