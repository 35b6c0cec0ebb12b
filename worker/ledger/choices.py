"""What a press on a button below an answer leads to. A part of somebody's transaction."""

from worker import media_keys
from worker.choices import Menu
from worker.effects import ChooseForm, OpenRequest, Press, ShowChoices
from worker.ledger import media_cache, requests
from worker.ledger.database import Database
from worker.ledger.records import Request, Verdict
from worker.lists import names_list
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


def shown(db: Database, effect: ShowChoices) -> AnswerButton:
    """The answer to who wants to see the qualities, or to leave them again."""
    press = effect.press
    request = _answered(db, effect.request_id, press)
    media = request and media_cache.media_of(db, request.media_key, request.download_id)
    if request is None or not media or media.found_list:
        return AnswerButton(press.callback_id, press.language, Notice(Topic.DEAD_BUTTON))
    menu = Menu(
        request.chat_id,
        press.message_id,
        request.id,
        has_qualities=bool(media.qualities),
        qualities=media.qualities if effect.qualities else (),
        names_list=names_list(request.url),
    )
    return AnswerButton(press.callback_id, press.language, None, menu)


def _answered(db: Database, request_id: int, press: Press) -> Request | None:
    """The request whose answer has the button; None for one that anybody could have made up."""
    request = requests.find(db, request_id)
    # A press on Cancel may have come while Telegram already showed the media.
    if request is None or request.verdict not in (Verdict.MEDIA, Verdict.CANCELLED):
        return None
    is_its = (request.chat_id, request.status_message_id) == (press.chat_id, press.message_id)
    return request if is_its else None
