"""How a person ends a recording of a live stream. Part of the caller's transaction."""

from worker.clocks import Wall
from worker.ledger.jobs import job_lookups, queue
from worker.ledger.requests import cancellation, request_lookups
from worker.ledger.storage.database import Database
from worker.protocol.effects import StopRecording
from worker.protocol.notices import About, Cancelled, Topic


def stop(db: Database, effect: StopRecording, wall: Wall) -> tuple[About, list[int]]:
    """End a recording, and send what there is. Returns what to say, and the ids of jobs to stop.

    Its job waits for another attempt, which makes a file of what was recorded.
    """
    press = effect.press
    request = request_lookups.find(db, effect.request_id)
    if request is None or not request.form.is_recording or not request_lookups.is_open(request):
        return Topic.DEAD_BUTTON, []
    if not cancellation.may_cancel(request, press.user_id, press.chat_id):
        return Cancelled.NOT_YOURS, []
    if request.verdict is None and request.download_id is not None:
        if not queue.stop_recording(db, request.download_id):
            return Topic.ON_ITS_WAY, []  # pressed before
        queue.hurry(db, request.download_id, wall)
        if job_lookups.find_running(db, request.download_id):
            return Topic.ON_ITS_WAY, [request.download_id]
    return Topic.ON_ITS_WAY, []
