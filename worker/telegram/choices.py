"""The buttons below an answer: what else there is of the same media, page by page."""

import contextlib
from collections.abc import Iterable
from dataclasses import replace

from worker.form import WHOLE, WHOLE_LIST, Clip, Form, What
from worker.protocol.choices import Chapter, Language, Menu, Page, Quality, Subtitles
from worker.protocol.notices import Label, Notice
from worker.telegram import texts
from worker.telegram.buttons import Button, Rows, pack
from worker.telegram.texts import Catalogue

_Row = list[Button]


def menu_rows(words: Catalogue, menu: Menu) -> Rows:
    """The buttons of a menu on its page."""
    match menu.page:
        case Page.QUALITIES:
            rows = [_quality(words, menu, each) for each in menu.qualities]
            rows.append(_forms(menu, {_label(words, Label.AS_FILE): Form(as_file=True)}))
        case Page.MORE:
            rows = _more(words, menu)
        case Page.CHAPTERS:
            rows = [_chapter(words, menu, each) for each in menu.chapters]
            rows.append(_sheets(menu))
        case Page.LANGUAGES:
            rows = [_language(words, menu, each) for each in menu.languages]
        case Page.SUBTITLES:
            rows = [_subtitles(words, menu, each) for each in menu.subtitles]
        case _:
            return _first(words, menu)
    return [*filter(None, rows), [_to(menu, Page.FIRST, words.back_button)]]


def _first(words: Catalogue, menu: Menu) -> Rows:
    row = [] if menu.is_song else _forms(menu, {words.sound_button: Form(What.SOUND)})
    if menu.has_qualities:
        row.append(_to(menu, Page.QUALITIES, words.quality_button))
    row.append(_to(menu, Page.MORE, _label(words, Label.MORE)))
    rows = [row]
    if menu.names_list:
        data = pack("form", f"{menu.request_id}.{WHOLE_LIST.code}")
        rows.append([Button(words.whole_list_button, data)])
    if menu.has_expired:
        # This button says why the page is gone, and disappears when it is pressed.
        rows.append([_to(menu, Page.FIRST, _label(words, Label.MENU_EXPIRED))])
    return rows


def _more(words: Catalogue, menu: Menu) -> list[_Row]:
    sounds = {
        _label(words, Label.M4A): Form(What.M4A),
        _label(words, Label.AS_MP3, bit_rate=192): Form(What.MP3),
        _label(words, Label.AS_MP3, bit_rate=320): Form(What.MP3_BEST),
    }
    others = {
        _label(words, Label.AS_VOICE): Form(What.VOICE),
        _label(words, Label.AS_FILE): Form(as_file=True),
        _label(words, Label.COVER): Form(What.COVER),
    }
    description = Button(_label(words, Label.DESCRIPTION), pack("description", menu.request_id))
    chapters = _to(menu, Page.CHAPTERS, _label(words, Label.CHAPTERS))
    told = [chapters] if menu.sheets else []
    languages = _to(menu, Page.LANGUAGES, _label(words, Label.LANGUAGES))
    subtitles = _to(menu, Page.SUBTITLES, _label(words, Label.SUBTITLES))
    return [
        _forms(menu, sounds),
        _forms(menu, others),
        [
            *([languages] if menu.has_languages else []),
            *([subtitles] if menu.has_subtitles else []),
        ],
        [*told, description] if menu.has_description else told,
    ]


def _chapter(words: Catalogue, menu: Menu, chapter: Chapter) -> _Row:
    own = Form.parse(menu.code)
    try:
        clip = Clip(round(chapter.start_s * 100), round(chapter.end_s * 100))
        wanted = replace(own, clip=clip)
    except ValueError:
        return []
    return [Button(texts.chapter(words, chapter), pack("form", f"{menu.request_id}.{wanted.code}"))]


def _language(words: Catalogue, menu: Menu, language: Language) -> _Row:
    """The button for the sound in a language; the original is sent if none is named."""
    own = Form.parse(menu.code)
    try:
        wanted = replace(own, language=None if language.is_original else language.tag)
    except ValueError:
        return []
    data = pack("form", f"{menu.request_id}.{wanted.code}")
    return [Button(texts.sound_language(words, language), data)]


def _subtitles(words: Catalogue, menu: Menu, subtitles: Subtitles) -> _Row:
    """The buttons for subtitles as a file, and inside the video if the answer is a whole one."""
    offered = {texts.subtitles(words, subtitles): Form(What.SUBTITLES, subtitles=subtitles.tag)}
    if not menu.is_song:
        with contextlib.suppress(ValueError):
            inside = replace(Form.parse(menu.code), subtitles=subtitles.tag)
            offered[_label(words, Label.IN_VIDEO)] = inside
    return [
        Button(text, pack("form", f"{menu.request_id}.{form.code}"))
        for text, form in offered.items()
    ]


def _sheets(menu: Menu) -> _Row:
    """The buttons that turn to other chapters, as those of a list do."""
    if menu.sheets < 2:
        return []
    shown = menu.sheet + 1
    turns = (("◀", menu.sheet - 1), (f"{shown}/{menu.sheets}", menu.sheet), ("▶", shown))
    return [
        Button(sign, pack(Page.CHAPTERS, f"{menu.request_id}.{sheet % menu.sheets}"))
        for sign, sheet in turns
    ]


def _quality(words: Catalogue, menu: Menu, quality: Quality) -> _Row:
    return _forms(menu, {texts.quality(words, quality): Form(max_height=quality.height)})


def _forms(menu: Menu, offered: dict[str, Form]) -> _Row:
    """A button for each of these forms, with what else the answer's own form says.

    What does not exist in another form is left out.
    """
    return list(_possible(menu, offered.items()))


def _possible(menu: Menu, offered: Iterable[tuple[str, Form]]) -> Iterable[Button]:
    own = Form.parse(menu.code)
    for text, form in offered:
        if form.is_cover:
            own = WHOLE  # for a part of a video it is the same
        if form.what is not What.ALL or form.as_file:
            own = replace(own, subtitles=None)
        try:
            wanted = replace(own, what=form.what, max_height=form.max_height, as_file=form.as_file)
        except ValueError:
            continue
        yield Button(text, pack("form", f"{menu.request_id}.{wanted.code}"))


def _to(menu: Menu, page: Page, text: str) -> Button:
    return Button(text, pack(page, menu.request_id))


def _label(words: Catalogue, label: Label, **values: int) -> str:
    return texts.notice(words, Notice(label, values))
