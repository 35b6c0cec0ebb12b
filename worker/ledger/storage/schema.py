"""The ledger's tables, as the steps that lead from one version of it to the next.

`MIGRATIONS[n]` turns version n into n + 1. A step that has been released is never edited.

Each table is written by one module of this package:

    jobs                    queue
    requests                requests
    answer_counts           answers
    answer_times            answers
    media, looks, links     media_cache
    awaited_menus           awaited_menus
    known_failures          known_failures
    banned                  admission
    panels                  panels
    batches, batch_items    batches
    preferences             preferences
    processes               sessions
    runs                    failures
    samples                 upkeep
    state                   state
    job_counts              a trigger of `jobs`
    sqlite_sequence         backup

The exceptions are `retention`, which deletes what is old, `fairness`, which moves a download's
turn, and triggers, which note that a batch has news.
"""

APPLICATION_ID = 0x46544249
"""`PRAGMA application_id`, so that somebody else's SQLite file is recognised as such."""

_FILES_WITH_FACTS = """
    SELECT json_object('files', json_group_array(json(file))) FROM (
        SELECT json_object(
            'path', value -> '$.path',
            'size_bytes', value -> '$.size_bytes',
            'source_url', value -> '$.source_url',
            'facts', json_object(
                'kind', value -> '$.kind',
                'title', value -> '$.title',
                'uploader', value -> '$.uploader',
                'width', value -> '$.width',
                'height', value -> '$.height',
                'duration_s', value -> '$.duration_s',
                'note', value -> '$.note',
                'part', coalesce(value ->> '$.part', 1),
                'parts', coalesce(value ->> '$.parts', 1)
            ),
            'thumbnail', value -> '$.thumbnail',
            'file_id', value -> '$.file_id'
        ) AS file FROM json_each({column}, '$.files') ORDER BY key
    )
"""
"""A part of the step to version 5, and like it never edited."""

MIGRATIONS = (
    """
    CREATE TABLE state (
        name TEXT PRIMARY KEY,
        value ANY
    ) STRICT;

    CREATE TABLE jobs (
        -- AUTOINCREMENT: directories are named after ids, so no id may come twice.
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        pool TEXT NOT NULL,
        priority INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting'
            CHECK (state IN ('waiting', 'running', 'done', 'failed', 'dropped')),
        attempts INTEGER NOT NULL DEFAULT 0,
        request INTEGER REFERENCES requests (id),
        media_key TEXT,
        update_id INTEGER UNIQUE,
        payload TEXT NOT NULL DEFAULT '{}',
        created_at REAL NOT NULL,
        waits_since REAL NOT NULL,
        not_before REAL NOT NULL,
        started_at REAL,
        finished_at REAL,
        result TEXT,
        reason TEXT,
        fault TEXT,
        detail TEXT,
        error_id TEXT
    ) STRICT;
    CREATE INDEX jobs_waiting ON jobs (pool, priority, id) WHERE state = 'waiting';
    CREATE INDEX jobs_running ON jobs (kind, media_key) WHERE state = 'running';
    CREATE INDEX jobs_media ON jobs (media_key) WHERE kind = 'download';
    CREATE INDEX jobs_request ON jobs (request);
    CREATE INDEX jobs_finished ON jobs (finished_at);

    CREATE TABLE requests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        chat_id INTEGER NOT NULL,
        user_id INTEGER NOT NULL,
        message_id INTEGER NOT NULL,
        url TEXT NOT NULL,
        media_key TEXT NOT NULL,
        download INTEGER REFERENCES jobs (id),
        downloads INTEGER NOT NULL DEFAULT 0,
        status_message_id INTEGER,
        status_messages INTEGER NOT NULL DEFAULT 0,
        verdict TEXT CHECK (verdict IN ('media', 'sentence', 'cancelled', 'unreachable')),
        reason TEXT,
        error_id TEXT,
        created_at REAL NOT NULL,
        answered_at REAL
    ) STRICT;
    CREATE INDEX requests_open ON requests (download) WHERE answered_at IS NULL;

    CREATE TABLE media (
        media_key TEXT PRIMARY KEY,
        file_id TEXT NOT NULL,
        media TEXT NOT NULL,
        remembered_at REAL NOT NULL
    ) STRICT;

    CREATE TABLE processes (
        pid INTEGER NOT NULL,
        started INTEGER NOT NULL,
        job INTEGER NOT NULL,
        PRIMARY KEY (pid, started)
    ) STRICT;
    """,
    """
    -- Whose turn a job is, and on whose account it runs; see worker/ledger/jobs/fairness.py.
    ALTER TABLE jobs ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN chat_id INTEGER;
    ALTER TABLE jobs ADD COLUMN user_id INTEGER;
    ALTER TABLE requests ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
    DROP INDEX jobs_waiting;
    CREATE INDEX jobs_waiting ON jobs (pool, priority, turn, id) WHERE state = 'waiting';
    CREATE INDEX jobs_replies ON jobs (chat_id, created_at) WHERE kind = 'reply';
    CREATE INDEX requests_unanswered ON requests (user_id, turn) WHERE answered_at IS NULL;
    CREATE INDEX requests_made ON requests (user_id, created_at);

    CREATE TABLE banned (
        user_id INTEGER PRIMARY KEY,
        since REAL NOT NULL
    ) STRICT;

    UPDATE jobs SET (chat_id, user_id) =
        (SELECT chat_id, user_id FROM requests WHERE id = jobs.request)
        WHERE request IS NOT NULL;
    UPDATE jobs SET (chat_id, user_id) =
        (SELECT chat_id, user_id FROM requests WHERE download = jobs.id ORDER BY id LIMIT 1)
        WHERE kind = 'download';
    UPDATE jobs SET chat_id = json_extract(payload, '$.chat_id') WHERE kind = 'reply';
    """,
    """
    -- What the operator asks about: failures, figures of runs, samples, what a job ended as.
    CREATE INDEX jobs_failed ON jobs (finished_at) WHERE state = 'failed';
    CREATE INDEX requests_download ON requests (download);
    CREATE INDEX requests_answered ON requests (answered_at, verdict);
    CREATE INDEX media_remembered ON media (remembered_at);

    CREATE TABLE runs (
        job INTEGER PRIMARY KEY,
        attempt INTEGER NOT NULL,
        run_s REAL NOT NULL,
        cpu_s REAL NOT NULL,
        peak_bytes INTEGER NOT NULL,
        log TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER jobs_removed AFTER DELETE ON jobs
    BEGIN
        DELETE FROM runs WHERE job = old.id;
    END;

    CREATE TABLE samples (
        taken_at REAL PRIMARY KEY,
        disk_free_bytes INTEGER NOT NULL,
        disk_total_bytes INTEGER NOT NULL,
        memory_bytes INTEGER NOT NULL,
        memory_share REAL NOT NULL
    ) STRICT;

    -- Rows are deleted after a month; a count of what has ended must not fall with them.
    CREATE TABLE job_counts (
        pool TEXT NOT NULL,
        state TEXT NOT NULL,
        ended INTEGER NOT NULL,
        PRIMARY KEY (pool, state)
    ) STRICT;
    INSERT INTO job_counts SELECT pool, state, count(*) FROM jobs
        WHERE state IN ('done', 'failed', 'dropped') GROUP BY pool, state;
    CREATE TRIGGER jobs_ended AFTER UPDATE OF state ON jobs
        WHEN new.state IN ('done', 'failed', 'dropped') AND new.state != old.state
    BEGIN
        INSERT INTO job_counts VALUES (new.pool, new.state, 1)
            ON CONFLICT DO UPDATE SET ended = ended + 1;
    END;
    """,
    """
    -- An answer may be several files, and several links may lead to the same media.
    ALTER TABLE requests ADD COLUMN sent TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE requests ADD COLUMN sound_only INTEGER NOT NULL DEFAULT 0;

    UPDATE jobs SET result = json_object('files', json_array(json(result)))
        WHERE kind = 'download' AND result IS NOT NULL;
    UPDATE media SET media =
        json_object('files', json_array(json_set(media, '$.file_id', file_id)));
    ALTER TABLE media DROP COLUMN file_id;

    CREATE TABLE links (
        link_key TEXT PRIMARY KEY,
        media_key TEXT NOT NULL,
        used_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX links_used ON links (used_at);
    """,
    f"""
    -- What is known of a file stands together, as its facts.
    UPDATE media SET media = ({_FILES_WITH_FACTS.format(column="media")});
    UPDATE jobs SET result = ({_FILES_WITH_FACTS.format(column="result")})
        WHERE kind = 'download' AND result IS NOT NULL;
    """,  # noqa: S608 - made of constants
    """
    -- What holds the id of a row is named so.
    ALTER TABLE jobs RENAME COLUMN request TO request_id;
    ALTER TABLE requests RENAME COLUMN download TO download_id;
    ALTER TABLE processes RENAME COLUMN job TO job_id;
    ALTER TABLE runs RENAME COLUMN job TO job_id;
    """,
    """
    -- The code of a form in place of a flag; see worker/form.py.
    ALTER TABLE requests ADD COLUMN form TEXT NOT NULL DEFAULT 'all';
    UPDATE requests SET form = 'sound' WHERE sound_only;
    ALTER TABLE requests DROP COLUMN sound_only;
    UPDATE jobs SET payload = json_set(
            json_remove(payload, '$.sound_only'),
            '$.form', iif(json_extract(payload, '$.sound_only'), 'sound', 'all')
        ) WHERE kind = 'download';
    """,
    """
    -- Answers are given in a person's language, and notices say what they are about, not in what
    -- words. Those that were put into words before are said in these words.
    ALTER TABLE requests ADD COLUMN language TEXT NOT NULL DEFAULT 'en';

    UPDATE jobs SET payload = json_object(
        'reader', json_object('chat_id', json_extract(payload, '$.chat_id'), 'language', 'en'),
        'reply_to', json_extract(payload, '$.reply_to'),
        'notices', json_array(json_object(
            'about', 'verbatim', 'values', json_object('text', json_extract(payload, '$.text')))))
        WHERE kind = 'reply';
    UPDATE jobs SET payload = json_object(
        'callback_id', json_extract(payload, '$.callback_id'), 'language', 'en',
        'notice', json_object(
            'about', 'verbatim', 'values', json_object('text', json_extract(payload, '$.text'))))
        WHERE kind = 'button';
    """,
    """
    -- How often a job's attempt was given back because the bot had ended under it.
    ALTER TABLE jobs ADD COLUMN refunds INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- Whether a request was cancelled because an edit took its link out of the message.
    ALTER TABLE requests ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX requests_of_message ON requests (chat_id, message_id);
    """,
    """
    -- How often Telegram has given no usable answer, and for how long while others got one.
    ALTER TABLE jobs ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN refused_s REAL NOT NULL DEFAULT 0;
    """,
    """
    -- What failed for good lately, and until when it is not tried again for somebody else.
    CREATE TABLE known_failures (
        media_key TEXT PRIMARY KEY,
        reason TEXT NOT NULL,
        error_id TEXT NOT NULL,
        failed_at REAL NOT NULL,
        ends_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX known_failures_end ON known_failures (ends_at);
    """,
    """
    -- The topic of a forum in which a link was sent, and in which it is answered.
    ALTER TABLE requests ADD COLUMN thread_id INTEGER;
    """,
    """
    -- What the operator can do against a failure, where that is known.
    ALTER TABLE jobs ADD COLUMN remedy TEXT;
    """,
    """
    -- How many bytes of a download have passed the judge, in both directions.
    ALTER TABLE runs ADD COLUMN passed_bytes INTEGER;
    """,
    """
    -- Messages of the bot's own with buttons; job_id is the last job that shows one.
    CREATE TABLE panels (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        chat_id INTEGER NOT NULL,
        thread_id INTEGER,
        language TEXT NOT NULL,
        user_id INTEGER NOT NULL,
        reply_to INTEGER NOT NULL,
        message_id INTEGER,
        job_id INTEGER,
        state TEXT NOT NULL,
        is_closed INTEGER NOT NULL DEFAULT 0,
        opened_at REAL NOT NULL,
        ends_at REAL
    ) STRICT;
    CREATE INDEX panels_opened ON panels (chat_id, opened_at);
    """,
    """
    -- What somebody has taken of a list at once: a request for each item, and one message that
    -- says how far they are. `list_id` is the request that was answered with the list, `shown`
    -- what the message has said last, and `lost` how often it was gone.
    CREATE TABLE batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        list_id INTEGER NOT NULL,
        chat_id INTEGER NOT NULL,
        user_id INTEGER NOT NULL,
        message_id INTEGER NOT NULL,
        thread_id INTEGER,
        language TEXT NOT NULL,
        form TEXT NOT NULL,
        fresh INTEGER NOT NULL,
        title TEXT NOT NULL,
        items TEXT NOT NULL,
        summary_message_id INTEGER,
        shown TEXT,
        shown_at REAL,
        lost INTEGER NOT NULL DEFAULT 0,
        held INTEGER NOT NULL DEFAULT 0,
        tried_again INTEGER NOT NULL DEFAULT 0,
        created_at REAL NOT NULL,
        ended_at REAL
    ) STRICT;
    CREATE INDEX batches_open ON batches (id) WHERE ended_at IS NULL;
    CREATE INDEX batches_of_list ON batches (list_id);
    CREATE INDEX batches_ended ON batches (ended_at);

    -- `request_id` is there once it is the item's turn.
    CREATE TABLE batch_items (
        batch_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        url TEXT NOT NULL,
        request_id INTEGER,
        dropped INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (batch_id, number)
    ) STRICT, WITHOUT ROWID;

    ALTER TABLE requests ADD COLUMN batch_id INTEGER;
    """,
    """
    -- What people and groups have set, and what of it their requests are answered by.
    CREATE TABLE preferences (
        owner_id INTEGER PRIMARY KEY,
        chosen TEXT NOT NULL
    ) STRICT;
    ALTER TABLE requests ADD COLUMN captions TEXT NOT NULL DEFAULT 'full';
    ALTER TABLE requests ADD COLUMN has_buttons INTEGER NOT NULL DEFAULT 0;
    UPDATE requests SET has_buttons = (chat_id > 0 AND form = 'all');
    """,
    """
    -- What looks have found, which download nothing.
    CREATE TABLE looks (
        media_key TEXT PRIMARY KEY,
        look TEXT NOT NULL,
        looked_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX looks_made ON looks (looked_at);

    -- Who has pressed a button and waits for what a look finds.
    CREATE TABLE awaited_menus (
        job_id INTEGER NOT NULL,
        request_id INTEGER NOT NULL,
        url TEXT NOT NULL,
        callback_id TEXT NOT NULL,
        user_id INTEGER NOT NULL,
        chat_id INTEGER NOT NULL,
        message_id INTEGER NOT NULL,
        thread_id INTEGER,
        language TEXT NOT NULL,
        pressed_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX awaited_menus_job ON awaited_menus (job_id);
    CREATE INDEX awaited_menus_user ON awaited_menus (user_id);

    DROP INDEX jobs_media;
    CREATE INDEX jobs_media ON jobs (media_key) WHERE pool = 'downloads';
    """,
    """
    -- Whether a person wanted it to be forgotten what a request was about.
    ALTER TABLE requests ADD COLUMN is_forgotten INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- Whether a person wants to be asked in which quality before anything is fetched.
    ALTER TABLE requests ADD COLUMN asks_first INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- Until when a page of the menu below an answer stands open, and the job that closes it.
    ALTER TABLE requests ADD COLUMN menu_ends_at REAL;
    ALTER TABLE requests ADD COLUMN menu_job_id INTEGER;
    """,
    """
    -- Whether the site's description follows an answer as a message of its own.
    ALTER TABLE requests ADD COLUMN describes INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- What answers took, with each request; and counted for good, since requests are deleted.
    ALTER TABLE requests ADD COLUMN reopened_at REAL;
    ALTER TABLE requests ADD COLUMN is_remembered INTEGER;
    ALTER TABLE requests ADD COLUMN media_bytes INTEGER;
    ALTER TABLE requests ADD COLUMN waited_s REAL;
    ALTER TABLE requests ADD COLUMN downloaded_s REAL;
    ALTER TABLE requests ADD COLUMN uploaded_s REAL;
    ALTER TABLE requests ADD COLUMN attempts INTEGER;

    CREATE TABLE answer_counts (
        site TEXT NOT NULL,
        verdict TEXT NOT NULL,
        reason TEXT NOT NULL,
        is_remembered INTEGER NOT NULL,
        answers INTEGER NOT NULL,
        media_bytes INTEGER NOT NULL,
        PRIMARY KEY (site, verdict, reason, is_remembered)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE answer_times (
        step TEXT NOT NULL,
        at_most_s REAL NOT NULL,
        answers INTEGER NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (step, at_most_s)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- The song of a list beside whose message this one comes, in one album with it.
    ALTER TABLE requests ADD COLUMN leader_id INTEGER;
    CREATE INDEX requests_led ON requests (leader_id) WHERE leader_id IS NOT NULL;
    """,
    """
    -- Whether more is to be said of a batch than its message may say: something has happened.
    ALTER TABLE batches ADD COLUMN has_news INTEGER NOT NULL DEFAULT 1;
    CREATE TRIGGER batches_item_answered AFTER UPDATE OF answered_at ON requests
        WHEN new.batch_id IS NOT NULL
    BEGIN
        UPDATE batches SET has_news = 1 WHERE id = new.batch_id;
    END;
    CREATE TRIGGER batches_item_dropped AFTER UPDATE OF dropped ON batch_items
    BEGIN
        UPDATE batches SET has_news = 1 WHERE id = new.batch_id;
    END;
    CREATE TRIGGER batches_changed AFTER UPDATE OF held, shown, lost, tried_again ON batches
    BEGIN
        UPDATE batches SET has_news = 1 WHERE id = new.id;
    END;
    """,
    """
    -- What was asked for, where the rest was left to what the person had set by then.
    ALTER TABLE requests ADD COLUMN asked_form TEXT;
    """,
    """
    -- What people have written, and what was shown to them, is not kept once that is done.
    UPDATE jobs SET payload = '{}'
        WHERE kind IN ('update', 'button', 'cookies') AND state IN ('done', 'dropped');
    CREATE INDEX jobs_downloads_of ON jobs (user_id) WHERE pool = 'downloads';
    """,
    """
    -- The languages that there are, as a list of tags, where there is not the one that is wanted.
    ALTER TABLE requests ADD COLUMN languages TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE known_failures ADD COLUMN languages TEXT NOT NULL DEFAULT '[]';
    """,
    """
    -- What is found by a message: the request that it answers, and what a chat was told below it.
    CREATE INDEX requests_status_message ON requests (chat_id, status_message_id)
        WHERE status_message_id IS NOT NULL;
    CREATE INDEX jobs_replies_below ON jobs (chat_id, payload ->> '$.reply_to')
        WHERE kind = 'reply';
    -- What is forgotten, and is still to be deleted.
    CREATE INDEX requests_to_empty ON requests (id)
        WHERE is_forgotten AND answered_at IS NOT NULL AND url != '';
    """,
    """
    -- When a link was sent, which may be long before it was read; links are counted by that.
    ALTER TABLE requests ADD COLUMN sent_at REAL NOT NULL DEFAULT 0;
    UPDATE requests SET sent_at = created_at;
    DROP INDEX requests_made;
    CREATE INDEX requests_sent ON requests (user_id, sent_at);
    """,
    """
    -- Whether nothing that was remembered might be used for a request.
    ALTER TABLE requests ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- Who has sent an update that waits, by which its order among theirs is found.
    UPDATE jobs SET user_id = iif(json_valid(payload), CAST(coalesce(
        payload ->> '$.message.from.id', payload ->> '$.edited_message.from.id',
        payload ->> '$.callback_query.from.id') AS INTEGER), NULL)
        WHERE kind = 'update' AND state IN ('waiting', 'running', 'failed');
    CREATE INDEX jobs_updates_of ON jobs (user_id, state)
        WHERE kind = 'update' AND user_id IS NOT NULL;
    """,
)
