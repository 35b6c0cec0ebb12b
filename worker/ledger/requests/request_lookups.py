"""Queries of the table `requests`; nothing here changes it.

Each function is part of its caller's transaction.
"""

from dataclasses import replace

from worker.clocks import Wall
from worker.ledger.records import Request, Verdict, read_request
from worker.ledger.requests import media_cache
from worker.ledger.storage.database import Database
from worker.protocol import Media


def find(db: Database, request_id: int | None) -> Request | None:
    """The request with this id; None when there is none."""
    row = db.execute("SELECT * FROM requests WHERE id = ?", request_id).fetchone()
    return row and read_request(row)


def get(db: Database, request_id: int) -> Request:
    """The request with this id, which is known to be there."""
    return read_request(db.execute("SELECT * FROM requests WHERE id = ?", request_id).fetchone())


def is_undecided(db: Database, request_id: int) -> bool:
    return bool(
        db.value(
            "SELECT 1 FROM requests WHERE id = ? AND answered_at IS NULL AND verdict IS NULL",
            request_id,
        )
    )


def is_unanswered(db: Database, request_id: int) -> bool:
    return bool(db.value("SELECT 1 FROM requests WHERE id = ? AND answered_at IS NULL", request_id))


def unanswered(db: Database, download_id: int | None) -> list[Request]:
    """The unanswered requests that wait for a download."""
    rows = db.execute(
        "SELECT * FROM requests WHERE download_id = ? AND answered_at IS NULL ORDER BY id",
        download_id,
    )
    return [read_request(row) for row in rows]


def unanswered_in(db: Database, chat_id: int | None) -> list[Request]:
    """The unanswered requests of a chat."""
    rows = db.execute(
        "SELECT * FROM requests WHERE chat_id = ? AND answered_at IS NULL ORDER BY id", chat_id
    )
    return [read_request(row) for row in rows]


def open_of(db: Database, user_id: int, chat_id: int | None) -> list[Request]:
    """A person's requests that can still be cancelled, in a chat or (None) in all of them."""
    rows = db.execute(
        "SELECT * FROM requests WHERE user_id = ? AND chat_id = coalesce(?, chat_id)"
        " AND answered_at IS NULL ORDER BY id",
        user_id,
        chat_id,
    )
    return list(filter(is_open, map(read_request, rows)))


def answered_in(db: Database, chat_id: int, message_id: int) -> Request | None:
    """The request whose answer is this message of the bot's."""
    row = db.execute(
        "SELECT * FROM requests WHERE chat_id = ? AND status_message_id = ?"
        " ORDER BY id DESC LIMIT 1",
        chat_id,
        message_id,
    ).fetchone()
    return row and read_request(row)


def undecided(db: Database, download_id: int | None) -> list[Request]:
    """The requests that wait for a download and have no verdict yet."""
    return [request for request in unanswered(db, download_id) if request.verdict is None]


def has_undecided(db: Database, download_id: int) -> bool:
    """Whether a request waits for a download and has no verdict yet."""
    return bool(
        db.value(
            "SELECT 1 FROM requests"
            " WHERE download_id = ? AND answered_at IS NULL AND verdict IS NULL",
            download_id,
        )
    )


def waiting_of(db: Database, user_id: int) -> int:
    """How many requests a person has whose answer is not known yet.

    A request whose answer only has to be sent does not count: Telegram may take long.
    """
    count: int = db.value(
        "SELECT count(*) FROM requests"
        " WHERE user_id = ? AND answered_at IS NULL AND verdict IS NULL",
        user_id,
    )
    return count


def sent_by(db: Database, user_id: int, since: Wall, until: Wall) -> int:
    """How many links a person has sent between two times."""
    count: int = db.value(
        "SELECT count(*) FROM requests WHERE user_id = ? AND sent_at BETWEEN ? AND ?",
        user_id,
        since,
        until,
    )
    return count


def followers(db: Database, request_id: int) -> list[Request]:
    """The songs that come beside the message of this one, in their order."""
    rows = db.execute("SELECT * FROM requests WHERE leader_id = ? ORDER BY id", request_id)
    return [read_request(row) for row in rows]


def count_of(db: Database, user_id: int) -> int:
    """How many requests of a person are kept with their links."""
    count: int = db.value(
        "SELECT count(*) FROM requests WHERE user_id = ? AND NOT is_forgotten", user_id
    )
    return count


def to_empty(db: Database, limit: int) -> dict[int, int | None]:
    """Some requests that are forgotten and not empty, each with its download.

    Unanswered ones are left out, since their people are still to be told, and so are those whose
    look somebody else waits for.
    """
    rows = db.execute(
        "SELECT id, download_id FROM requests"
        " WHERE is_forgotten AND answered_at IS NOT NULL AND url != ''"
        " AND NOT EXISTS (SELECT 1 FROM awaited_menus WHERE job_id = requests.download_id)"
        " ORDER BY id LIMIT ?",
        limit,
    )
    return {row["id"]: row["download_id"] for row in rows}


def own_media(db: Database, request: Request) -> Media | None:
    """The media that a request is about, with the link of its own person.

    Another person's link to the same media may name that person, as links to share do.
    """
    media = media_cache.media_of(db, request.media_key, request.download_id)
    if media is None:
        return None
    files = tuple(replace(file, source_url=request.url) for file in media.files)
    return replace(media, files=files)


def media_of(db: Database, request: Request) -> Media | None:
    """The media that a request is answered with: its own, and what comes beside that."""
    media = own_media(db, request)
    for song in followers(db, request.id):
        beside = own_media(db, song)
        if media is None or beside is None:
            return None
        media = replace(media, files=(*media.files, *beside.files))
    return media


def is_open(request: Request) -> bool:
    """Whether a request can still be cancelled."""
    is_on_its_way = request.leader_id is not None
    is_undecided = request.verdict in (None, Verdict.MEDIA)
    return request.answered_at is None and is_undecided and not is_on_its_way
