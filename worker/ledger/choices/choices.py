"""What a press on a button below an answer leads to. Part of the caller's transaction."""

from dataclasses import replace

from worker import media_keys
from worker.clocks import Wall
from worker.errors import Reason
from worker.form import ABOUT, SEARCH, START, What
from worker.ledger import preferences
from worker.ledger.choices import open_pages
from worker.ledger.jobs import job_lookups
from worker.ledger.records import Request, Verdict
from worker.ledger.requests import admission, media_cache, request_lookups
from worker.ledger.storage.database import Database
from worker.protocol import AnswerButton, Media, MediaKind, Reply
from worker.protocol.choices import NO_OFFER, SHEET_CHAPTERS, Menu, Page, Quality
from worker.protocol.effects import (
    ChooseForm,
    ChooseResult,
    OpenRequest,
    Press,
    ShowChoices,
    TellDescription,
)
from worker.protocol.lists import names_list
from worker.protocol.looks import LIFE_S, url_of_video
from worker.protocol.notices import Notice, Topic

MAX_AWAITED = 5
"""How many live streams may be waited for in a chat."""

SAID_LATELY_S = 60.0
"""How long a description is not sent again. After that its message may have been deleted."""

_OFFERED = (Page.CHAPTERS, Page.LANGUAGES, Page.SUBTITLES)
"""The pages that exist only if the site offers something to show on them."""

_OF_LIVE = frozenset({Reason.LIVE, Reason.NOT_STARTED})


def first_menu(request: Request, message_id: int, media: Media | None) -> Menu | None:
    """What can be chosen below an answer; None if that is neither a video nor a song.

    If it is no longer known what the answer was, it counts as one of these.
    """
    form = request.form
    if not request.has_buttons or form.names_sound or form.as_file or form.is_recording:
        return None
    menu = Menu(
        request.chat_id, message_id, request.id, form.code, names_list=names_list(request.url)
    )
    if media is None:
        return replace(menu, is_song=form.is_sound_only, has_qualities=form.what is What.ALL)
    if not media.files:
        return None
    first = media.files[0].facts
    if first.kind not in (MediaKind.VIDEO, MediaKind.AUDIO) or len(media.files) != first.parts:
        return None
    return replace(
        menu,
        is_song=first.kind is MediaKind.AUDIO,
        has_qualities=form.what is What.ALL and len(media.offer.qualities) > 1,
        has_description=bool(media.offer.description),
        sheets=-(-len(media.offer.chapters) // SHEET_CHAPTERS),
        has_languages=bool(media.offer.languages),
        has_subtitles=bool(media.offer.subtitles),
    )


def choose(db: Database, effect: ChooseForm, wall: Wall) -> OpenRequest | AnswerButton:
    """Choose another form for the link of an answer.

    Returns the request for it, which is still to be opened; or an answer that says why not.
    """
    form, press = effect.form, effect.press
    is_of_live = form.is_recording or form.awaits_start
    request = _answered(db, effect.request_id, press, refused_too=is_of_live)
    if request is None:
        return _notice(press, Topic.DEAD_BUTTON)
    is_on_a_page = not (form.is_usual_sound or form.whole_list or is_of_live)
    if is_on_a_page and open_pages.has_expired(db, request.id, wall):
        return _show_first_page(db, request, press, wall)
    if form.awaits_start and _awaited_in(db, request.chat_id) >= MAX_AWAITED:
        return _notice(press, Topic.ENOUGH_AWAITED)
    if request.asks_first:
        form = preferences.of_choice(db, press.user_id, request.url, form)
    key = media_keys.of_link(request.url, form)
    if form.is_recording:
        key = media_keys.of_recording(request.url, form, press.callback_id)
    return OpenRequest(
        request.chat_id,
        press.user_id,
        press.message_id,
        request.url,
        key,
        form=form,
        is_exact=True,
        language=press.language,
        thread_id=request.thread_id,
    )


def _awaited_in(db: Database, chat_id: int) -> int:
    """How many live streams a chat waits for."""
    count: int = db.value(
        "SELECT count(*) FROM requests"
        " WHERE chat_id = ? AND form = ? AND answered_at IS NULL AND verdict IS NULL",
        chat_id,
        START.code,
    )
    return count


def chosen_result(db: Database, effect: ChooseResult) -> OpenRequest | AnswerButton:
    """The request for a video that a search has found; or an answer that says why not."""
    request = _answered(db, effect.request_id, effect.press)
    if request is None or request.form != SEARCH:
        return _notice(effect.press, Topic.DEAD_BUTTON)
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
    """Whether the same was chosen below the same answer, and is not answered yet."""
    return bool(
        db.value(
            "SELECT 1 FROM requests WHERE chat_id = ? AND message_id = ?"
            # `form` may be what the settings of its person have made of it.
            " AND coalesce(asked_form, form) = ?"
            " AND url = ? AND answered_at IS NULL AND (verdict IS NULL OR verdict = 'media')",
            link.chat_id,
            link.message_id,
            link.form.code,
            link.url,
        )
    )


def show(db: Database, effect: ShowChoices, wall: Wall) -> AnswerButton | Request:
    """Open a page of the menu below an answer. Returns the answer to the press.

    If the qualities of the page are no longer known, nothing is opened: returns the request whose
    link has to be looked at first.
    """
    press = effect.press
    request = _answered(db, effect.request_id, press)
    if request is None:
        return _notice(press, Topic.DEAD_BUTTON)
    media = media_cache.media_of(db, request.media_key, request.download_id)
    menu = first_menu(request, press.message_id, media)
    if menu is None:
        return _notice(press, Topic.DEAD_BUTTON)
    offer = media.offer if media else NO_OFFER
    match effect.page:
        case Page.QUALITIES:
            qualities = _known_qualities(db, request, wall)
            if qualities is None:
                return request
            if len(qualities) < 2:
                return _notice(press, Topic.NO_OTHER_QUALITY)
            menu = replace(menu, has_qualities=True, qualities=qualities)
        case Page.CHAPTERS:
            first = effect.sheet * SHEET_CHAPTERS
            chapters = offer.chapters[first : first + SHEET_CHAPTERS]
            menu = replace(menu, chapters=chapters, sheet=effect.sheet)
        case Page.LANGUAGES:
            menu = replace(menu, languages=offer.languages)
        case Page.SUBTITLES:
            menu = replace(menu, subtitles=offer.subtitles)
    if effect.page in _OFFERED and not (menu.chapters or menu.languages or menu.subtitles):
        return _notice(press, Topic.DEAD_BUTTON)
    menu = _open_page(db, request, replace(menu, page=effect.page), wall)
    return AnswerButton(press.callback_id, press.language, None, menu)


def show_qualities(
    db: Database, request_id: int, message_id: int, qualities: tuple[Quality, ...], wall: Wall
) -> Menu | None:
    """Open the page of the qualities that a look has found. Returns its menu.

    None if the answer below which it would be is gone.
    """
    request = request_lookups.find(db, request_id)
    media = request and media_cache.media_of(db, request.media_key, request.download_id)
    menu = request and first_menu(request, message_id, media or None)
    if not request or not menu:
        return None
    menu = replace(menu, page=Page.QUALITIES, has_qualities=True, qualities=qualities)
    return _open_page(db, request, menu, wall)


def send_description(db: Database, effect: TellDescription, wall: Wall) -> AnswerButton:
    """Send a description as a message of its own. Returns the answer to the press."""
    press = effect.press
    request = _answered(db, effect.request_id, press)
    media = request and media_cache.media_of(db, request.media_key, request.download_id)
    if request is None or not media or not media.offer.description:
        return _notice(press, Topic.DEAD_BUTTON)
    if open_pages.has_expired(db, request.id, wall):
        return _show_first_page(db, request, press, wall)
    reader = replace(request.reader, language=press.language)
    reply = Reply(reader, press.message_id, (_description(request, media),))
    if admission.has_said(db, reply, Wall(wall - SAID_LATELY_S), wall):
        return _notice(press, Topic.ON_ITS_WAY)
    admission.reply(db, reply, wall)
    return AnswerButton(press.callback_id, press.language, None)


def add_description(db: Database, request: Request, media: Media | None, wall: Wall) -> None:
    """Send the description after an answer, if its person has set that and there is one."""
    if request.describes and media and media.files and media.offer.description:
        notice = _description(request, media)
        admission.reply(db, Reply(request.reader, request.status_message_id, (notice,)), wall)


def _description(request: Request, media: Media) -> Notice:
    values = {
        "title": media.files[0].facts.title,
        "description": media.offer.description,
        "link": request.url,
    }
    return Notice(Topic.DESCRIPTION, values)


def _open_page(db: Database, request: Request, menu: Menu, wall: Wall) -> Menu:
    """Note when the page of a menu closes, unless it is the first. Returns the menu."""
    closing = None
    if menu.page is not Page.FIRST:
        # Without a press to answer, since the page closes by itself.
        bare = replace(menu, qualities=(), chapters=(), languages=(), subtitles=())
        ended = replace(bare, page=Page.FIRST, has_expired=True)
        closing = AnswerButton("", request.language, None, ended)
    open_pages.note(db, request.id, closing, wall)
    return menu


def _show_first_page(db: Database, request: Request, press: Press, wall: Wall) -> AnswerButton:
    """Show the first page in place of one that has closed. Returns the answer that says so."""
    media = media_cache.media_of(db, request.media_key, request.download_id)
    menu = first_menu(request, press.message_id, media)
    first = _open_page(db, request, menu, wall) if menu else None
    return AnswerButton(press.callback_id, press.language, Notice(Topic.MENU_EXPIRED), first)


def _notice(press: Press, topic: Topic) -> AnswerButton:
    return AnswerButton(press.callback_id, press.language, Notice(topic))


def _known_qualities(db: Database, request: Request, wall: Wall) -> tuple[Quality, ...] | None:
    """The qualities of an answer, from a recent download or look; None if there was none."""
    media = media_cache.media_of(db, request.media_key, request.download_id)
    qualities = media.offer.qualities if media else ()
    if qualities and job_lookups.was_fetched(db, request.media_key, Wall(wall - LIFE_S), wall):
        return qualities
    key = media_cache.use_link(db, media_keys.of_link(request.url, ABOUT), wall)
    found = media_cache.knows(db, key, wall) and media_cache.media_of(db, key, None)
    return found.look.qualities if found and found.look else None


def _answered(
    db: Database, request_id: int, press: Press, *, refused_too: bool = False
) -> Request | None:
    """The request whose answer has the button; None if the press may be forged.

    `refused_too`: that answer may be why a live stream is not downloaded.
    """
    request = request_lookups.find(db, request_id)
    if request is None:
        return None
    # A press on Cancel may have come while Telegram already showed the media.
    is_media = request.verdict in (Verdict.MEDIA, Verdict.CANCELLED)
    if not is_media and not (refused_too and request.reason in _OF_LIVE):
        return None
    is_its = (request.chat_id, request.status_message_id) == (press.chat_id, press.message_id)
    # A request without a link was emptied by /forget.
    return request if is_its and request.url else None
