"""What /search has found, through the dispatcher: each result is a link of its own."""

import pytest

from tests.support.asked_looks import (
    ANSWER,
    ME,
    OTHER,
    answered,
    shown,
    told,
)
from tests.support.stepped_dispatcher import MakeBot, SteppedDispatcher
from worker import media_keys
from worker.form import SEARCH, WHOLE
from worker.ledger import preferences
from worker.protocol import (
    AnswerButton,
    Download,
    Media,
)
from worker.protocol.effects import (
    ChooseResult,
    OpenRequest,
    Press,
)
from worker.protocol.looks import MediaLook, SearchResult
from worker.protocol.notices import Notice, Refusal, Topic
from worker.protocol.preferences import Preferences

SEARCH_PAGE = "https://www.youtube.com/results?search_query=bread"
RESULTS = tuple(SearchResult(f"found-0000{number}", f"Bread {number}") for number in range(1, 6))


def searched(bot: SteppedDispatcher) -> None:
    """A person has searched, and been told what was found."""
    bot.bring(OpenRequest(ME, ME, 1, SEARCH_PAGE, media_keys.of_link(SEARCH_PAGE, SEARCH), SEARCH))
    bot.post(ANSWER)
    bot.finish(Download, Media((), look=MediaLook(results=RESULTS)))
    assert shown(bot).look.results == RESULTS


@pytest.mark.parametrize("later_s", [0.0, 86_400.0])
def test_a_result_is_a_link_of_its_own_below_the_answer(
    bot: SteppedDispatcher, later_s: float
) -> None:
    searched(bot)
    bot.step(later_s)
    bot.bring(ChooseResult(1, "found-00002", Press("42", ME, ME, ANSWER)))
    download = bot.task(Download)
    assert (download.url, download.form) == ("https://www.youtube.com/watch?v=found-00002", WHOLE)
    bot.bring(ChooseResult(1, "found-00002", Press("43", OTHER, ME, ANSWER)))
    assert len(bot.tasks(Download)) == 1, "pressed again it is the same"
    buttons = [each for each in told(bot) if isinstance(each, AnswerButton)]
    assert [each.notice for each in buttons] == [Notice(Topic.ON_ITS_WAY)] * 2


@pytest.mark.parametrize("chosen", [Preferences(max_height=720), Preferences(asks_first=True)])
def test_a_result_pressed_again_is_the_same_whatever_is_set(
    bot: SteppedDispatcher, chosen: Preferences
) -> None:
    with bot.ledger._db.transaction():
        preferences.put(bot.ledger._db, ME, chosen)
    searched(bot)
    for callback_id in ("42", "43"):
        bot.bring(ChooseResult(1, "found-00002", Press(callback_id, ME, ME, ANSWER)))
    assert len(bot.rows("SELECT id FROM requests")) == 2, "the search and one link"


@pytest.mark.parametrize(
    ("request_id", "chat_id", "message_id"), [(9, ME, ANSWER), (1, OTHER, ANSWER), (1, ME, 51)]
)
def test_a_result_of_no_search_here_is_dead(
    bot: SteppedDispatcher, request_id: int, chat_id: int, message_id: int
) -> None:
    searched(bot)
    bot.bring(ChooseResult(request_id, "found-00002", Press("42", ME, chat_id, message_id)))
    assert told(bot) == [AnswerButton("42", "en", Notice(Topic.DEAD_BUTTON))]


def test_an_answer_that_is_no_search_has_no_results(bot: SteppedDispatcher) -> None:
    answered(bot)
    bot.bring(ChooseResult(1, "found-00002", Press("42", ME, ME, ANSWER)))
    assert told(bot) == [AnswerButton("42", "en", Notice(Topic.DEAD_BUTTON))]


def test_a_result_beyond_the_persons_quota_is_refused_by_a_popup_alone(make_bot: MakeBot) -> None:
    bot = make_bot(USER_LINKS_PER_MINUTE="1")
    searched(bot)
    bot.bring(ChooseResult(1, "found-00002", Press("42", ME, ME, ANSWER)))
    assert told(bot) == [AnswerButton("42", "en", Notice(Refusal.MINUTE))]
