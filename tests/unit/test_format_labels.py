"""Labels that lie, or say nothing: a file is looked at where the choice depends on it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.format_choice import a_format, chooser, chosen, silent, sound
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.form import SOUND

PLAIN = {"protocol": "https"}
AVC, VP9 = {"vcodec": "avc1", "acodec": "mp4a"}, {"vcodec": "vp09", "acodec": "mp4a"}


def looking(truth: Mapping[str, Mapping[str, str]], **options: Any) -> tuple[Chooser, list[str]]:
    """A chooser to which these files show these codecs, and a list of those that it looks at."""
    made, seen = chooser(**options), []

    def look(media: Mapping[str, Any]) -> Mapping[str, str]:
        seen.append(str(media["format_id"]))
        return truth.get(seen[-1], {})

    made.peek = look
    return made, seen


def labelled(name: str, height: int, vcodec: str | None = "vp09", **more: Any) -> Any:
    return a_format(name, 9, height, vcodec=vcodec, acodec=None, **PLAIN | more)


DASH = [silent("dash", 9, 1080, vcodec="vp09", container="mp4_dash"), sound("s", 1)]


@pytest.mark.parametrize(
    ("formats", "truth", "name", "seen"),
    [
        # Instagram's: the plain file is H.264 whatever its label says.
        ([*DASH, labelled("plain", 720)], {"plain": AVC}, "plain", ["plain"]),
        ([*DASH, labelled("plain", 720)], {"plain": VP9}, "dash+s", ["plain"]),
        ([*DASH, labelled("plain", 720)], {}, "dash+s", ["plain"]),
        # What is too small is as good as what has to be converted, and higher goes first.
        ([*DASH, labelled("plain", 360)], {"plain": AVC}, "dash+s", ["plain"]),
        # Nobody looks where it makes no difference.
        ([a_format("hd", 9, 1080), labelled("plain", 720)], {"plain": AVC}, "hd", []),
        ([labelled("plain", 720, "avc1"), a_format("sd", 9, 360)], {}, "plain", []),
        # Sound beside a file that does not say whether it has its own.
        (
            [labelled("mute", 720, None), sound("s", 1)],
            {"mute": {"vcodec": "avc1", "acodec": "none"}},
            "mute+s",
            ["mute"],
        ),
        ([labelled("full", 720, None), sound("s", 1)], {"full": AVC}, "full", ["full"]),
        ([labelled("dark", 720, None), sound("s", 1)], {}, "dark", ["dark"]),
        # A file that is sound alone is no film.
        (
            [labelled("song", 720, None), a_format("sd", 9, 360), sound("s", 1)],
            {"song": {"vcodec": "none", "acodec": "mp4a"}},
            "sd",
            ["song"],
        ),
    ],
)
def test_a_file_is_looked_at(formats: list[Any], truth: Any, name: str, seen: list[str]) -> None:
    made, looked = looking(truth)
    assert chosen(made, *formats) == name
    assert looked == seen


def test_only_a_few_are_looked_at_and_each_once() -> None:
    made, seen = looking({})
    formats = [labelled(f"{height}", height) for height in (1080, 720, 480, 360, 240)]
    first = chosen(made, *formats, sound("s", 1))
    assert len(seen) == 3
    assert chosen(made, *formats, sound("s", 1)) == first
    assert len(seen) == len(set(seen))


def test_nobody_looks_at_a_film_for_its_sound() -> None:
    made, seen = looking({}, form=SOUND)
    assert chosen(made, labelled("film", 720)) == "film"
    assert seen == []
