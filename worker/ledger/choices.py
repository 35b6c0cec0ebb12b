"""What a press on a button below an answer leads to. A part of somebody's transaction."""

from worker import media_keys
from worker.choices import Menu, Quality
from worker.clocks import Wall
from worker.effects import ChooseForm, ChooseResult, OpenRequest, Press, ShowChoices
from worker.form import ABOUT, SEARCH
from worker.ledger import media_cache, queue, requests
from worker.ledger.database import Database
from worker.ledger.records import Request, Verdict
from worker.lists import names_list
from worker.looks import LIFE_S, url_of_video
from worker.notices import Notice, Topic
from worker.protocol import AnswerButton


def chosen(db: Database, effect: ChooseForm) -> OpenRequest | None:
    """The link of the answer in another form, as a request below it; None without one."""
    request = _answered(db, effect.request_id, effect.press)
    if request is None:
        return None
    return OpenRequest(
        request.chat_id,
        effect.press.user_id,
        effect.press.message_id,
        request.url,
        media_keys.of_link(request.url, effect.form),
        form=effect.form,
        is_exact=True,
        language=effect.press.language,
        thread_id=request.thread_id,
    )


def result_chosen(db: Database, effect: ChooseResult) -> OpenRequest | None:
    """The video that a search has found, as a request below its answer; None without one."""
    request = _answered(db, effect.request_id, effect.press)
    if request is None or request.form != SEARCH:
        return None
    url = url_of_video(effect.video_id)
    return OpenRequest(
        request.chat_id,
        effect.press.user_id,
        effect.press.message_id,
        url,
        media_keys.of_link(url),
        language=effect.press.language,
        thread_id=request.thread_id,
    )


def is_under_way(db: Database, link: OpenRequest) -> bool:
    """Whether the same was chosen below the same answer, and has none yet."""
    return bool(
        db.value(
            "SELECT 1 FROM requests WHERE chat_id = ? AND message_id = ? AND form = ?"
            " AND url = ? AND answered_at IS NULL AND (verdict IS NULL OR verdict = 'media')",
            link.chat_id,
            link.message_id,
            link.form.code,
            link.url,
        )
    )


def shown(db: Database, effect: ShowChoices, wall: Wall) -> AnswerButton | Request:
    """The answer to who wants to see the qualities, or to leave them again.

    That is the request whose link is to be looked at first, where they are not known any more.
    """
    press = effect.press
    request = _answered(db, effect.request_id, press)
    media = request and media_cache.media_of(db, request.media_key, request.download_id)
    if request is None or (media and media.found_list):
        return AnswerButton(press.callback_id, press.language, Notice(Topic.DEAD_BUTTON))
    qualities = _known_qualities(db, request, wall) if effect.qualities else ()
    if qualities is None:
        return request
    menu = Menu(
        request.chat_id,
        press.message_id,
        request.id,
        # Without it nobody could have come here.
        has_qualities=True,
        qualities=qualities,
        names_list=names_list(request.url),
    )
    return AnswerButton(press.callback_id, press.language, None, menu)


def _known_qualities(db: Database, request: Request, wall: Wall) -> tuple[Quality, ...] | None:
    """The qualities of an answer by its download or a look, where that was lately."""
    media = media_cache.media_of(db, request.media_key, request.download_id)
    since = wall - LIFE_S
    if media and media.qualities and queue.was_fetched(db, request.media_key, since, wall):
        return media.qualities
    key = media_cache.key_behind(db, media_keys.of_link(request.url, ABOUT), wall)
    found = media_cache.knows(db, key, wall) and media_cache.media_of(db, key, None)
    return found.look.qualities or None if found and found.look else None


def _answered(db: Database, request_id: int, press: Press) -> Request | None:
    """The request whose answer has the button; None for one that anybody could have made up."""
    request = requests.find(db, request_id)
    # A press on Cancel may have come while Telegram already showed the media.
    if request is None or request.verdict not in (Verdict.MEDIA, Verdict.CANCELLED):
        return None
    is_its = (request.chat_id, request.status_message_id) == (press.chat_id, press.message_id)
    # Without its link it is one that its person wanted to be forgotten.
    return request if is_its and request.url else None
