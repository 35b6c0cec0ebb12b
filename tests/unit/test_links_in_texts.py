"""Links as texts really hold them: in monospace, before the next sentence, with unseen marks."""

import pytest

from worker.telegram.links import find_links


def marked(text: str, kind: str, part: str | None = None) -> dict[str, object]:
    """A message in which `part`, or all, is an entity of this kind."""
    part = text if part is None else part
    before = text[: text.index(part)]
    offset, length = (len(each.encode("utf-16-le")) // 2 for each in (before, part))
    return {"text": text, "entities": [{"type": kind, "offset": offset, "length": length}]}


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://v.example.com/a/X，复制此链接", "https://v.example.com/a/X"),
        ("https://www.example.com/video/BV1x，快看", "https://www.example.com/video/BV1x"),
        ("https://www.example.com/video/BV1x。", "https://www.example.com/video/BV1x"),
        ("https://example.com/x？真的", "https://example.com/x"),
        ("https://example.com/x！", "https://example.com/x"),
        ("https://example.com/x：看", "https://example.com/x"),
        ("https://example.com/x；y", "https://example.com/x"),
        ("https://example.com/x、https", "https://example.com/x"),
        ("https://example.com/x】", "https://example.com/x"),
        ("https://example.com/x【标题】", "https://example.com/x"),
        ("https://example.com/x」と", "https://example.com/x"),
        ("https://example.com/x）", "https://example.com/x"),
        ("https://example.com/x》", "https://example.com/x"),
        ("https://example.com/x～", "https://example.com/x"),
        ("https://example.com/x｡", "https://example.com/x"),
        ("https://example.com/x?v=1，看", "https://example.com/x?v=1"),
        ("https://example.com/#/v?id=1，看", "https://example.com/#/v?id=1"),
        ("https://example.com，看", "https://example.com/"),
        ("https://b23.example。快看", "https://b23.example/"),
        ("youtu.be/ID،", "https://youtu.be/ID"),
        ("https://youtu.be/ID؟", "https://youtu.be/ID"),
        ("https://youtu.be/ID؛ نص", "https://youtu.be/ID"),
        ("https://youtu.be/ID۔", "https://youtu.be/ID"),
        ("https://youtu.be/ID।", "https://youtu.be/ID"),
        ("https://youtu.be/ID։", "https://youtu.be/ID"),
        ("https://youtu.be/ID።", "https://youtu.be/ID"),
        ("https://youtu.be/ID…", "https://youtu.be/ID"),
        ("https://youtu.be/ID”", "https://youtu.be/ID"),
    ],
)
def test_the_sentence_behind_a_link_is_no_part_of_it(text: str, link: str) -> None:
    assert find_links(marked(text, "url")).good == (link,)
    assert find_links(marked(f"看 {text}", "url", text)).good == (link,)
    if "://" in text:
        assert find_links({"text": text}).good[0] == link


@pytest.mark.parametrize(
    ("text", "link"),
    [
        # Middle dots, dashes and quotation marks stand within titles.
        ("https://example.com/a・b", "https://example.com/a%E3%83%BBb"),
        ("https://example.com/a–b", "https://example.com/a%E2%80%93b"),
        ("https://example.com/a’b", "https://example.com/a%E2%80%99b"),
        ("https://example.com/l·l", "https://example.com/l%C2%B7l"),
        ("https://example.com/你好", "https://example.com/%E4%BD%A0%E5%A5%BD"),
        # The dots of a name in its own script.
        ("http://例え。jp/x", "http://xn--r8jz45g.jp/x"),
        ("http://例え．jp/x", "http://xn--r8jz45g.jp/x"),
        # Joiners hold words together.
        ("https://example.com/a\u200cb", "https://example.com/a%E2%80%8Cb"),
        ("https://example.com/a\u200db", "https://example.com/a%E2%80%8Db"),
        ("https://example.com/%EF%BC%8C", "https://example.com/%EF%BC%8C"),
    ],
)
def test_what_belongs_to_a_link_stays(text: str, link: str) -> None:
    assert find_links(marked(text, "url")).good == (link,)


def test_a_link_that_somebody_has_hidden_behind_words_is_taken_as_it_is() -> None:
    entity = {"type": "text_link", "offset": 0, "length": 4, "url": "https://example.com/a，b"}
    assert find_links({"text": "here", "entities": [entity]}).good == (
        "https://example.com/a%EF%BC%8Cb",
    )


@pytest.mark.parametrize(
    "mark", ["\u200b", "\u200c", "\u200d", "\u200e", "\u2060", "\u2069", "\ufeff", "\u00ad"]
)
@pytest.mark.parametrize(
    "text",
    ["https://example.com/x{0}", "{0}https://example.com/x", "{0}https://example.com/x{0}{0}"],
)
def test_unseen_marks_around_a_link_do_not_matter(text: str, mark: str) -> None:
    assert find_links(marked(text.format(mark), "url")).good == ("https://example.com/x",)


@pytest.mark.parametrize("kind", ["code", "pre"])
@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("https://youtu.be/ID", ("https://youtu.be/ID",)),
        ("HTTPS://youtu.be/ID", ("https://youtu.be/ID",)),
        ("youtu.be/ID", ("https://youtu.be/ID",)),
        ("www.example.com/watch?v=1#t=2", ("https://www.example.com/watch?v=1#t=2",)),
        ("(https://youtu.be/ID).", ("https://youtu.be/ID",)),
        (
            "https://a.example/1\nhttps://b.example/2",
            ("https://a.example/1", "https://b.example/2"),
        ),
        ("https://v.example.com/X，复制", ("https://v.example.com/X",)),
        # No links.
        ("import main.py", ()),
        ("ls worker/urls.py", ()),
        ("git@example.com:a/b", ()),
        ("user@example.com/x", ()),
        ("1.5/2", ()),
        ("example.com", ()),
    ],
)
def test_links_in_monospace_are_found(kind: str, text: str, links: tuple[str, ...]) -> None:
    assert find_links(marked(text, kind)).good == links
    assert find_links(marked(f"🎬 看: {text} !", kind, text)).good == links


def test_monospace_in_a_caption_beside_a_marked_link_keeps_the_order() -> None:
    message = {
        "caption": "https://a.example/1 https://b.example/2 https://c.example/3",
        "caption_entities": [
            {"type": "url", "offset": 0, "length": 19},
            {"type": "code", "offset": 20, "length": 19},
            {"type": "url", "offset": 40, "length": 19},
        ],
    }
    assert find_links(message).good == (
        *("https://a.example/1", "https://b.example/2", "https://c.example/3"),
    )


def test_what_other_entities_hold_is_no_link() -> None:
    assert find_links(marked("https://example.com/x", "bold")).good == ()


def rich(*blocks: object) -> dict[str, object]:
    """A message made of blocks, as a person may forward one from a bot."""
    return {"rich_message": {"blocks": list(blocks)}}


def linked(url: str) -> dict[str, str]:
    return {"type": "url", "text": "here", "url": url}


def test_links_are_found_wherever_they_stand_in_a_message_of_blocks() -> None:
    table = {"type": "table", "cells": [[{"text": linked("https://c.example/3"), "align": "left"}]]}
    row = {"type": "list", "items": [{"label": "1", "blocks": [table]}]}
    message = rich(
        {"type": "heading", "text": "A title", "size": 1},
        {"type": "paragraph", "text": ["See ", {"type": "bold", "text": linked("a.example/1")}]},
        {"type": "photo", "photo": [], "caption": {"text": linked("https://b.example/2")}},
        {"type": "details", "summary": "more", "blocks": [row]},
        {
            "type": "pre",
            "text": ["get ", {"type": "bold", "text": "d.example/4"}],
            "language": "sh",
        },
    )
    links = ("https://a.example/1", "https://b.example/2", "https://c.example/3")
    assert find_links(message).good == (*links, "https://d.example/4")


def test_what_a_message_of_blocks_does_not_mark_is_no_link() -> None:
    spelt = {
        "type": "custom_emoji",
        "alternative_text": "https://example.com/x",
        "url": "b.example",
    }
    block = {"type": "paragraph", "text": ["https://example.com/x", spelt]}
    assert not find_links(rich(block, {"type": "divider"}, {"type": "url"}, 1, None))


def test_a_message_of_blocks_may_be_nested_without_end() -> None:
    text: object = linked("https://example.com/x")
    for _ in range(5000):
        text = {"type": "bold", "text": [text]}
    assert find_links(rich(text)).good == ("https://example.com/x",)
