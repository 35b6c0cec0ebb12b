"""Each sentence of the most used extractors, raised as yt-dlp raises it, has the right meaning."""

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yt_dlp
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import DownloadError, ExtractorError

from worker.downloads.ytdlp.failures.errors import classify
from worker.errors import Fault, Reason

EXTRACTORS = Path(yt_dlp.extractor.__file__).parent


@dataclass(frozen=True)
class Sentence:
    """A line of the table: who says it, how it is raised, and what is to be made of it."""

    site: str
    manner: str
    text: str
    meaning: str


def read_table() -> Iterator[Sentence]:
    site = meaning = ""
    lines = Path(__file__).with_name("said_by_sites.txt").read_text("utf-8").splitlines()
    for line in lines[lines.index("## youtube") :]:
        mark, _, rest = line.partition(" ")
        if mark == "##":
            site = rest
        elif mark == "#":
            meaning = rest
        elif mark:
            yield Sentence(site, mark.removesuffix(":"), rest, meaning)


TABLE = list(read_table())


class FailingIE(InfoExtractor):
    """Fails with a sentence, in the way that the table says."""

    _VALID_URL = r"https?://site\.example/(?P<id>.+)"

    def __init__(self, sentence: Sentence) -> None:
        super().__init__()
        self.sentence = sentence

    def _real_extract(self, url: str) -> Any:
        match self.sentence.manner:
            case "login":
                self.raise_login_required(self.sentence.text)
            case "geo":
                self.raise_geo_restricted(self.sentence.text)
            case manner:
                raise ExtractorError(self.sentence.text, expected=manner == "said")


@functools.cache
def ydl() -> Any:
    params: Any = {"quiet": True, "color": "never"}
    return yt_dlp.YoutubeDL(params, auto_init=False)


def raise_from(kind: type[FailingIE], sentence: Sentence) -> None:
    """Let an extractor of the site's name fail."""
    extractor = type("", (kind,), {"IE_NAME": sentence.site})(sentence)
    ydl().add_info_extractor(extractor)
    ydl().extract_info("https://site.example/private-offline-1", ie_key=extractor.ie_key())


@pytest.mark.parametrize("sentence", TABLE, ids=lambda each: f"{each.site}: {each.text[:60]}")
def test_what_a_site_says_means(sentence: Sentence) -> None:
    with pytest.raises(DownloadError) as caught:
        raise_from(FailingIE, sentence)
    error = classify(caught.value)
    assert f"{error.reason}, {error.fault}" == sentence.meaning, error.detail


class BreakingIE(FailingIE):
    """Fails at a page that is not as it was."""

    def _real_extract(self, url: str) -> Any:
        page: Any = {"title": 5}
        match self.sentence.text:
            case "a number where a text was":
                return self._search_regex("x", page["title"], "title")
            case "nothing where a list was":
                return page.get("formats")[0]
            case "no such key":
                return page["formats"]
            case ours:
                return classify(ours)  # type: ignore[arg-type]  # a mistake of ours


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ("a number where a text was", Reason.OUTDATED),
        ("nothing where a list was", Reason.OUTDATED),
        ("no such key", Reason.OUTDATED),
        ("ours", Reason.INTERNAL),
    ],
)
def test_an_extractor_that_breaks_at_a_page_is_outdated(mistake: str, reason: Reason) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever yt-dlp lets through
        raise_from(BreakingIE, Sentence("Example", "", mistake, ""))
    error = classify(caught.value)
    assert (error.reason, error.fault) == (reason, Fault.OPERATOR)


# --------------------------------------------------------------------- what the table leaves out

MODULES = {
    "youtube": "youtube",
    "tiktok": "TikTok",
    "instagram": "Instagram",
    "twitter": "twitter",
    "facebook": "facebook",
    "reddit": "Reddit",
    "vimeo": "vimeo",
    "dailymotion": "dailymotion",
    "twitch": "twitch:vod",
    "soundcloud": "soundcloud",
    "bilibili": "BiliBili",
    "vk": "vk",
    "odnoklassniki": "Odnoklassniki",
    "niconico": "niconico",
    "bandcamp": "Bandcamp",
    "tumblr": "Tumblr",
    "bluesky": "Bluesky",
    "streamable": "Streamable",
    "imgur": "imgur",
    "kick": "kick:vod",
    "patreon": "patreon",
    "ninegag": "9gag",
    "likee": "Likee",
}

UNREACHABLE = re.compile(
    # No name and no password is given, no such argument, no search, and no comments are asked for.
    r"unable to log ?in|login (with|using)|comment|unsupported (language|api client)|api selection"
    r"|player clients have been|search data|oauth tokens|working app info|instead of",
    re.IGNORECASE,
)


def sentences(module: str) -> Iterator[str]:
    """The errors that a module raises, with `{…}` where it puts something in."""
    place = EXTRACTORS / module
    for source in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = ast.unparse(node.func).rpartition(".")[2]
                if name in ("ExtractorError", "raise_login_required", "raise_no_formats"):
                    yield from filter(None, [template(node.args[0])])


def template(node: ast.expr) -> str:
    """A string of a source, with `{…}` where something is put in; "" for anything else."""
    match node:
        case ast.Constant(value=str() as text):
            return re.sub(r"%[sd]", "{…}", text)
        case ast.JoinedStr(values=parts):
            return "".join(template(p) if isinstance(p, ast.Constant) else "{…}" for p in parts)
        case ast.BinOp(left=left, op=ast.Mod()):
            return template(left)
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return template(left) + (template(right) or "{…}")
    return ""


def is_in_table(said: str, site: str) -> bool:
    pattern = re.compile(".*".join(map(re.escape, said.rstrip(".").split("{…}"))))
    return any(pattern.match(each.text) for each in TABLE if each.site in (site, "Douyin"))


@pytest.mark.parametrize("module", MODULES)
def test_each_sentence_of_an_installed_extractor_is_in_the_table(module: str) -> None:
    missing = [
        said
        for said in sentences(module)
        if said.strip("{…}")
        and not UNREACHABLE.search(said)
        and not is_in_table(said, MODULES[module])
    ]
    assert not missing, "judge these by hand, and add them to the table"
