"""The links of a message: Telegram's own marks, or what stands in its text."""

from typing import Any

import pytest

from worker.errors import LinkFlaw
from worker.telegram.links import Links, find_links

FILM = "https://a.example/film"
BESIDE_FTP = Links((FILM,), (LinkFlaw.SCHEME,))


def marked(text: str, *links: str) -> dict[str, Any]:
    """A message in which Telegram has marked these links."""
    entities = []
    for link in links:
        before = text[: text.index(link)]
        offset, length = (len(part.encode("utf-16-le")) // 2 for part in (before, link))
        entities.append({"type": "url", "offset": offset, "length": length})
    return {"text": text, "entities": entities}


@pytest.mark.parametrize(
    ("message", "good"),
    [
        (marked("see example.com/a", "example.com/a"), ["https://example.com/a"]),
        (
            marked("🎬🎬 https://a.example/ and 🎵 b.example", "https://a.example/", "b.example"),
            ["https://a.example/", "https://b.example/"],
        ),
        (
            marked("http://b.example/ http://a.example/ HTTP://b.example")
            | {
                "entities": [
                    {"type": "url", "offset": 0, "length": 17},
                    {"type": "url", "offset": 18, "length": 17},
                    {"type": "url", "offset": 36, "length": 16},
                ]
            },
            ["http://b.example/", "http://a.example/"],
        ),
        (
            {
                "text": "this one",
                "entities": [
                    {"type": "bold", "offset": 0, "length": 4},
                    {"type": "text_link", "offset": 5, "length": 3, "url": "https://a.example/"},
                ],
            },
            ["https://a.example/"],
        ),
        (
            {
                "caption": "a.example",
                "caption_entities": [{"type": "url", "offset": 0, "length": 9}],
            },
            ["https://a.example/"],
        ),
        # Where Telegram has marked something, what it did not mark is no link.
        (
            {
                "text": "/x https://a.example/",
                "entities": [{"type": "bot_command", "offset": 0, "length": 2}],
            },
            [],
        ),
        ({"text": "(https://a.example/x_(y)), ok"}, ["https://a.example/x_(y)"]),
        ({"text": "Look: <https://a.example/x>."}, ["https://a.example/x"]),
        ({"text": "no link, e.g. a.example or readme.md"}, []),
        ({"text": "https://a.example/?q=1&r=2! Nice"}, ["https://a.example/?q=1&r=2"]),
    ],
)
def test_links_are_found_in_order_and_once(message: dict[str, Any], good: list[str]) -> None:
    assert find_links(message) == Links(tuple(good))


def test_a_link_that_was_shared_twice_is_found_once() -> None:
    first, other = "https://youtu.be/x?si=a", "https://youtu.be/y"
    links = (first, other, "https://youtu.be/x?si=b&utm_source=c", "https://youtu.be/x")
    assert find_links(marked(" ".join(links), *links)).good == (first, other)
    parts = ("https://youtu.be/x?t=1", "https://youtu.be/x?t=2")
    assert find_links(marked(" ".join(parts), *parts)).good == parts


def test_good_links_are_found_beside_bad_ones() -> None:
    message = {"text": "ftp://a.example/ https://b.example/ ftp://c.example/ http://u:p@d.example/"}
    assert find_links(message) == Links(
        ("https://b.example/",), (LinkFlaw.SCHEME, LinkFlaw.CREDENTIALS)
    )


def behind(*links: str) -> dict[str, Any]:
    """A message that shows a word for each of these links."""
    entities = [
        {"type": "text_link", "offset": 2 * place, "length": 1, "url": link}
        for place, link in enumerate(links)
    ]
    return {"text": "x " * len(links), "entities": entities}


@pytest.mark.parametrize(
    ("message", "links"),
    [
        (behind(FILM, "tg://resolve?domain=somebody"), Links((FILM,))),
        (behind("mailto:ada@a.example", FILM, "ton://transfer/x"), Links((FILM,))),
        (marked(f"{FILM} TG://join?invite=x", FILM, "TG://join?invite=x"), Links((FILM,))),
        ({"text": f"{FILM} tg://join?invite=x"}, Links((FILM,))),
        (
            {"rich_message": {"blocks": [{"type": "url", "url": u} for u in (FILM, "mailto:x@y")]}},
            Links((FILM,)),
        ),
        # There is nothing better in the message, or it is wrong in another way.
        (behind("tg://resolve?domain=somebody"), Links((), (LinkFlaw.SCHEME,))),
        (marked("tg://join?invite=x", "tg://join?invite=x"), Links((), (LinkFlaw.SCHEME,))),
        (behind(FILM, "https://u:p@a.example/"), Links((FILM,), (LinkFlaw.CREDENTIALS,))),
        # Somebody has written it out.
        (marked(f"ftp://b.example/ {FILM}", "ftp://b.example/", FILM), BESIDE_FTP),
        (marked(f"ton://x {FILM}", "ton://x", FILM), BESIDE_FTP),
    ],
)
def test_how_a_channel_is_reached_is_no_flaw_beside_a_good_link(
    message: dict[str, Any], links: Links
) -> None:
    assert find_links(message) == links


CHATS = (
    "https://t.me/+AbCdEf",
    "https://t.me/joinchat/AbCdEf",
    "https://t.me/somebody",
    "http://www.telegram.me/somebody/",
    "https://t.me/somebody?boost",
    "https://t.me/some_bot?start=12",
    "https://t.me/some_bot/app",
    "https://somebody.t.me/",
    "https://t.me/share/url?url=https://a.example/12",
    "https://t.me/",
)
POSTS = (
    "https://t.me/somebody/12",
    "https://t.me/somebody/12/?single",
    "https://telegram.me/s/somebody/12",
    "https://t.me/somebody/5/12?comment=3",
    "https://t.me/c/1234567890/12",
    "https://t.me/somebody/s/12",
)


@pytest.mark.parametrize("chat", CHATS)
def test_a_link_to_a_chat_counts_only_without_a_better_one(chat: str) -> None:
    assert find_links(behind(chat, FILM, *CHATS)) == Links((FILM,))
    assert find_links(marked(f"{FILM} {chat}", FILM, chat)) == Links((FILM,))
    assert find_links(behind(POSTS[0], chat)) == Links((POSTS[0],))
    assert find_links(behind(chat)) == Links((chat,))
    assert find_links(behind(CHATS[0], chat, "https://u:p@a.example/")).good == tuple(
        dict.fromkeys((CHATS[0], chat))
    )


@pytest.mark.parametrize(
    "link", [*POSTS, "https://not-t.me/somebody", "https://t.me.a.example/somebody"]
)
def test_a_link_to_a_post_counts_beside_others(link: str) -> None:
    assert find_links(behind(FILM, link)) == Links((FILM, link))


EMOJI = {"type": "custom_emoji", "offset": 0, "length": 1}


def poll(**texts: object) -> dict[str, Any]:
    return {"poll": {"id": "1", "question": "Which?", "options": [{"text": "One"}], **texts}}


@pytest.mark.parametrize(
    "message",
    [
        poll(question=f"Watch {FILM}"),
        poll(question=f"x {FILM}", question_entities=[EMOJI]),
        poll(explanation=FILM),
        poll(explanation="x", explanation_entities=behind(FILM)["entities"]),
        poll(description="x", description_entities=behind(FILM)["entities"]),
        {"checklist": {"title": FILM, "tasks": []}},
        {"checklist": {"title": "x", "title_entities": behind(FILM)["entities"]}},
        {"checklist": {"title": "x", "tasks": [{"text": "y"}, {"id": 2, "text": FILM}]}},
        {
            "checklist": {
                "title": "x",
                "tasks": [{"text": "x", "text_entities": behind(FILM)["entities"]}],
            }
        },
    ],
)
def test_links_of_polls_and_checklists_are_found(message: dict[str, Any]) -> None:
    assert find_links(message) == Links((FILM,))


@pytest.mark.parametrize(
    "message",
    [
        {"poll": {"question": 5, "explanation": [FILM], "description_entities": 1}},
        {"poll": [FILM], "checklist": [FILM]},
        {"checklist": {"title": None, "tasks": [FILM, None, {"text": {}}]}},
        {"link_preview_options": FILM, "reply_markup": FILM, "forward_origin": {}},
        {"reply_markup": {"inline_keyboard": [FILM, [FILM], 1]}, "forward_origin": {}},
    ],
)
def test_an_odd_message_has_no_links(message: dict[str, Any]) -> None:
    assert find_links(message) == Links()


CARD = "https://b.example/card"
BUTTON = "https://c.example/button"
SHOWN = {
    "link_preview_options": {"url": CARD},
    "reply_markup": {
        "inline_keyboard": [
            [{"text": "Join", "url": "https://t.me/+AbC"}, {"text": "Ask", "callback_data": "1"}],
            [{"text": "Chat", "url": "tg://user?id=1"}, {"text": "Watch", "url": BUTTON}],
        ]
    },
    "forward_origin": {"type": "channel"},
}


@pytest.mark.parametrize("words", [{"text": "Look"}, behind("https://t.me/somebody"), {}])
def test_a_card_and_then_buttons_count_without_a_better_link(words: dict[str, Any]) -> None:
    assert find_links(SHOWN | words) == Links((CARD,))
    for preview in ({}, {"url": CARD, "is_disabled": True}, {"url": "https://t.me/somebody"}):
        message = SHOWN | words | {"link_preview_options": preview}
        assert find_links(message) == Links((BUTTON,))
        assert find_links(message, with_buttons=False) == find_links(words)
        del message["forward_origin"]
        assert find_links(message) == find_links(words)


def test_neither_a_card_nor_a_button_counts_beside_a_link() -> None:
    for words in (behind(FILM), marked(FILM, FILM), {"caption": FILM}, poll(explanation=FILM)):
        assert find_links(SHOWN | words) == Links((FILM,))


def test_what_is_written_wrong_is_named_beside_a_card() -> None:
    message = SHOWN | {"text": "ftp://b.example/"}
    assert find_links(message) == Links((CARD,), (LinkFlaw.SCHEME,))


@pytest.mark.parametrize(
    "entity",
    [
        {},
        None,
        {"type": "url"},
        {"type": "url", "offset": -5, "length": 3},
        {"type": "url", "offset": 0, "length": -1},
        {"type": "url", "offset": 10**18, "length": 10**18},
        {"type": "url", "offset": "0", "length": True},
        {"type": "text_link", "url": 7},
    ],
)
def test_an_odd_entity_is_no_link(entity: object) -> None:
    assert find_links({"text": "a.example", "entities": [entity]}) == Links()
