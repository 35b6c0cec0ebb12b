"""The stand-in reads HTML and finds links as Telegram does."""

from __future__ import annotations

import re

import pytest

from tests.sandbox.api import DEFAULT_CHAT as CHAT
from tests.sandbox.api import BotApi
from tests.sandbox.client import Client
from tests.sandbox.entities import find_entities, parse_html
from tests.sandbox.errors import ApiError
from tests.support.sandbox_kit import api as api
from tests.support.sandbox_kit import client as client


@pytest.mark.parametrize(
    ("text", "plain", "entities"),
    [
        ("a &lt;b&gt; &amp; &quot;&#x41;&#66; &copy;", 'a <b> & "AB &copy;', []),
        ("🎬 <b>x</b>", "🎬 x", [("bold", 3, 1)]),
        ("<b>a<i>b</i></b>", "ab", [("italic", 1, 1), ("bold", 0, 2)]),
        ('<a href="http://a.b/?c=1&amp;d">x</a>', "x", [("text_link", 0, 1)]),
        ("<pre><code class='language-py'>x</code></pre>", "x", [("code", 0, 1), ("pre", 0, 1)]),
        ("<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", 0, 1)]),
        ('<span class="tg-spoiler">x</span>', "x", [("spoiler", 0, 1)]),
        ("1 > 0", "1 > 0", []),
    ],
)
def test_html_is_parsed(text: str, plain: str, entities: list[tuple[str, int, int]]) -> None:
    got, found = parse_html(text)
    assert got == plain
    assert [(e["type"], e["offset"], e["length"]) for e in found] == entities


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("é <x>a</x>", 'Unsupported start tag "x" at byte offset 3'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        (
            "<b>a</i>",
            'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
        ),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ("<span>a</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_html_mistake_is_refused(text: str, reason: str, client: Client) -> None:
    with pytest.raises(ApiError, match=re.escape(reason)):
        parse_html(text)
    answer = client.call("sendMessage", chat_id=CHAT, text=text, parse_mode="HTML")
    assert answer.description == f"Bad Request: can't parse entities: {reason}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://127.0.0.1:8080/clip.mp4", ["http://127.0.0.1:8080/clip.mp4"]),
        ("see https://a.example/b?c=d&e=f#g.", ["https://a.example/b?c=d&e=f#g"]),
        ("(http://a.example/b_(c))", ["http://a.example/b_(c)"]),
        ("youtu.be/x, then www.vimeo.com!", ["youtu.be/x", "www.vimeo.com"]),
        ("HTTP://A.EXAMPLE/B", ["HTTP://A.EXAMPLE/B"]),
        ("http://a.example/1\nhttp://a.example/2", ["http://a.example/1", "http://a.example/2"]),
        ("🎬🎬 http://a.example/é", ["http://a.example/é"]),
        ("file.txt and e.g. this", []),
        ("http://localhost/a", []),
        ("ftp://a.example/b", ["ftp://a.example/b"]),
        ("data:text/plain,x ytsearch:cats", []),
        ("/start@sandbox_bot a/b", ["/start@sandbox_bot"]),
        ("@somebody #tag me@a.example", ["@somebody", "#tag", "me@a.example"]),
    ],
)
def test_links_in_what_people_write_are_marked(text: str, found: list[str]) -> None:
    units = text.encode("utf-16-le")
    marked = [
        units[2 * e["offset"] : 2 * (e["offset"] + e["length"])].decode("utf-16-le")
        for e in find_entities(text)
    ]
    assert marked == found


def test_people_cannot_write_more_than_4096(api: BotApi) -> None:
    api.say("x" * 4096)
    with pytest.raises(ValueError, match="4096"):
        api.say("x" * 4097)
