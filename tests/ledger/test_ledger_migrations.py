"""Rows of older ledgers: what a migration makes of the media that they hold."""

import dataclasses
import json
import sqlite3
from pathlib import Path

from tests.support.ledger_kit import START, a_link, claim, known_ids, post, send
from worker import media_keys, protocol
from worker.clocks import Wall
from worker.errors import Reason
from worker.form import SOUND, Form
from worker.ledger import DOWNLOADS, TELEGRAM, DownloadJob, Ledger, UpdateJob, ledger_path
from worker.ledger.requests import answers, known_failures, media_cache, request_lookups
from worker.ledger.storage.schema import APPLICATION_ID, MIGRATIONS
from worker.ledger.upkeep import failures, history

VIDEO = protocol.MediaKind.VIDEO


def test_what_an_older_bot_remembered_is_still_known(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    old = sqlite3.connect(path)
    for step in MIGRATIONS[:3]:
        old.executescript(step)
    media = '{"path": "/a", "kind": "video", "size_bytes": 1, "title": "t", "source_url": "u"}'
    old.execute("INSERT INTO media VALUES ('key', 'file id', ?, 1.0)", (media,))
    old.execute(
        "INSERT INTO jobs (kind, pool, priority, state, media_key, created_at, waits_since,"
        " not_before, result) VALUES ('download', 'downloads', 0, 'done', 'other', 0, 0, 0, ?)",
        (media,),
    )
    old.execute(
        "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, download, created_at)"
        " VALUES (1, 1, 1, 'u', 'other', 1, 0)"
    )
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute("PRAGMA user_version = 3")
    old.commit()
    old.close()
    ledger = Ledger(path)
    for update_id, key, file_id in ((8, "key", "file id"), (9, "other", None)):
        send(ledger, a_link(update_id, key), update_id=update_id)
        assert ledger.claim(DOWNLOADS, START) is None
        post(ledger)
        assert known_ids(ledger) == [file_id]


# As version 4 wrote them, in both of their places.
OLD_FILES = """{"files": [
    {"path": "/d/1-1/media.part-1.mp4", "kind": "video", "size_bytes": 48000000,
     "title": "Abend \\ud83c\\udf05 \\"A\\"", "source_url": "https://example.org/v?a=1&b=%%2F",
     "width": 1280, "height": 720, "duration_s": 61.5, "thumbnail": "/d/1-1/media.part-1.jpg",
     "uploader": "Ada", "extractor": "Generic", "media_id": "v", "note": "cut",
     "file_id": %s, "part": 1, "parts": 2},
    {"path": "/d/1-1/media.part-2.mp4", "kind": "animation", "size_bytes": 1000,
     "title": "", "source_url": "https://example.org/v", "width": null, "height": null,
     "duration_s": null, "thumbnail": null, "uploader": null, "extractor": "", "media_id": "",
     "note": null, "file_id": %s, "part": 2, "parts": 2}
]}"""
CUT = protocol.MediaFacts(
    VIDEO, 'Abend 🌅 "A"', "Ada", 1280, 720, 61.5, protocol.Note.CUT, part=1, parts=2
)
OLD_MEDIA = protocol.Media(
    (
        protocol.MediaFile(
            "/d/1-1/media.part-1.mp4",
            48_000_000,
            "https://example.org/v?a=1&b=%2F",
            CUT,
            "/d/1-1/media.part-1.jpg",
        ),
        protocol.MediaFile(
            "/d/1-1/media.part-2.mp4",
            1000,
            "https://example.org/v",
            protocol.MediaFacts(protocol.MediaKind.ANIMATION, part=2, parts=2),
        ),
    )
)


def test_the_facts_of_files_come_over_from_version_4(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    old = sqlite3.connect(path)
    for step in MIGRATIONS[:4]:
        old.executescript(step)
    old.execute(
        "INSERT INTO media VALUES ('remembered', ?, 1.0)", (OLD_FILES % ('"id 1"', '"id 2"'),)
    )
    old.execute(
        "INSERT INTO jobs (kind, pool, priority, state, media_key, created_at, waits_since,"
        " not_before, result) VALUES ('download', 'downloads', 0, 'done', 'made', 0, 0, 0, ?)",
        (OLD_FILES % ("null", "null"),),
    )
    old.execute(
        "INSERT INTO jobs (kind, pool, priority, state, created_at, waits_since, not_before)"
        " VALUES ('download', 'downloads', 0, 'failed', 0, 0, 0)"
    )
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute("PRAGMA user_version = 4")
    old.commit()
    old.close()
    ledger = Ledger(path)
    remembered = media_cache.media_of(ledger._db, "remembered", None)
    assert remembered is not None
    assert [file.file_id for file in remembered.files] == ["id 1", "id 2"]
    without_ids = (dataclasses.replace(file, file_id=None) for file in remembered.files)
    assert protocol.Media(tuple(without_ids)) == OLD_MEDIA
    assert media_cache.media_of(ledger._db, "made", 1) == OLD_MEDIA
    assert media_cache.media_of(ledger._db, "failed", 2) is None


def test_what_was_wanted_comes_over_from_version_5(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    old = sqlite3.connect(path)
    for step in MIGRATIONS[:5]:
        old.executescript(step)
    for number, sound_only in enumerate((0, 1), 1):
        payload = {"url": "https://example.org/v", "sound_only": bool(sound_only), "fresh": False}
        old.execute(
            "INSERT INTO jobs (kind, pool, priority, media_key, created_at, waits_since,"
            " not_before, payload) VALUES ('download', 'downloads', 6, ?, 0, 0, 0, ?)",
            (f"key {number}", json.dumps(payload)),
        )
        old.execute(
            "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, download,"
            " created_at, sound_only) VALUES (1, 1, 1, 'u', ?, ?, 0, ?)",
            (f"key {number}", number, sound_only),
        )
    old.execute("INSERT INTO media VALUES (?, ?, 1.0)", (SOUND_KEY, '{"files": []}'))
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.execute("PRAGMA user_version = 5")
    old.commit()
    old.close()
    ledger = Ledger(path)
    whole, sound = Form(), SOUND
    assert [claim(ledger, DownloadJob).form for _ in range(2)] == [whole, sound]
    found = [ledger.request(request_id) for request_id in (1, 2)]
    assert [request and request.form for request in found] == [whole, sound]
    link_key = media_keys.of_link("https://example.com/", sound)
    assert media_cache.knows(ledger._db, link_key, Wall(1_800_000_000.0))


def ledger_before(word: str, path: Path) -> sqlite3.Connection:
    """A ledger as it was before the step with this word."""
    old = sqlite3.connect(path)
    version = next(at for at, step in enumerate(MIGRATIONS) if word in step)
    for step in MIGRATIONS[:version]:
        old.executescript(step)
    old.execute(f"PRAGMA user_version = {version}")
    return old


def test_runs_of_an_older_bot_do_not_say_what_passed_the_judge(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    old = ledger_before("passed_bytes", path)
    old.execute(
        "INSERT INTO jobs (kind, pool, priority, state, attempts, created_at, waits_since,"
        " not_before, finished_at, payload)"
        " VALUES ('download', 'downloads', 6, 'failed', 1, 0, 0, 0, 1, '{\"url\": \"u\"}')"
    )
    old.execute("INSERT INTO runs VALUES (1, 1, 2.0, 1.0, 100, 'words')")
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.commit()
    old.close()
    (failed,) = failures.newest(Ledger(path)._db, 10)
    assert failed.run == failures.LastAttempt(1, 2.0, 1.0, 100, "words", None)


def test_what_answers_of_an_older_bot_took_is_not_known(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    old = ledger_before("answer_counts", path)
    old.execute(
        "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, verdict, created_at,"
        " answered_at) VALUES (7, 7, 1, 'https://site.example/v', 'key', 'media', 1, 2)"
    )
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.commit()
    old.close()
    db = Ledger(path)._db
    (request,) = history.newest(db, history.RequestFilter(), 10)
    assert (request.site, request.verdict) == ("site.example", "media")
    assert (request.waited_s, request.media_bytes, request.is_remembered) == (None, None, None)
    (group,) = history.groups(db, history.By.SITE, history.RequestFilter())
    assert (group.links, group.media, group.media_bytes, group.seconds) == (1, 1, 0, 0.0)
    assert answers.counts(db) == ()


def test_failures_of_an_older_bot_name_no_languages(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    old = ledger_before("COLUMN languages", path)
    old.execute(
        "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, verdict, reason,"
        " error_id, created_at) VALUES (7, 7, 1, 'u', 'key', 'sentence', 'not found', 'e', 1)"
    )
    old.execute("INSERT INTO known_failures VALUES ('key', 'not found', 'e', 1, 9)")
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.commit()
    old.close()
    ledger = Ledger(path)
    request = ledger.request(1)
    assert request
    assert (request.reason, request.languages) == (Reason.NOT_FOUND, ())
    known = known_failures.recall(ledger._db, "key", Wall(5.0))
    assert known == known_failures.KnownFailure(Reason.NOT_FOUND, "e", ())


def test_links_of_an_older_bot_count_from_when_they_were_read(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    old = ledger_before("COLUMN sent_at", path)
    old.execute(
        "INSERT INTO requests (chat_id, user_id, message_id, url, media_key, created_at)"
        " VALUES (7, 7, 1, 'https://site.example/v', 'key', 100)"
    )
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.commit()
    old.close()
    db = Ledger(path)._db
    counted = [request_lookups.sent_by(db, 7, Wall(since), Wall(200)) for since in (99, 101)]
    assert counted == [1, 0]


def test_updates_that_an_older_bot_left_waiting_are_read_in_their_order(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    old = ledger_before("jobs_updates_of", path)
    for update_id, text in ((1, "https://site.example/v"), (2, "/cancel")):
        message = {"message_id": update_id, "text": text, "from": {"id": 7}, "chat": {"id": 7}}
        old.execute(
            "INSERT INTO jobs (kind, pool, priority, update_id, payload, created_at, waits_since,"
            " not_before) VALUES ('update', 'telegram', 1, ?, ?, 0, 0, 0)",
            (update_id, json.dumps({"update_id": update_id, "message": message})),
        )
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    old.commit()
    old.close()
    ledger = Ledger(path)
    first = claim(ledger, UpdateJob)
    assert first.update["update_id"] == 1
    assert ledger.claim(TELEGRAM, START) is None
    ledger.put_back(first, 0.0, START, refund=True)
    assert claim(ledger, UpdateJob).id == first.id


# Of the sound of https://example.com/, as each version with this recipe makes it.
SOUND_KEY = "32f9cfdd93ceedec09a1c2e683e3767d"
