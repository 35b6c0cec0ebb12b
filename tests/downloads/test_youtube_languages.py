"""Languages as YouTube has them: sound with a machine's dubs, subtitles that a machine made."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.tls_proxy import trust
from tests.sandbox.youtube import LINK, Stream, Youtube
from tests.sandbox.youtube_languages import Caption, spoken
from tests.support.download_limits import limits_with
from tests.support.downloads_harness import Outcome, Worker, worker
from tests.support.media import make, probe
from worker.errors import Reason
from worker.form import WHOLE, Form, What
from worker.protocol import Media, Note
from worker.protocol.choices import Language, Subtitles

pytestmark = pytest.mark.usefixtures("needs_deno", "needs_ffmpeg")

NAMES = {"de": "German (auto-dubbed)", "en": "English original", "fr": "French"}


@pytest.fixture(scope="module")
def youtube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Youtube]:
    home = tmp_path_factory.mktemp("youtube")
    film = make(home / "film.mp4", "-an -c copy -movflags +faststart")
    sides = {"width": 320, "height": 240, "qualityLabel": "240p"}
    streams = [Stream(133, film, 'video/mp4; codecs="avc1.4d400d"', sides)]
    for tag, name in NAMES.items():
        sound = make(home / f"sound-{tag}.m4a", "-vn -c copy -movflags +faststart")
        # A dub may be what a site shows to whoever asks from its country.
        more = spoken(tag, name, is_default=tag == "de")
        streams.append(Stream(140, sound, 'audio/mp4; codecs="mp4a.40.2"', more))
    with Youtube(home) as youtube:
        youtube.streams = streams
        youtube.captions = [Caption("de"), Caption("en", is_automatic=True)]
        youtube.translated = ("en", "de", "fr")
        yield youtube


@pytest.fixture(scope="module")
def warm(youtube: Youtube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    prepare = functools.partial(trust, youtube.certificate)
    with worker(tmp_path_factory.mktemp("downloads"), prepare=prepare) as made:
        yield made


def run(warm: Worker, youtube: Youtube, form: Form) -> Outcome:
    youtube.requests.clear()
    limits = limits_with(proxy=youtube.proxy, timeout_s=60, idle_timeout_s=30)
    return warm.run(LINK, limits, form=form)


def test_original_comes_where_a_dub_is_the_default(warm: Worker, youtube: Youtube) -> None:
    media = run(warm, youtube, WHOLE).result
    assert isinstance(media, Media), media
    assert media.offer.languages == (
        Language("en", is_original=True),
        Language("de", is_dubbed=True),
        Language("fr"),
    )
    fetched = {tag: youtube.hits(f"file=sound-{tag}") > 0 for tag in NAMES}
    assert fetched == {"de": False, "en": True, "fr": False}
    assert probe(media.files[0].path).audio == "aac"
    # Of a language that somebody has written a machine's are left out.
    listed = (Subtitles("de"), Subtitles("en", is_automatic=True), Subtitles("fr", True))
    assert set(media.offer.subtitles) == set(listed)


def test_dub_comes_to_whoever_asks_for_it(warm: Worker, youtube: Youtube) -> None:
    run(warm, youtube, Form(language="de")).media  # noqa: B018 - it is there
    assert youtube.hits("file=sound-de") > 0
    assert youtube.hits("file=sound-en") == 0


@pytest.mark.parametrize(
    ("language", "text", "note"),
    [
        ("de", "de", None),
        ("en", "en", Note.AUTOMATIC_SUBTITLES),
        ("fr", "fr", Note.AUTOMATIC_SUBTITLES),
    ],
)
def test_automatic_subtitles_are_marked(
    warm: Worker, youtube: Youtube, language: str, text: str, note: Note | None
) -> None:
    alone = run(warm, youtube, Form(What.SUBTITLES, subtitles=language)).media
    assert Path(alone.path).read_text().endswith(f"\n{text}\n")
    inside = run(warm, youtube, Form(subtitles=language)).media
    assert (alone.facts.note, inside.facts.note) == (note, note)


def test_languages_that_there_are_are_named(warm: Worker, youtube: Youtube) -> None:
    texts = run(warm, youtube, Form(What.SUBTITLES, subtitles="it")).error
    assert (texts.reason, set(texts.languages)) == (Reason.NO_SUCH_SUBTITLES, {"de", "en", "fr"})
    sound = run(warm, youtube, Form(language="it")).error
    assert (sound.reason, set(sound.languages)) == (Reason.NO_SUCH_LANGUAGE, {"de", "en", "fr"})
