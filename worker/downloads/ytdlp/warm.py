"""Do once in the worker what every download would otherwise repeat.

A cold yt-dlp takes over a second before its first byte: it imports itself, compiles the URL
patterns of more than 1 700 extractors and reads the certificates. A fork of a warm worker has all
of that. Nothing here starts a thread or leaves a descriptor open, so forking stays safe.

A step that fails costs speed and nothing else, apart from what is changed in yt-dlp's own classes,
which cannot fail. An extractor that cannot be imported is left out, and only its own links are
lost.
"""

import functools
import gc
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yt_dlp
from yt_dlp import globals as ytdlp_globals
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.networking import common as networking
from yt_dlp.postprocessor import FFmpegPostProcessor  # type: ignore[attr-defined]

from worker.downloads.ytdlp.extractor_index import ExtractorIndex
from worker.downloads.ytdlp.network import handlers, page_encoding, page_videos
from worker.downloads.ytdlp.packages import plugins
from worker.downloads.ytdlp.players import challenges, javascript
from worker.downloads.ytdlp.transfer import dash, sound_roles

log = logging.getLogger(__name__)

# Accepted only by the generic extractor, and does not resolve (RFC 2606).
_NOWHERE = "https://nowhere.invalid/"
# What follows are private names of yt-dlp. If one disappears, only some speed is lost.
# This one makes the TLS context of a request.
_MAKE_CONTEXT = "make_ssl_context"
# The versions that programs have given, by path.
_VERSIONS = "_version_cache"
# Its table of extractors, and the module of the lazy classes with a table of them.
_KNOWN, _LAZY, _LOOKUP = "extractors", "yt_dlp.extractor.lazy_extractors", "_CLASS_LOOKUP"
# An extractor's compiled patterns.
_COMPILED = "_VALID_URL_RE"
# The test cases of an extractor, and the property that is derived from them.
_EXAMPLES = ("_TEST", "_TESTS", "_WEBPAGE_TESTS")
_RETURN_TYPE = "_RETURN_TYPE"


@functools.cache
def warm_up() -> ExtractorIndex:
    """Prepare this process for forking downloads, and return all extractors that work.

    Takes about a second, but only at the first call. Call it with a minimal environment, because
    yt-dlp reads variables while it is imported. In a fork look extractors up by name: touching
    all of them would copy 5 MB.
    """
    plugins.refuse()
    _try(plugins.load_allowed)
    enabled = (ie for ie in gen_extractor_classes() if getattr(ie, "_ENABLED", True))
    # Before the imports, which then reuse the 5 MB that this frees.
    extractors = ExtractorIndex({ie.ie_key(): ie for ie in enabled})
    broken = {name for name in extractors.unjoined if not _try(_ask, extractors[name])}
    tables = _tables()
    for name in tuple(extractors):
        if _try(_load, extractors[name]):
            extractors[name] = _replace(extractors[name], tables)
        else:
            broken.add(name)
    # The real classes, of which one may be a plugin's.
    asked = (name for name in extractors.unjoined if name not in broken)
    broken |= {name for name in asked if not _try(_ask, extractors[name])}
    if broken:
        extractors = ExtractorIndex({k: ie for k, ie in extractors.items() if k not in broken})
    # Not in a fork: all extractors inherit what these change, and the fork would copy them all.
    dash.install()
    sound_roles.install()
    page_encoding.install()
    page_videos.install()
    # The sample comes last, because `re` only caches the last 512 patterns.
    steps = (_share_certificates, _look_at_ffmpeg, javascript.find, challenges.allow_solutions)
    for step in (*steps, handlers.browsers, _download_sample):
        _try(step)
    gc.collect()
    # Whatever is alive now stays for good. A garbage collector that visited it would write to its
    # pages, and a forked process would have to copy them.
    gc.freeze()
    return extractors


def _try(step: Callable[..., object], *extractor: Any) -> bool:
    """Run a step. Returns whether it succeeded."""
    try:
        step(*extractor)
    except Exception as error:  # noqa: BLE001 - any extractor may fail in any way
        name = " ".join(each.__name__ for each in (step, *extractor))
        log.warning("The warm-up step %s failed (%s).", name.lstrip("_"), type(error).__name__)
        return False
    return True


def _ask(extractor: Any) -> None:
    """Ask an extractor about a link; one that raises would fail every link it is asked about."""
    extractor.suitable(_NOWHERE)


def _load(extractor: Any) -> None:
    """Import the module behind a lazy extractor class.

    The generic extractor asks every extractor about its page. So a link to an unknown site would
    cost all these imports, which take 0.7 s there and 16 MB here, and fail if one of them does.
    """
    real = _real(extractor)
    if compiled := vars(extractor).get(_COMPILED):
        # The lazy class has compiled them already; YouTube's alone take 10 ms.
        setattr(real, _COMPILED, compiled)
    _try(_free_examples, real)


def _real(extractor: Any) -> Any:
    """The class that a lazy one stands for; any other stands for itself."""
    return getattr(extractor, "real_class", extractor)


def _replace(extractor: Any, tables: Iterable[dict[str, Any]]) -> Any:
    """Put the real class in the place of a lazy one. Returns it.

    The lazy classes take 4 MB, which later imports reuse.
    """
    name, real = extractor.__name__, _real(extractor)
    for table in tables:
        if table.get(name) is extractor:
            table[name] = real
    return real


def _tables() -> list[dict[str, Any]]:
    """Where yt-dlp keeps its extractors, by the names of their classes."""
    lazy = vars(sys.modules[_LAZY]) if _LAZY in sys.modules else {}
    known = getattr(getattr(ytdlp_globals, _KNOWN, None), "value", None)
    return [table for table in (known, lazy, lazy.get(_LOOKUP)) if isinstance(table, dict)]


def _free_examples(extractor: Any) -> None:
    """Free yt-dlp's own test cases, 6 MB, once it has derived a cached property from them."""
    getattr(extractor, _RETURN_TYPE, None)
    for name in vars(extractor).keys() & _EXAMPLES:
        setattr(extractor, name, [])


def _share_certificates() -> None:
    """Read the certificate store once; it takes 45 ms and every download would do it again.

    The context is never shared between processes, only copied by the fork.
    """
    make_context = functools.cache(getattr(networking, _MAKE_CONTEXT))
    make_context(verify=True, legacy_support=False, use_certifi=True)
    setattr(networking, _MAKE_CONTEXT, make_context)


def _look_at_ffmpeg() -> None:
    """Have yt-dlp ask ffmpeg and ffprobe for their versions, which it caches.

    Forgets a program that was killed before it answered: all downloads would count it as missing.
    """
    FFmpegPostProcessor.get_versions()
    versions = getattr(FFmpegPostProcessor, _VERSIONS)
    for path in [path for path, version in versions.items() if path and not version]:
        del versions[path]


def _download_sample() -> None:
    """Download a local file, so that everything that a download imports is imported."""
    with tempfile.TemporaryDirectory(prefix="sample-") as directory:
        source = Path(directory, "source.mp4")
        source.write_bytes(bytes(1024))
        options: dict[str, Any] = {
            "outtmpl": {"default": f"{directory}/target.%(ext)s"},
            "enable_file_urls": True,
            "cachedir": False,
            "quiet": True,
            "no_warnings": True,
            "noprogress": True,
            "fixup": "never",
            "format": "b[filesize<?1000000]/w",
            "format_sort": ["res:1080", "vcodec:h264"],
        }
        with yt_dlp.YoutubeDL(options, auto_init=False) as ydl:  # type: ignore[arg-type]
            ydl.add_info_extractor(ydl.get_info_extractor("Generic"))
            ydl.extract_info(source.as_uri(), download=True)
