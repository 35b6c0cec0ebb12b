"""DASH manifests that players play, and yt-dlp does not."""

import re
from pathlib import Path

import pytest

from tests.support.download_limits import LIMITS
from tests.support.downloads_harness import Worker
from tests.support.media import make, probe
from tests.support.range_server import RangeServer, ranges_served
from worker.errors import Fault, Reason
from worker.form import SOUND, WHOLE, Clip, Form
from worker.protocol import MediaFile, MediaKind
from worker.protocol.choices import Quality

pytestmark = pytest.mark.usefixtures("needs_ffmpeg")

TRICK_MODE = '<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="1"/>'


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `film.mpd` and its pieces, three seconds of pictures and of sound."""
    folder = tmp_path_factory.mktemp("dash")
    make(folder / "film.mpd", "-c copy -seg_duration 1")
    return folder


def sets(folder: Path) -> str:
    """The pictures and the sound of `film.mpd`, whose pieces are counted."""
    found = re.search(r"<AdaptationSet.*</AdaptationSet>", (folder / "film.mpd").read_text(), re.S)
    assert found
    counted = re.sub(r"<SegmentTimeline>.*?</SegmentTimeline>", "", found[0], flags=re.S)
    return re.sub(r"<SegmentTemplate timescale=\"\d+\"", '<SegmentTemplate duration="1"', counted)


def manifest(inner: str, length: str) -> str:
    kind = 'xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
    return f'<MPD {kind} mediaPresentationDuration="{length}">{inner}</MPD>'


def fetched(warm: Worker, folder: Path, text: str) -> tuple[MediaFile, RangeServer]:
    (folder / "changed.mpd").write_text(text)
    with ranges_served(folder) as site:
        return warm.run(f"{site.url}/changed.mpd", LIMITS).media, site


def test_a_piece_is_repeated_until_the_end(warm: Worker, pieces: Path) -> None:
    text = re.sub(r'(<S t="0" d="\d+" r=)"\d+"', r'\1"-1"', (pieces / "film.mpd").read_text())
    assert 'r="-1"' in text
    media, _ = fetched(warm, pieces, text)
    assert probe(media.path).duration_s == pytest.approx(3.0, abs=0.2)


def test_a_period_lasts_until_the_next_one_starts(warm: Worker, pieces: Path) -> None:
    inner = sets(pieces)
    periods = f'<Period start="PT0S">{inner}</Period><Period start="PT3S">{inner}</Period>'
    media, _ = fetched(warm, pieces, manifest(periods, "PT6S"))
    assert probe(media.path).duration_s == pytest.approx(6.0, abs=0.4)


def test_pieces_may_be_ranges_of_one_file(warm: Worker, tmp_path: Path) -> None:
    film = make(tmp_path / "film.mpd", "-c copy -seg_duration 1 -single_file 1")
    assert "mediaRange" in film.read_text()
    media, _ = fetched(warm, tmp_path, film.read_text())
    found = probe(media.path)
    assert found.duration_s == pytest.approx(3.0, abs=0.2)
    assert (found.video, found.audio) == ("h264", "aac")


def test_pictures_for_fast_forward_are_not_the_film(warm: Worker, pieces: Path) -> None:
    first = sets(pieces).partition("</AdaptationSet>")[0].replace('id="0"', 'id="9"')
    tag = re.match(r"<AdaptationSet[^>]*>", first)
    assert tag
    trick = first.replace(tag[0], f"{tag[0]}{TRICK_MODE}") + "</AdaptationSet>"
    trick = re.sub(r' width="\d+" height="\d+"', ' width="1280" height="960"', trick)
    periods = f"<Period>{sets(pieces)}{trick}</Period>"
    (pieces / "changed.mpd").write_text(manifest(periods, "PT3S"))
    with ranges_served(pieces) as site:
        answer = warm.run(f"{site.url}/changed.mpd", LIMITS).result
    assert answer.offer.qualities == (Quality(240, None),)  # type: ignore[union-attr]


@pytest.mark.parametrize("form", [WHOLE, SOUND])
def test_a_film_whose_pictures_are_encrypted_is_no_song(
    warm: Worker, pieces: Path, form: Form
) -> None:
    lock = '<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cenc"/>'
    inner = re.sub(r"(<AdaptationSet[^>]*>)", rf"\1{lock}", sets(pieces), count=1)
    (pieces / "changed.mpd").write_text(manifest(f"<Period>{inner}</Period>", "PT3S"))
    with ranges_served(pieces) as site:
        answer = warm.run(f"{site.url}/changed.mpd", LIMITS, form=form)
    if form is SOUND:
        assert answer.media.facts.kind is MediaKind.AUDIO
    else:
        assert (answer.error.reason, answer.error.fault) == (Reason.DRM, Fault.PERMANENT)


@pytest.mark.parametrize("clip", [None, Clip(150)])
def test_the_last_piece_that_is_counted_may_not_be_there(
    warm: Worker, pieces: Path, clip: Clip | None
) -> None:
    (pieces / "changed.mpd").write_text(manifest(f"<Period>{sets(pieces)}</Period>", "PT3.2S"))
    with ranges_served(pieces) as site:
        form = WHOLE if clip is None else Form(clip=clip)
        media = warm.run(f"{site.url}/changed.mpd", LIMITS, form=form).media
    assert probe(media.path).duration_s == pytest.approx(3.0 if clip is None else 1.5, abs=0.2)


def test_no_other_piece_may_be_missing(warm: Worker, pieces: Path) -> None:
    inner = sets(pieces).replace('media="chunk', 'media="gone')
    (pieces / "changed.mpd").write_text(manifest(f"<Period>{inner}</Period>", "PT3S"))
    with ranges_served(pieces) as site:
        error = warm.run(f"{site.url}/changed.mpd", LIMITS).error
    assert (error.reason, error.fault) == (Reason.BROKEN_FILE, Fault.RETRYABLE)
