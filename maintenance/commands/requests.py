"""`python -m maintenance requests`: the links of the last month, and what each came to."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict

from maintenance.commands import open_ledger, options
from maintenance.exit_codes import EXIT_OK
from maintenance.output import print_json, say, table
from maintenance.units import duration, local_time, size
from worker.ledger.upkeep.history import PastRequest, RequestFilter
from worker.settings import Settings

_HEAD = (
    *("ID", "SENT AT", "USER", "CHAT", "SITE", "FORM", "SIZE"),
    *("WAITED", "DOWNLOAD", "UPLOAD", "TRIES", "ANSWER"),
)


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--user", type=options.user_id, metavar="ID", help="only those of this person"
    )
    options.add_site(parser)
    options.add_since(parser)
    parser.add_argument("--failed", action="store_true", help="only those that failed")
    options.add_limit(parser, 50)
    options.add_json(parser)


def run(settings: Settings, chosen: Namespace) -> int:
    """List the requests that are asked for, the newest first."""
    since = options.since(chosen.since)
    which = RequestFilter(chosen.user, chosen.site, since, chosen.failed)
    with open_ledger(settings) as ledger:
        found = ledger.past_requests(which, chosen.limit)
        total = ledger.count_requests(which)
    if chosen.json:
        print_json({"total": total, "requests": [asdict(each) for each in found]})
    else:
        _print(found, total)
    return EXIT_OK


def _print(found: Sequence[PastRequest], total: int) -> None:
    if not total:
        say("There is no such link.")
        return
    if found:
        print(table(_HEAD, [_row(each) for each in found]))
    if len(found) < total:
        say(f"\n{len(found)} of {total} links are listed: --limit {total}")


def _row(each: PastRequest) -> tuple[object, ...]:
    return (
        each.id,
        local_time(each.created_at, "%m-%d %H:%M"),
        each.user_id,
        each.chat_id,
        each.site or None,
        each.form,
        size(each.media_bytes) if each.media_bytes else None,
        *(
            None if seconds is None else duration(seconds)
            for seconds in (each.waited_s, each.downloaded_s, each.uploaded_s)
        ),
        each.attempts,
        _answer(each),
    )


def _answer(each: PastRequest) -> str:
    if each.verdict is None:
        return "not yet"
    if each.verdict == "sentence":
        return f"{each.reason}, error {each.error_id or '-'}"
    return "media from memory" if each.is_remembered else each.verdict
