"""Which video and which sound are chosen in manifests that say little of their codecs, or lie."""

import itertools
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest

from tests.support import masters
from tests.support.format_choice import chooser
from tests.support.masters import ALTERNATE, CODECS, GROUPS, MPDS, Track, listed, master, mpd
from worker.downloads.ytdlp.formats import streams
from worker.downloads.ytdlp.formats.formats import Chooser
from worker.form import Form


def picked(text: str, made: Chooser | None = None) -> str:
    """The names of the files that are chosen, the video's first."""
    (found,) = (made or chooser(length_s=60))(listed(text))
    chosen = found.get("requested_formats") or [found]
    return "+".join(PurePosixPath(urlsplit(each["url"]).path).stem for each in chosen)


@pytest.mark.parametrize(
    ("codecs", "group"), list(itertools.product(CODECS, GROUPS)), ids=lambda name: name
)
def test_a_track_of_its_own_is_the_sound_whatever_the_codecs_say(codecs: str, group: str) -> None:
    assert picked(master(CODECS[codecs], GROUPS[group])) == "hd+sound"


@pytest.mark.parametrize("codecs", CODECS)
@pytest.mark.parametrize("tracks", [(), (Track(uri=None),)], ids=["no group", "in the videos"])
def test_without_a_track_the_sound_is_in_the_video(codecs: str, tracks: tuple[Track, ...]) -> None:
    assert picked(master(CODECS[codecs], tracks)) == "hd"


def test_a_video_is_never_given_its_dub_for_a_sound_that_it_may_have_itself() -> None:
    assert picked(master("", (Track(uri=None), ALTERNATE))) == "hd"


def test_what_has_come_without_sound_is_fetched_with_the_track_beside_it() -> None:
    made, text = chooser(length_s=60), master("", (ALTERNATE,))
    assert picked(text, made) == "hd"
    info = {"format_id": chosen_id(text, "hd"), "formats": listed(text)["formats"]}
    assert made.may_lack_sound(info)
    made.note_silent(info)
    assert not made.may_lack_sound(info)
    assert picked(text, made) == "hd+other"


def chosen_id(text: str, name: str) -> object:
    formats = listed(text)["formats"]
    return next(each["format_id"] for each in formats if f"/{name}." in each["url"])


@pytest.mark.parametrize("manifest", MPDS)
def test_a_dash_manifest_without_codecs_has_pictures_and_sound(manifest: str) -> None:
    assert picked(mpd(*MPDS[manifest])) == "hd+sound"


@pytest.mark.parametrize("codecs", CODECS)
def test_what_is_merged_says_which_stream_is_where(codecs: str) -> None:
    (found,) = chooser()(listed(master(CODECS[codecs], GROUPS["one track"])))
    video, sound = found["requested_formats"]
    assert (streams.has(video, "vcodec"), streams.has(video, "acodec")) == (True, False)
    assert (streams.has(sound, "vcodec"), streams.has(sound, "acodec")) == (False, True)


def test_a_variant_that_is_sound_alone_is_no_track_of_the_others() -> None:
    variant = '#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.2"\nsound.m3u8\n'
    assert picked(master(masters.CODECS["missing"]) + variant) == "hd"


def test_other_manifests_do_not_tell_what_a_file_holds() -> None:
    plain = {"format_id": "plain", "protocol": "https", "height": 720}
    track = listed(master("", GROUPS["one track"]))["formats"]
    known = streams.understood([plain, *track])
    assert streams.has(known[0], "acodec")


@pytest.mark.parametrize("attribute", ["FRAME-RATE=25", "NAME=a"])
def test_a_variant_without_a_size_is_a_video_by_its_rate(attribute: str) -> None:
    text = master(CODECS["sound alone"], GROUPS["one track"])
    for size in (masters.HD, masters.SD):
        text = text.replace(size, attribute)
    assert picked(text) == "hd+sound"


def test_sound_of_a_high_rate_is_no_video() -> None:
    variants = "".join(
        f'#EXT-X-STREAM-INF:BANDWIDTH={rate}000,CODECS="{codec}"\n{name}.m3u8\n'
        for name, rate, codec in (("flac", 1000, "fLaC"), ("aac", 256, "mp4a.40.2"))
    )
    found = streams.understood(listed("#EXTM3U\n" + variants)["formats"])
    assert all(map(streams.is_sound, found))


def test_playlists_that_are_in_no_master_do_not_belong_together() -> None:
    hls = {"protocol": "m3u8_native", "vcodec": "none"}
    known = streams.understood(
        [
            {**hls, "format_id": "opus", "acodec": "opus"},
            {**hls, "format_id": "mp3", "acodec": "mp3", "tbr": 128},
            {**hls, "format_id": "film", "vcodec": None},
        ]
    )
    assert [media["format_id"] for media in known] == ["opus", "mp3", "film"]
    assert streams.has(known[2], "acodec")


@pytest.mark.parametrize("asked", [720, 360])
def test_height_may_stand_in_the_name_alone(asked: int) -> None:
    text = master("").replace(masters.HD, 'NAME="720p"').replace(masters.SD, 'NAME="360p"')
    made = chooser(length_s=60, form=Form(max_height=asked))
    assert picked(text, made) == {720: "hd", 360: "sd"}[asked]
    assert [quality.height for quality in made.qualities] == [720, 360]


@pytest.mark.parametrize(
    ("name", "more", "height"),
    [
        ("hls-1080p60", {}, 1080),
        ("360p-1", {}, 360),
        ("720p", {"height": 480}, 480),
        ("720p", {"protocol": "https"}, None),
        ("stereo-1080p", {"vcodec": "none"}, None),
        ("mp3-128", {}, None),
        ("0720p", {}, None),
        ("clip1080p", {}, None),
    ],
)
def test_only_the_name_of_an_hls_variant_is_its_height(
    name: str, more: dict[str, object], height: int | None
) -> None:
    (known,) = streams.understood([{"format_id": name, "protocol": "m3u8_native", **more}])
    assert known.get("height") == height
