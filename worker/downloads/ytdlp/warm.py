"""What every download would pay for again, paid once in the worker.

A cold yt-dlp spends over a second before its first byte: on importing itself, on compiling the
URL patterns of 1 700 extractors and more, on reading the certificates. Its forks find that done.
Nothing here starts a thread or leaves a descriptor open, so that a fork stays safe.

Each step is a function of its own. One that fails costs speed and nothing else, and an extractor
that cannot be imported is left out: its own links are lost, and no others.
"""

import functools
import gc
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yt_dlp
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.globals import all_plugins_loaded, plugin_dirs
from yt_dlp.networking import common as networking
from yt_dlp.postprocessor import FFmpegPostProcessor  # type: ignore[attr-defined]

from worker.downloads.ytdlp.extractor_index import ExtractorIndex

log = logging.getLogger(__name__)

# Suits no extractor but the generic one, and cannot be resolved (RFC 2606).
_NOWHERE = "https://nowhere.invalid/"
# Not a part of yt-dlp's interface: without it each download reads the store itself.
_MAKE_CONTEXT = "make_ssl_context"
# Nor is this: by program, what it answered.
_VERSIONS = "_version_cache"
# Nor this: a class's patterns, once they are compiled.
_COMPILED = "_VALID_URL_RE"
# Nor these: the test cases of an extractor, and the property that is derived from them.
_EXAMPLES = ("_TEST", "_TESTS", "_WEBPAGE_TESTS")
_RETURN_TYPE = "_RETURN_TYPE"


@functools.cache
def warm_up() -> ExtractorIndex:
    """Make this process one to fork downloads from; all extractors that work.

    Look one up by its name: each that is touched has its pages copied, and all of them are 5 MB.

    Takes about a second the first time and nothing after. Call it with a minimal environment:
    yt-dlp reads some variables while it is imported.
    """
    _refuse_plugins()
    enabled = (ie for ie in gen_extractor_classes() if getattr(ie, "_ENABLED", True))
    # Before the imports, which then fill what its making leaves behind: 3 MB.
    extractors = ExtractorIndex({ie.ie_key(): ie for ie in enabled})
    asked = {name: functools.partial(_ask, extractors[name]) for name in extractors.asked}
    loaded = {name: functools.partial(_load, ie) for name, ie in extractors.items()}
    broken = {name for steps in (asked, loaded) for name, step in steps.items() if not _try(step)}
    if broken:
        extractors = ExtractorIndex({k: ie for k, ie in extractors.items() if k not in broken})
    # Last the rehearsal: `re` remembers the 512 patterns that it compiled last.
    for step in (_share_certificates, _look_at_ffmpeg, _rehearse):
        _try(step)
    gc.collect()
    # What is alive now lives as long as the process. A collector that visited it would write
    # to its pages, and a forked process would get a copy of each.
    gc.freeze()
    return extractors


def _try(step: Callable[[], object]) -> bool:
    """Whether it went well."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - any extractor may fail in any way
        log.warning("Warming up: %s failed with %s.", step, type(error).__name__)
        return False
    return True


def _refuse_plugins() -> None:
    """Code from PYTHONPATH or a home directory has no business here."""
    plugin_dirs.value = []
    all_plugins_loaded.value = True


def _ask(extractor: Any) -> None:
    """Ask it for a link. One that raised would fail every link that it is asked about."""
    extractor.suitable(_NOWHERE)


def _load(extractor: Any) -> None:
    """Import the module behind the lazy class.

    The generic extractor asks every one of them about every page, so a page that is not known
    would cost each download all these imports, 0.7 s against 16 MB here, and fail for one of
    them that fails.
    """
    real = getattr(extractor, "real_class", extractor)
    if compiled := vars(extractor).get(_COMPILED):
        # The lazy class was asked; the real one has the same, and YouTube's take 10 ms.
        setattr(real, _COMPILED, compiled)
    _try(functools.partial(_free_examples, real))


def _free_examples(extractor: Any) -> None:
    """Free 6 MB of yt-dlp's own test cases, once it has derived a cached property from them."""
    getattr(extractor, _RETURN_TYPE, None)
    for name in vars(extractor).keys() & _EXAMPLES:
        setattr(extractor, name, [])


def _share_certificates() -> None:
    """Read the certificate store once: 45 ms, at the first request of every download.

    A context is shared between the handlers of one download at most; it does not travel.
    """
    make_context = functools.cache(getattr(networking, _MAKE_CONTEXT))
    make_context(verify=True, legacy_support=False, use_certifi=True)
    setattr(networking, _MAKE_CONTEXT, make_context)


def _look_at_ffmpeg() -> None:
    """yt-dlp starts ffmpeg and ffprobe to ask for their versions, and keeps the answer.

    One that was killed before it answered would count as missing in all downloads from here on.
    """
    FFmpegPostProcessor.get_versions()
    known = getattr(FFmpegPostProcessor, _VERSIONS)
    for path in [path for path, version in known.items() if path and not version]:
        del known[path]


def _rehearse() -> None:
    """Run a whole download of a file on this disk, for all that is imported on the way."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as directory:
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
