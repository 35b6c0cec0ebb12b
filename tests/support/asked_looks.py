"""Looks that people ask for, and what they are told."""

import dataclasses

from tests.support.stepped_dispatcher import SteppedDispatcher
from worker import media_keys
from worker.form import ABOUT
from worker.protocol import (
    Delivered,
    Download,
    Media,
    Posted,
    PostStatus,
    ShowLook,
)
from worker.protocol.choices import Page, Quality, SiteOffer
from worker.protocol.effects import (
    OpenRequest,
    Press,
    ShowChoices,
)
from worker.protocol.looks import LIFE_S, MediaLook

LINK = "https://site.example/v"
ME, OTHER, ANSWER = 7, 8, 50
LATER_S = LIFE_S + 1
QUALITIES = (Quality(1080, 90_000_000, 2), Quality(480, 9_000_000))
LOOK = MediaLook("A film", "Somebody", duration_s=60.0, qualities=QUALITIES)
FOUND = Media((), look=LOOK)


def ask(bot: SteppedDispatcher, user_id: int = ME, fresh: bool = False, url: str = LINK) -> None:
    """A person sends /info and a link."""
    key = media_keys.of_link(url, ABOUT)
    bot.bring(OpenRequest(user_id, user_id, 1, url, key, ABOUT, fresh))


def shown(bot: SteppedDispatcher) -> ShowLook:
    """Telegram takes the answer that says what is known."""
    answer = bot.task(ShowLook)
    bot.finish(ShowLook, Delivered(None))
    return answer


def answered(bot: SteppedDispatcher) -> None:
    """A link has been answered with a video."""
    bot.send(LINK)
    bot.post(ANSWER)
    bot.finish(Download, dataclasses.replace(bot.make_media(), offer=SiteOffer(QUALITIES)))
    bot.deliver()


def press_quality(bot: SteppedDispatcher, user_id: int = ME, callback_id: str = "42") -> None:
    bot.bring(ShowChoices(1, Page.QUALITIES, Press(callback_id, user_id, ME, ANSWER)))


def told(bot: SteppedDispatcher) -> list[object]:
    """Telegram takes all that is due; returns what is no status message."""
    seen: list[object] = []
    bot.step(1.0)
    while due := dict(bot.telegram.tasks):
        for job_id, task in due.items():
            results = {PostStatus: Posted(1000 + job_id), ShowLook: Delivered(None)}
            bot.telegram.finish(job_id, results.get(type(task)))
            seen += [] if isinstance(task, PostStatus) else [task]
        bot.step(1.0)
    return seen
