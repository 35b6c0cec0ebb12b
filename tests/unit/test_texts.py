"""Words for people: complete, short, and proof against what comes from outside."""

import html
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.errors import LinkFlaw, Reason
from worker.protocol import MediaFacts, MediaFile, MediaKind, Note, Progress, Retry, Stage
from worker.protocol.notices import Cancelled, Notice, Refusal, Topic
from worker.telegram.texts import ENGLISH, caption, explanation, notice, progress
from worker.telegram.texts.captions import MAX_CAPTION
from worker.telegram.texts.formatting import MAX_TEXT, shorten, utf16_length

TAG = re.compile(r"<[^>]*>")


def media(
    title: str, *, source_url: str = "https://a.example/?a=1&b=2", **more: object
) -> MediaFile:
    facts = MediaFacts(MediaKind.VIDEO, title, **more)  # type: ignore[arg-type]
    return MediaFile("/x/v.mp4", 1, source_url, facts)


def shown(markup: str) -> str:
    """What remains of Telegram's HTML when it is parsed."""
    return html.unescape(TAG.sub("", markup))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_short_sentence(reason: Reason) -> None:
    sentence = explanation(ENGLISH, reason)
    assert sentence.endswith(".")
    assert 10 < len(sentence) < 100
    assert re.search("again|later|check the link|may work|a few days", sentence), "what helps?"
    assert len(re.findall(r"[.!?](?: |$)", sentence)) <= 2


@pytest.mark.parametrize("reason", Reason)
def test_what_is_tried_again_says_so_with_a_count(reason: Reason) -> None:
    waiting = Progress(Stage.RETRYING, eta_s=120.0, retry=Retry(reason, 2, 3))
    what, when = progress(ENGLISH, waiting).split("\n")
    assert explanation(ENGLISH, reason).startswith(what)
    assert when == "Trying again in 2 minutes: try 2 of 3…"


@pytest.mark.parametrize(
    ("wait_s", "words"),
    [
        (0, "a second"),
        (1, "a second"),
        (2, "2 seconds"),
        (45, "45 seconds"),
        (89, "89 seconds"),
        (90, "2 minutes"),
        (119, "2 minutes"),
        (1200, "20 minutes"),
        (5400, "2 hours"),
        (86_400, "24 hours"),
    ],
)
def test_a_wait_is_told_in_round_numbers(wait_s: float, words: str) -> None:
    waiting = Progress(Stage.RETRYING, eta_s=wait_s, retry=Retry(Reason.NETWORK, 2, 3))
    assert f"again in {words}:" in progress(ENGLISH, waiting)


@pytest.mark.parametrize(
    ("wait_s", "words"),
    [
        *((0, "a minute"), (60, "a minute"), (61, "2 minutes"), (1799.5, "30 minutes")),
        ((470.2 + 60) - 470.2, "a minute"),  # more than 60, as floating point has it
    ],
)
def test_who_asks_for_a_site_that_is_down_is_told_when_to_come_again(
    wait_s: float, words: str
) -> None:
    sentence = explanation(ENGLISH, Reason.SITE_DOWN, "7f3a2c", wait_s)
    assert sentence.endswith(f"Please send the link again in {words}.")
    blocked = explanation(ENGLISH, Reason.BLOCKED_HERE, "7f3a2c", wait_s)
    assert blocked.endswith(
        f"my owner knows. Please send the link again in {words} (error 7f3a2c)."
    )
    assert explanation(ENGLISH, Reason.NETWORK, "", wait_s) == explanation(ENGLISH, Reason.NETWORK)


def test_who_sends_what_is_too_large_is_told_the_limit() -> None:
    sentence = explanation(ENGLISH, Reason.TOO_LARGE, "7f3a2c", limit_mb=2000)
    assert sentence.startswith("This is larger than the 2000 MB that I can send at once.")
    assert explanation(ENGLISH, Reason.DRM, limit_mb=2000) == explanation(ENGLISH, Reason.DRM)


def test_who_asks_for_a_language_that_is_not_there_is_told_those_that_are() -> None:
    sentence = explanation(ENGLISH, Reason.NO_SUCH_SUBTITLES, languages=("en-gb", "fr", "tlh"))
    assert sentence == (
        "The site has no subtitles in that language. It has: English (GB), French, tlh."
    )
    assert explanation(ENGLISH, Reason.NO_SUCH_SUBTITLES).endswith("the link alone may work.")


@pytest.mark.parametrize("reason", [Reason.CRASHED, Reason.INTERNAL, Reason.UPLOAD_REFUSED])
def test_what_may_be_our_fault_carries_the_error_id(reason: Reason) -> None:
    assert explanation(ENGLISH, reason, "7f3a2c").endswith(" (error 7f3a2c).")
    assert "error" not in explanation(ENGLISH, reason)


@pytest.mark.parametrize("reason", [Reason.NOT_FOUND, Reason.TOO_LARGE, Reason.DRM])
def test_what_is_clear_carries_no_error_id(reason: Reason) -> None:
    assert "7f3a2c" not in explanation(ENGLISH, reason, "7f3a2c")


def test_a_cancelled_request_is_not_called_an_error() -> None:
    assert explanation(ENGLISH, None, "7f3a2c") == ENGLISH.cancelled


@pytest.mark.parametrize("about", [*LinkFlaw, *Refusal, *Cancelled])
def test_every_refusal_is_a_sentence(about: LinkFlaw | Refusal | Cancelled) -> None:
    assert notice(ENGLISH, Notice(about)).endswith(".")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "I only take 5 links from a message. Please send the last one again."),
        (
            7,
            "I only take 5 links from a message. Please send the other 7 again, up to 5 at a time.",
        ),
    ],
)
def test_links_that_were_left_out_are_counted(count: int, words: str) -> None:
    assert notice(ENGLISH, Notice(Topic.LINKS_LEFT_OUT, {"count": count, "most_links": 5})) == words


def test_braces_in_a_value_are_left_alone() -> None:
    assert notice(ENGLISH, Notice(Topic.VERBATIM, {"text": "{x} {}"})) == "{x} {}"


@pytest.mark.parametrize(
    ("lines", "begin", "end"),
    [
        (["head", *["x" * 300] * 30], "head\nxxx", "\nand 17 more"),
        (["head", *["😀" * 300] * 30], "head\n😀", "\nand 24 more"),
        (["head", "a" * 9000, "b" * 9000, "c"], "head\naaa", "b…\nc"),
        (["a" * 9000], "aaa", "a…"),
    ],
)
def test_finished_text_that_is_too_long_says_how_many_lines_are_missing(
    lines: list[str], begin: str, end: str
) -> None:
    text = notice(ENGLISH, Notice(Topic.VERBATIM, {"text": "\n".join(lines)}))
    assert (text[: len(begin)], text[-len(end) :]) == (begin, end)
    assert utf16_length(text) <= MAX_TEXT


@pytest.mark.parametrize("text", ["x" * 2000, "\n".join(["x" * 60] * 60), "", "a\n\nb\n"])
def test_finished_text_that_fits_is_left_alone(text: str) -> None:
    assert notice(ENGLISH, Notice(Topic.VERBATIM, {"text": text})) == text


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_has_words(stage: Stage) -> None:
    assert progress(ENGLISH, Progress(stage)).endswith("…")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (
            Progress(Stage.DOWNLOADING, 12_300_000, 29_000_000, 1_200_000.0, 14.0),
            "Downloading ▰▰▰▰▱▱▱▱▱▱ 42 %\n12.3 MB of 29.0 MB · 1.2 MB/s · 0:14 left",
        ),
        (Progress(Stage.DOWNLOADING, 5_000_000), "Downloading…\n5.0 MB"),
        (Progress(Stage.SITE_WAIT, eta_s=20.8), "The site makes us wait 21 seconds…"),
        (Progress(Stage.SITE_WAIT), "The site makes us wait…"),
        (
            Progress(Stage.DOWNLOADING, 700, 600),
            "Downloading ▰▰▰▰▰▰▰▰▰▰ 100 %\n1 kB of 1 kB",
        ),
        (
            Progress(Stage.DOWNLOADING, 1_500_000_000, 2_000_000_000, math.nan, math.inf),
            "Downloading ▰▰▰▰▰▰▰▱▱▱ 75 %\n1.50 GB of 2.00 GB",
        ),
        (
            Progress(Stage.DOWNLOADING, 1000, 10**9, 0.0, 4000.0),
            "Downloading ▱▱▱▱▱▱▱▱▱▱ 0 %\n1 kB of 1.00 GB · 1:06:40 left",
        ),
        (
            Progress(Stage.DOWNLOADING, 5_000_000, 10_000_000, is_silent=True),
            "Downloading ▰▰▰▰▰▱▱▱▱▱ 50 %\n5.0 MB of 10.0 MB · waiting for the site",
        ),
        (Progress(Stage.DOWNLOADING, is_silent=True), "Downloading…"),
        (Progress(Stage.DOWNLOADING, -1, 0), "Downloading…"),
        (Progress(Stage.IN_LINE), "Waiting: yours is next…"),
        (Progress(Stage.IN_LINE, ahead=1), "Waiting: 1 download ahead of yours…"),
        (Progress(Stage.MAINTENANCE), "Paused for maintenance: yours is next afterwards…"),
        (
            Progress(Stage.MAINTENANCE, ahead=1),
            "Paused for maintenance: 1 download ahead of yours…",
        ),
        (Progress(Stage.IN_LINE, ahead=3), "Waiting: 3 downloads ahead of yours…"),
        (Progress(Stage.UPLOADING, total_bytes=43_000_000), "Uploading 43.0 MB…"),
    ],
)
def test_progress_says_what_is_known(state: Progress, text: str) -> None:
    assert progress(ENGLISH, state) == text


@pytest.mark.parametrize("note", Note)
def test_every_note_stands_below_the_facts(note: Note) -> None:
    *_, facts, sentence = caption(ENGLISH, media("Title", uploader="Ada", note=note)).splitlines()
    assert facts == "Ada"
    assert sentence.endswith(".")
    assert 10 < len(sentence) < 100


def test_a_caption_links_its_title_and_names_maker_and_length() -> None:
    made = caption(ENGLISH, media("A <b>& B", uploader="@Ada & Co", duration_s=3725.4))
    assert made == (
        '<a href="https://a.example/?a=1&amp;b=2">A &lt;b&gt;&amp; B</a>\nAda &amp; Co · 1:02:05'
    )


@pytest.mark.parametrize("title", ["", " \n", "\u202e", "\u200d"])
def test_a_title_without_a_visible_character_still_makes_a_link(title: str) -> None:
    assert shown(caption(ENGLISH, media(title))) == "Link"


@pytest.mark.parametrize("source", ["javascript:alert(1)", "", "not a link"])
def test_only_web_addresses_are_linked(source: str) -> None:
    assert caption(ENGLISH, media("Title", source_url=source)) == "Title"


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("plain", 10, "plain"),
        ("abcdef", 4, "abc…"),
        ("🎬🎬🎬", 6, "🎬🎬🎬"),
        ("🎬🎬🎬", 5, "🎬🎬…"),
        ("🎬🎬🎬", 4, "🎬…"),
    ],
)
def test_text_is_cut_by_utf16_units_and_never_within_a_character(
    text: str, limit: int, cut: str
) -> None:
    assert shorten(text, limit) == cut


@settings(deadline=None)  # a busy machine is no bug
@given(
    st.text(st.characters(codec=None) | st.sampled_from("<&>\"'🎬\u202e"), max_size=3000),
    st.text(max_size=300),
    st.none() | st.floats(),
    st.none() | st.sampled_from(Note),
)
def test_no_caption_is_too_long_or_broken(
    title: str, uploader: str, duration_s: float | None, note: Note | None
) -> None:
    made = caption(ENGLISH, media(title, uploader=uploader, duration_s=duration_s, note=note))
    assert utf16_length(shown(made)) <= MAX_CAPTION
    assert made.encode()
    assert TAG.findall(made) == ['<a href="https://a.example/?a=1&amp;b=2">', "</a>"]
    assert not re.search(r"&(?!(amp|lt|gt|quot|#x27);)", made)
    assert "\u202e" not in made


def test_the_longest_title_fills_the_caption() -> None:
    made = caption(ENGLISH, media("&" * 5000, uploader="x" * 500, duration_s=10))
    assert utf16_length(shown(made)) == MAX_CAPTION
