"""What a chat shows while the bot works for it: kept alive, and the first to be left out."""

from itertools import pairwise

import pytest

from worker.clocks import Monotonic
from worker.dispatch.rate_limits import IN_ALL, RateLimits
from worker.dispatch.status.actions import ChatActions
from worker.errors import TelegramBusy
from worker.protocol import Action, MediaKind, Place, Progress, ShowAction, Stage

LASTS_S = 5.0
"""Bot API 10.1, sendChatAction."""

DOWNLOADING = Progress(Stage.DOWNLOADING)


def times(places: list[Place], rates: RateLimits, seconds: int) -> dict[Place, list[int]]:
    """When each place is shown an action, looking once a second."""
    actions = ChatActions()
    found: dict[Place, list[int]] = {place: [] for place in places}
    for now in range(seconds):
        while action := actions.take_action(
            dict.fromkeys(places, DOWNLOADING), rates, Monotonic(now)
        ):
            found[action.place].append(now)
    return found


def test_action_never_runs_out_while_there_is_work() -> None:
    shown = times([Place(1), Place(2)], RateLimits(), 60)
    for each in shown.values():
        assert all(later - earlier < LASTS_S for earlier, later in pairwise(each))
        assert 12 <= len(each) <= 15, "and is not shown more often than that takes"


def test_each_topic_of_a_forum_has_an_action_of_its_own() -> None:
    shown = times([Place(-1), Place(-1, 5), Place(-1, 6)], RateLimits(), 60)
    assert all(len(each) >= 5 for each in shown.values())


@pytest.mark.parametrize(
    ("progress", "action"),
    [
        (DOWNLOADING, Action.UPLOAD_DOCUMENT),
        (Progress(Stage.UPLOADING, kind=MediaKind.VIDEO), Action.UPLOAD_VIDEO),
        (Progress(Stage.UPLOADING, kind=MediaKind.ANIMATION), Action.UPLOAD_VIDEO),
        (Progress(Stage.UPLOADING, kind=MediaKind.AUDIO), Action.UPLOAD_VOICE),
        (Progress(Stage.UPLOADING, kind=MediaKind.PHOTO), Action.UPLOAD_PHOTO),
        (Progress(Stage.UPLOADING, kind=MediaKind.DOCUMENT), Action.UPLOAD_DOCUMENT),
    ],
)
def test_action_says_what_is_known(progress: Progress, action: Action) -> None:
    assert ChatActions().take_action(
        {Place(7): progress}, RateLimits(), Monotonic(0.0)
    ) == ShowAction(Place(7), action)


def test_chat_that_has_just_been_spoken_to_gets_none() -> None:
    rates = RateLimits()
    rates.spend(7, Monotonic(0.0))
    actions = ChatActions()
    assert actions.take_action({Place(7): DOWNLOADING}, rates, Monotonic(0.9)) is None
    assert actions.take_action({Place(7): DOWNLOADING}, rates, Monotonic(1.0))


def test_nobody_gets_one_while_the_bot_as_a_whole_is_busy() -> None:
    rates = RateLimits()
    for chat in range(2):
        rates.spend(chat, Monotonic(0.0))
    assert (
        ChatActions().take_action({Place(7): DOWNLOADING}, rates, Monotonic(IN_ALL.interval_s))
        is None
    )
    assert ChatActions().take_action(
        {Place(7): DOWNLOADING}, rates, Monotonic(2 * IN_ALL.interval_s)
    )


def test_flood_wait_about_an_action_silences_its_chat_and_no_other() -> None:
    rates = RateLimits()
    rates.heed(7, TelegramBusy(1200.0), Monotonic(0.0), edits=False)
    shown = times([Place(7), Place(8)], rates, 1300)
    assert min(shown[Place(7)]) >= 1200
    assert len(shown[Place(8)]) > 300
    assert rates.paused_chats(Monotonic(0.0), edits=False) == [7]
