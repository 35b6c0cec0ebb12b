"""`python -m tests.sandbox`: the bot with a chat page, or a conversation, without Telegram."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from tests.chaos.disk import Disk, enter_own_namespace

from .api import BotApi
from .bot_process import BOT, BotProcess
from .chat_page import ChatPage, Sample
from .people import OPERATOR, introduce_all
from .samples import SAMPLES
from .send import COULD_NOT, send_links
from .site import MediaSite
from .trouble import Trouble
from .youtube import ACCOUNT_ID, ACCOUNT_LINK, Youtube

_STOPPED = 130
_DISK_BYTES = 4_000_000_000
# A person who waits at the screen: try again soon, and end soon after Ctrl-C.
_HURRIED = {"QUEUE_RETRY_AFTER": "10", "SHUTDOWN_GRACE": "5"}
# One person tries in a minute what many people do in a day, and looks on as it goes slowly.
_UNBOUNDED = {
    "DOWNLOAD_TIMEOUT": "300",
    "PLAYLIST_MAX": "200",
    "LIVE_MAX_MINUTES": "60",
    **{f"USER_LINKS_PER_{span}": "10000" for span in ("MINUTE", "HOUR", "DAY")},
}
_POSTS_BOT = Path(__file__).with_name("posts_bot.py")
_TRUSTING_BOT = Path(__file__).with_name("trusting_bot.py")


@dataclass(frozen=True)
class Sandbox:
    """The parts that are running."""

    api: BotApi
    site: MediaSite
    bot: BotProcess
    disk: Disk | None


def main() -> int:
    """Run the sandbox as the command line says; returns the exit code."""
    options = _options()
    if not BOT.exists():
        print(f"could not run: {BOT} is missing")
        return COULD_NOT
    # A shell that starts this with & has it ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if options.send is None and options.data is None:
        with suppress(OSError):
            enter_own_namespace()
    try:
        with sandbox(options.data, options.send) as running:
            if options.send is not None:
                links = options.send or [f"{running.site.url}/clip.mp4"]
                return send_links(running.api, running.bot, links, options.timeout)
            return _serve(running, options.port)
    except KeyboardInterrupt:
        return _STOPPED if options.send is not None else 0
    except OSError as error:
        print(f"could not run: {error}")
        return COULD_NOT


@contextmanager
def sandbox(data: Path | None, links: Sequence[str] | None) -> Iterator[Sandbox]:
    """Start API, site and bot; stop and clean up all of them at the end of the block.

    If there is a link to YouTube among `links`, the bot finds a stand-in there. Without `links`
    it is for the chat page, and has its people.
    """
    with (
        tempfile.TemporaryDirectory(prefix="sandbox-") as folder,
        BotApi() as api,
        MediaSite() as site,
        ExitStack() as stack,
    ):
        env, script = dict(_HURRIED), BOT
        if links is None:
            introduce_all(api)
            env |= {"ADMINS": str(OPERATOR), **_UNBOUNDED}
            script = _POSTS_BOT
        elif any(_is_at_youtube(link) for link in links):
            youtube = stack.enter_context(Youtube(Path(folder)))
            youtube.on_request = _show_request
            env |= {"PROXY": youtube.proxy, "SSL_CERT_FILE": str(youtube.certificate)}
            env["DOWNLOAD_WORKERS"] = "1"  # Each has a player solved for itself.
            if any(ACCOUNT_ID in link for link in links):
                env["COOKIES_FILE"] = str(youtube.cookies)
            script = _TRUSTING_BOT
        disk = _own_disk(Path(folder, "disk"), stack) if links is None and data is None else None
        data_dir = data or (disk.path if disk else Path(folder)) / "data"
        log_path = Path(folder, "bot.log")
        bot = BotProcess(api, data_dir, env, script=script, log_path=log_path)
        try:
            yield Sandbox(api, site, stack.enter_context(bot), disk)
        finally:
            # The rest is clean-up, which a second Ctrl-C would only cut short.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _own_disk(path: Path, stack: ExitStack) -> Disk | None:
    """A small disk that can be filled, where the machine permits it to a person."""
    try:
        disk = Disk(path, _DISK_BYTES)
    except OSError:
        return None
    stack.callback(disk.unmount)
    return disk


def _is_at_youtube(link: str) -> bool:
    host = urlsplit(link).hostname or ""
    return host == "youtu.be" or f".{host}".endswith(".youtube.com")


def _show_request(address: str) -> None:
    print(f"site  {address.partition('?')[0]}", flush=True)


def _serve(running: Sandbox, port: int) -> int:
    samples = [Sample(running.site.url + path, what) for path, what in SAMPLES.items()]
    trouble = Trouble(running.api, running.site, running.bot, running.disk)
    try:
        page = ChatPage(running.api, samples, port, trouble)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        print(f"could not run: the chat page cannot have port {port} ({reason}); see --port")
        return COULD_NOT
    page.start()
    try:
        print(f"chat page   {page.url}")
        print(f"Bot API     {running.api.url}")
        print(f"bot's log   {running.bot.log_path}")
        print("links to try:")
        for sample in samples:
            print(f"    {sample.url}  ({sample.what})")
        print("Ctrl-C stops all of it.", flush=True)
        code = _wait_for_the_end(trouble)
    finally:
        page.stop()
        trouble.stop()
    print(f"the bot ended with exit code {code}; its log ends with:\n{running.bot.log_end()}")
    return COULD_NOT


def _wait_for_the_end(trouble: Trouble) -> int:
    nothing = threading.Event()
    while (code := trouble.revive()) is None:
        nothing.wait(0.5)
    return code


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.sandbox",
        description="Runs the bot on this machine without Telegram.",
    )
    parser.add_argument(
        "--send",
        nargs="*",
        metavar="URL",
        help="a conversation without a screen: send each URL (default: a sample clip), save the "
        "file that comes into ./sandbox-downloads/; exit 0 if it came, 1 if the bot answered "
        "with a sentence instead, 2 if it could not run. A link to YouTube leads to a stand-in "
        f"that shows its requests; {ACCOUNT_LINK} needs the cookies of an account there",
    )
    parser.add_argument("--port", type=int, default=8090, help="the chat page's port (8090)")
    parser.add_argument("--data", type=Path, help="the bot's data directory, kept afterwards")
    parser.add_argument(
        "--timeout", type=float, default=300, help="seconds that --send waits for each (300)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
