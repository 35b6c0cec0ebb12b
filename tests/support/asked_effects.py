"""What updates ask for, as tests expect it."""

import dataclasses

from tests.support.updates import (
    MESSAGE,
    SENT_AT,
    USER,
)
from worker import media_keys
from worker.form import Form
from worker.protocol import Reader, Reply
from worker.protocol.effects import (
    OpenRequest,
)
from worker.protocol.notices import About, Notice


def opened(url: str, chat: int = USER) -> OpenRequest:
    return OpenRequest(chat, USER, MESSAGE, url, media_keys.of_link(url), sent_at=SENT_AT)


def exactly(form: Form) -> OpenRequest:
    """The link is wanted in this form, whatever the person has set."""
    key = media_keys.of_link(LINK, form)
    return dataclasses.replace(opened(LINK), form=form, media_key=key, is_exact=True)


def reply(*notices: Notice, chat: int = USER) -> Reply:
    return Reply(Reader(chat), MESSAGE, notices)


def notice(about: About, **values: int | str) -> Notice:
    return Notice(about, values)


LINK = "https://a.example/x"
