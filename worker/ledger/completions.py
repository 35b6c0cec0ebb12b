"""The results of jobs, recorded with what follows from them. Each method is one transaction."""

from worker import protocol
from worker.clocks import Wall
from worker.ledger import menus
from worker.ledger.choices import choices, looks
from worker.ledger.jobs import job_lookups, queue
from worker.ledger.jobs.jobs import (
    AnswerJob,
    CookiesJob,
    DeliverJob,
    DownloadJob,
    GroupJob,
    Kind,
    LookJob,
    MenusJob,
    PanelJob,
    RequestJob,
    StatusJob,
    SummaryJob,
)
from worker.ledger.lists import batches
from worker.ledger.panels import panels
from worker.ledger.questions import Questions
from worker.ledger.records import Request, Verdict
from worker.ledger.requests import admission, known_failures, media_cache, request_lookups, requests
from worker.ledger.requests.requests import Resolution
from worker.protocol import as_json
from worker.protocol.site_cookies import CookiesKept


class Completions(Questions):
    """The part of a `Ledger` that takes the results of jobs.

    It is a class of its own, as `Questions` is, because the whole would be too long for one file.
    """

    def finish_status(self, job: StatusJob, message_id: int, wall: Wall) -> None:
        """Record that the status message of a request was posted."""
        with self._db.transaction():
            requests.set_status_message(self._db, job.request, message_id)
            queue.finish(self._db, job.id, wall)
            requests.settle(self._db, job.request.id, wall)

    def finish_cookies(self, job: CookiesJob, kept: CookiesKept, wall: Wall) -> None:
        """Record that a site may have new cookies, and let what failed without be tried again."""
        with self._db.transaction():
            queue.finish(self._db, job.id, wall)
            known_failures.forget_all(self._db)
            admission.reply(self._db, kept.reply, wall)

    def finish_panel(self, job: PanelJob, message_id: int, wall: Wall) -> None:
        """Record that a panel is in the chat as it was when the job was taken."""
        with self._db.transaction():
            queue.finish(self._db, job.id, wall)
            panels.finish(self._db, job, message_id, wall)

    def finish_menus(self, job: MenusJob, wall: Wall) -> None:
        with self._db.transaction():
            menus.finish(self._db, job, wall)

    def finish_download(self, job: DownloadJob, media: protocol.Media, wall: Wall) -> None:
        """Record media that is on disk, or what a look has found, for all who wait for it."""
        with self._db.transaction():
            queue.finish(self._db, job.id, wall, result=as_json.media_to_json(media))
            key = job_lookups.media_key_of(self._db, job.id) or job.media_key
            known_failures.forget(self._db, key)
            if isinstance(job, LookJob):
                # A list may be long, and its job keeps it, so the cache does not.
                if media.look:
                    media_cache.remember_look(self._db, key, media, wall)
                looks.show(self._db, job.id, media.look, wall)
            requests.decide_all(self._db, job.id, Resolution(Verdict.MEDIA), wall)

    def finish_group(self, job: GroupJob, group: protocol.GroupSent, wall: Wall) -> None:
        """Record the files that were sent beside an answer; another job follows for the rest."""
        request = job.request
        with self._db.transaction():
            queue.finish(self._db, job.id, wall)
            sent = (*request.sent, *group.sent)
            requests.set_sent(self._db, request.id, sent)
            requests.note_songs_sent(self._db, request, sent, wall)
            requests.settle(self._db, request.id, wall)

    def finish_delivery(self, job: DeliverJob, delivered: protocol.Delivered, wall: Wall) -> None:
        """Record that a request has its media; remember what Telegram made of the upload."""
        request = job.request
        sent = (delivered, *request.sent)
        with self._db.transaction():
            queue.finish(self._db, job.id, wall)
            if delivered.message_id:
                requests.set_status_message(self._db, request, delivered.message_id)
                request = request_lookups.get(self._db, request.id)
            self._end(request, wall)
            if delivered.leaves_status:
                self._remove_status(job, wall)
            choices.add_description(self._db, request, job.media, wall)
            own = request_lookups.own_media(self._db, request)
            if job.media and own and len(sent) == len(job.media.files):
                own_sent = sent[: len(own.files)]
                media_cache.remember(self._db, request.media_key, own, own_sent, wall)

    def finish_explanation(
        self, job: AnswerJob, wall: Wall, apart: protocol.SentApart | None = None
    ) -> None:
        """Record that a request was told why there is no media, and in which message."""
        with self._db.transaction():
            queue.finish(self._db, job.id, wall)
            if apart:
                requests.set_status_message(self._db, job.request, apart.message_id)
            self._end(job.request, wall)
            if apart and apart.leaves_status:
                self._remove_status(job, wall)

    def _remove_status(self, job: AnswerJob, wall: Wall) -> None:
        """Queue the removal of a status message whose answer came as a message of its own."""
        chat_id = job.request.chat_id
        payload = as_json.to_json(protocol.RemoveStatus(chat_id, job.message_id))
        turn = job.request.turn
        queue.add(self._db, Kind.REMOVAL, wall, chat_id=chat_id, turn=turn, payload=payload)

    def _end(self, request: Request, wall: Wall) -> None:
        requests.mark_answered(self._db, request.id, wall)
        # If its group has moved meanwhile, another status message waits.
        queue.drop_all(self._db, request.id, wall)

    def finish_summary(self, job: SummaryJob, message_id: int, wall: Wall) -> None:
        """Record that a summary is in the chat as it was when the job was claimed."""
        with self._db.transaction():
            queue.finish(self._db, job.id, wall)
            batches.note_shown(self._db, job.batch, message_id, job.summary, wall)

    def post_again(self, job: RequestJob, wall: Wall) -> None:
        """Queue a new status message for one that is gone; it becomes the answer."""
        with self._db.transaction():
            queue.drop(self._db, job.id, wall)
            if not request_lookups.is_unanswered(self._db, job.request.id):
                return
            requests.forget_status_message(self._db, job.request.id)
            if not job_lookups.has_status(self._db, job.request.id):
                queue.add(self._db, Kind.STATUS, wall, request=job.request)

    def download_again(self, job: RequestJob, wall: Wall, *, is_refused: bool = False) -> None:
        """Fetch once more what was remembered or downloaded for an answer, and is gone.

        That is what the ledger does not know any more. Else, of an album that Telegram has refused
        (`is_refused`), all songs that it should have, since it does not say which: they leave the
        album, which goes on without them.
        """
        request = job.request
        with self._db.transaction():
            queue.drop(self._db, job.id, wall)
            songs = [
                song
                for song in request_lookups.followers(self._db, request.id)
                if song.answered_at is None
            ]
            forgotten = [
                song
                for song in (request, *songs)
                if request_lookups.own_media(self._db, song) is None
            ]
            refused = [
                song
                for song in songs
                if is_refused and media_cache.knows(self._db, song.media_key, wall)
            ]
            for gone in forgotten or refused or [request]:
                requests.fetch_again(self._db, gone, wall)
            requests.settle(self._db, request.id, wall)
