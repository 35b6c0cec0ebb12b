"""`python -m tests.benchmarks [name …]`: measure, and print ratios before absolute figures.

Ratios are taken within one run, the sides alternating, so that a busy or slow machine shifts
both. Absolute figures are for this machine alone.
"""

import argparse
import signal
from collections.abc import Callable, Iterator

from tests.benchmarks import delivery, judge, line, lines, maintenance, memory, pool, warm

CASES: dict[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "delivery": ("what a person waits for, alone and among others", delivery.run),
    "judge": ("what it costs that downloads pass the judge", judge.run),
    "line": ("a large video over a slow line", line.run),
    "lines": ("how large videos end over slow lines; takes about 20 minutes", lines.run),
    "maintenance": ("a sweep for zombies against psutil's, and health", maintenance.run),
    "memory": ("memory of the whole bot at rest; takes half a minute", memory.rest),
    "growth": ("what 2 000 links leave of memory and descriptors", memory.growth),
    "pool": ("the process pool against the standard library's", pool.run),
    "warm": ("a download against the plain yt-dlp command", warm.run),
}


def main() -> None:
    """Run the named cases, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure.",
        epilog="; ".join(f"{name}: {what}" for name, (what, _) in CASES.items()),
    )
    parser.add_argument("names", metavar="name", nargs="*", help=f"of {', '.join(CASES)}")
    names = parser.parse_args().names or list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}")
    # A shell that starts this with & has it ignore SIGINT. What ends it ends its bots as well.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    for name in names:
        what, run = CASES[name]
        print(f"{name}: {what}")
        for told in run():
            print(f"  {told}", flush=True)


if __name__ == "__main__":
    main()
