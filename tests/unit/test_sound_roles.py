"""Which sound is chosen where a manifest says what each of its sound tracks is for."""

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from yt_dlp import YoutubeDL
from yt_dlp.extractor.common import InfoExtractor

from tests.support.format_choice import chooser
from tests.support.masters import CODECS, Track, listed, master
from worker.downloads.ytdlp.transfer import sound_roles
from worker.form import SOUND, WHOLE, Form

EN = 'TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en"'
ES = 'TYPE=AUDIO,GROUP-ID="a",NAME="Español",LANGUAGE="es"'
DESCRIBES = (
    'TYPE=AUDIO,GROUP-ID="a",NAME="English AD",LANGUAGE="en",'
    'CHARACTERISTICS="public.accessibility.describes-video"'
)
DEFAULT, NO = ",DEFAULT=YES,AUTOSELECT=YES", ",DEFAULT=NO,AUTOSELECT=NO"
ROLES = "urn:mpeg:dash:role:2011"
PURPOSES = "urn:tva:metadata:cs:AudioPurposeCS:2007"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A yt-dlp that notes roles."""
    for name in ("_parse_m3u8_formats_and_subtitles", "_parse_mpd_periods"):
        monkeypatch.setattr(InfoExtractor, name, getattr(InfoExtractor, name))
    sound_roles.install()


def picked(text: str, form: Form = WHOLE) -> str:
    (found,) = chooser(length_s=60, form=form)(listed(text))
    chosen = found.get("requested_formats") or [found]
    return "+".join(PurePosixPath(urlsplit(each["url"]).path).stem for each in chosen)


@pytest.mark.parametrize("codecs", ["both", "missing"])
@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        # Without a word about it a track is not the default one.
        ([(EN + DEFAULT, "en"), (ES, "es")], "hd+en"),
        ([(ES, "es"), (EN + DEFAULT, "en")], "hd+en"),
        ([(DESCRIBES, "ad"), (EN, "en")], "hd+en"),
        ([(EN + DEFAULT, "en"), (DESCRIBES + DEFAULT, "ad")], "hd+en"),
        # A track without a URI is in the videos.
        ([(EN + DEFAULT, None), (ES, "es")], "hd"),
        ([(ES, "es"), (EN + DEFAULT, None)], "hd"),
        ([(ES + NO, "es"), (EN + DEFAULT, None)], "hd"),
        ([(ES, "es"), (EN, None)], "hd"),
    ],
)
def test_the_track_that_players_play_is_chosen_in_hls(
    codecs: str, tracks: list[tuple[str, str | None]], expected: str
) -> None:
    assert picked(master(CODECS[codecs], tuple(Track(*each) for each in tracks))) == expected


def test_description_comes_last_where_no_track_is_the_default() -> None:
    tracks = (Track(f"{EN},DEFAULT=NO", "en"), Track(DESCRIBES + NO, "ad"))
    assert picked(master(CODECS["both"], tracks)) == "hd+en"
    assert picked(master(CODECS["both"], tracks[::-1]), SOUND) == "en"


def test_each_group_has_a_default_track_of_its_own() -> None:
    tracks = (
        Track(ES, "es"),
        Track(EN + DEFAULT, "en"),
        Track(EN.replace('"a"', '"low"'), "low"),
    )
    formats = listed(master(CODECS["both"], tracks))["formats"]
    second = [each["url"] for each in formats if each.get("source_preference") == -2]
    assert [PurePosixPath(url).stem for url in second] == ["es"]


def test_playlists_without_sound_tracks_stay_as_they_are() -> None:
    text = "#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXTINF:2,\r\na.ts\r\n"
    assert sound_roles.explicit(text) == text


def an_mpd(*sets: tuple[str, str, str, int]) -> str:
    """A manifest with sets of sound: name, language, descriptors and rate of each."""
    audio = "".join(
        f'<AdaptationSet contentType="audio" mimeType="audio/mp4" lang="{language}">{descriptors}'
        f'<Representation id="{name}" codecs="mp4a.40.2" bandwidth="{rate}000">'
        f"<BaseURL>{name}.m4a</BaseURL></Representation></AdaptationSet>"
        for name, language, descriptors, rate in sets
    )
    return f"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S">
<Period><AdaptationSet contentType="video" mimeType="video/mp4">
<Role schemeIdUri="{ROLES}" value="alternate"/>
<Representation id="hd" bandwidth="2000000" width="1280" height="720" codecs="avc1.64001f">
<BaseURL>hd.mp4</BaseURL></Representation></AdaptationSet>{audio}</Period></MPD>"""


def role(value: str, scheme: str = ROLES) -> str:
    return f'<Role schemeIdUri="{scheme}" value="{value}"/>'


def helps(scheme: str, value: str) -> str:
    return f'<Accessibility schemeIdUri="{scheme}" value="{value}"/>'


MAIN = ("en", "en", role("main"), 96)


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([MAIN, ("es", "es", role("dub"), 128)], "en"),
        ([MAIN, ("es", "es", "", 128)], "en"),
        ([("en", "en", "", 96), ("es", "es", role("dub"), 128)], "en"),
        ([MAIN, ("ad", "en", role("alternate") + helps(PURPOSES, "1"), 160)], "en"),
        ([MAIN, ("ad", "en", role("main") + helps(PURPOSES, "1"), 160)], "en"),
        ([MAIN, ("ad", "en", role("description"), 160)], "en"),
        ([MAIN, ("ad", "en", helps(ROLES, "description"), 160)], "en"),
        ([MAIN, ("talk", "en", role("commentary"), 160)], "en"),
        # The same words with another purpose, or in another scheme.
        ([MAIN, ("best", "en", helps(PURPOSES, "4"), 160)], "best"),
        ([MAIN, ("best", "en", role("dub", "urn:example"), 160)], "best"),
        ([MAIN, ("best", "en", "", 160)], "best"),
        # A description is better than nothing, and a dub than a description.
        ([("ad", "en", role("description"), 160), ("es", "es", role("dub"), 96)], "es"),
        ([("ad", "en", role("description"), 160)], "ad"),
    ],
)
def test_the_main_sound_is_chosen_in_dash(
    sets: list[tuple[str, str, str, int]], expected: str
) -> None:
    assert picked(an_mpd(*sets)) == f"hd+{expected}"
    assert picked(an_mpd(*sets), SOUND) == expected


def test_description_is_last_even_in_a_language_that_is_asked_for() -> None:
    sets = (MAIN, ("ad", "en", helps(PURPOSES, "1"), 160), ("es", "es", role("dub"), 128))
    assert picked(an_mpd(*sets), Form(language="en")) == "hd+en"
    assert picked(an_mpd(*sets), Form(language="es")) == "hd+es"


def test_manifests_may_have_a_name_before_those_of_their_formats() -> None:
    parsed: Any = ElementTree.fromstring(an_mpd(MAIN, ("es", "es", role("dub"), 128)))
    extractor = InfoExtractor(YoutubeDL({"quiet": True}, auto_init=False))
    formats = extractor._parse_mpd_formats(parsed, "dash")
    said = {each["format_id"]: each.get("language_preference") for each in formats}
    assert said == {"dash-hd": None, "dash-en": None, "dash-es": -2}
