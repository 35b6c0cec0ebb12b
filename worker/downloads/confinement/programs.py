"""What programs that a download starts may do: ffmpeg, ffprobe, a JavaScript runtime.

Each dies with the download and has no socket. The one exception is ffmpeg where it is to fetch by
itself: it keeps what the download has, which is the judge alone, and learns the way there by its
environment, which ps does not show to other users.
"""

import itertools
import os
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from worker.downloads.confinement import landlock, seccomp
from worker.downloads.confinement.egress_guard import THROUGH_THE_JUDGE
from worker.processes import process_setup

_PROXY_VARIABLE = "http_proxy"
"""Where ffmpeg looks for its proxy, for https as well."""


def bind(proxy: str | None) -> None:
    """Have each program that this process starts die with it, deny it the network and the proxy.

    With the `proxy` of the judge, ffmpeg may fetch through that where it is told to. All programs
    are started through this one method, by yt-dlp's own subclass of Popen too.
    """
    start: Callable[..., None] = subprocess.Popen.__init__
    pid = os.getpid()

    def start_bound(popen: Any, *args: Any, **options: Any) -> None:
        callers_preexec = options.get("preexec_fn")
        fetches = proxy is not None and _is_to_fetch(args[0] if args else options.get("args", ()))

        def preexec() -> None:
            if not fetches:
                landlock.forbid_tcp()
                seccomp.forbid_sockets()
            # Takes effect when the thread that forked ends, and Popen forks in this thread.
            process_setup.die_with_parent(pid)
            if callers_preexec:
                callers_preexec()

        if fetches and proxy is not None:
            options["env"] = {**_without_proxies(os.environ), _PROXY_VARIABLE: _as_http(proxy)}
        elif given := options.get("env"):
            # yt-dlp gives a JavaScript runtime its proxy, with the secret.
            options["env"] = _without_proxies(given)
        start(popen, *args, **options | {"preexec_fn": preexec})

    subprocess.Popen.__init__ = start_bound  # type: ignore[assignment]


def _is_to_fetch(command: Any) -> bool:
    """Whether a command has ffmpeg fetch from the web, which the audit hook decides on."""
    if isinstance(command, str | bytes | os.PathLike):
        return False
    texts = [os.fsdecode(part) for part in command]
    is_ffmpeg = os.path.basename(texts[0] if texts else "") == "ffmpeg"
    return is_ffmpeg and THROUGH_THE_JUDGE in itertools.pairwise(texts)


def _without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if not k.lower().endswith("_proxy")}


def _as_http(proxy: str) -> str:
    """The same proxy as an HTTP URL: same port, same secret."""
    return "http:" + proxy.partition(":")[2]
