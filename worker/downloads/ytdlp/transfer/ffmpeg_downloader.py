"""A downloader of yt-dlp's for streams that ffmpeg can fetch, and yt-dlp cannot.

These are HLS playlists with sample encryption whose key is for everybody. yt-dlp's own way with
them, a command with the address, its headers and cookies, is refused by the egress guard.
"""

import os
import resource
import time
from collections.abc import Callable, Mapping
from typing import Any

import certifi
from yt_dlp.utils import parse_m3u8_attributes

from worker.downloads.confinement.network import Network
from worker.downloads.media import fetching
from worker.downloads.media.fetching import Completeness, Container, RemoteStream
from worker.downloads.media.program_run import NoRoom, ProgramFailed, ProgramKilled, ProgramLimits
from worker.downloads.text import without_paths
from worker.errors import Fault, JobError, Reason

_KEY = "#EXT-X-KEY:"
_FOR_YT_DLP = frozenset({"NONE", "AES-128"})
_FOR_FFMPEG = _FOR_YT_DLP | {"SAMPLE-AES"}
_HAS_HEAD = "#EXT-X-MAP:"
# The worker's limits end a download long before.
_DAY_S = 86_400.0
# ffmpeg skips the rest of a piece that falls silent. So it waits for longer than the worker, which
# ends the download because the site is silent.
_TIMEOUT_FACTOR = 2


def needs_ffmpeg(playlist: str, network: Network) -> bool:
    """Whether a media playlist is for ffmpeg, and not for yt-dlp.

    Raises JobError for one that is for neither, of which yt-dlp might pass on what is encrypted.
    """
    keys = [
        parse_m3u8_attributes(line.removeprefix(_KEY))
        for line in playlist.splitlines()
        if line.startswith(_KEY)
    ]
    if all(key.get("METHOD") in _FOR_YT_DLP for key in keys):
        return False
    if not all(map(_is_open, keys)):
        raise JobError(Reason.DRM, Fault.PERMANENT, "the key is not for everybody")
    if network is Network.NONE:
        raise JobError(Reason.NO_FORMAT, Fault.PERMANENT, "for ffmpeg, whose way is not confined")
    return True


def _is_open(key: Mapping[str, str]) -> bool:
    """Whether a key is for everybody; other formats are those of systems that keep people out."""
    return key.get("METHOD") in _FOR_FFMPEG and key.get("KEYFORMAT", "identity") == "identity"


def download_by_ffmpeg(ydl: Any, name: str, info: Mapping[str, Any], *, is_test: bool) -> Any:
    """Do what a YoutubeDL's `dl` does: fetch a stream into the file `name`, and show how it goes.

    `info` has the playlist as `hls_media_playlist_data`. Raises JobError.
    """
    hooks = () if is_test else ydl._progress_hooks
    part, began, done_bytes = f"{name}.part", time.monotonic(), 0

    def show(status: str, **more: int) -> None:
        elapsed_s = time.monotonic() - began
        state = {"status": status, "filename": name, "info_dict": info, "elapsed": elapsed_s}
        for hook in hooks:
            hook({**state, "downloaded_bytes": done_bytes, **more})

    with open(part, "wb") as file:

        def take(data: bytes) -> None:
            nonlocal done_bytes
            file.write(data)
            done_bytes += len(data)
            show("downloading")

        _run(_source(ydl, info), _container(info), take)
    os.replace(part, name)
    show("finished", total_bytes=done_bytes)
    return True, True


def _source(ydl: Any, info: Mapping[str, Any]) -> RemoteStream:
    return RemoteStream(
        url=str(info["url"]),
        ca_file=certifi.where(),
        idle_timeout_s=_TIMEOUT_FACTOR * float(ydl.params.get("socket_timeout") or 0),
        headers=info.get("http_headers") or ydl._calc_headers(info),
    )


def _container(info: Mapping[str, Any]) -> Container:
    has_head = _HAS_HEAD in str(info.get("hls_media_playlist_data"))
    return Container.MP4 if has_head else Container.MPEG_TS


def _run(source: RemoteStream, container: Container, take: Callable[[bytes], None]) -> None:
    limits = ProgramLimits(_DAY_S, resource.getrlimit(resource.RLIMIT_DATA)[0])
    try:
        completeness = fetching.fetch(source, container, take, limits)
    except ProgramKilled as error:
        raise JobError(Reason.CRASHED, Fault.RETRYABLE, f"ffmpeg: {error}") from error
    except NoRoom as error:
        raise JobError(Reason.DISK_FULL, Fault.RETRYABLE, f"ffmpeg: {error}") from error
    except (ProgramFailed, ValueError) as error:
        raise _broken(without_paths(str(error))) from error
    if completeness is Completeness.UNREACHED:
        raise JobError(Reason.NETWORK, Fault.RETRYABLE, f"fetched by ffmpeg: {completeness}")
    if completeness is Completeness.LACKS_PIECES:
        raise _broken(completeness)


def _broken(why: str) -> JobError:
    return JobError(Reason.BROKEN_FILE, Fault.RETRYABLE, f"fetched by ffmpeg: {why}")
