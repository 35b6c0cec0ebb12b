"""A telegram worker's calls, made once before the first is forked, so that each copies less.

What a worker runs for the first time it changes: the interpreter rewrites code that has run eight
times, and fills caches. Each page so written to is a copy of the worker's own. After this they
share what comes to 1.3 MB in each.
"""

import json
import os
import signal
import tempfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer

from worker.protocol import (
    Action,
    Deliver,
    EditStatus,
    HandleUpdate,
    MediaFacts,
    MediaFile,
    MediaKind,
    PostStatus,
    Progress,
    ShowAction,
    Stage,
)
from worker.telegram import Connection, make_handler, transport

ROUNDS = 10
PATIENCE_S = 5.0

_LINK = "https://nowhere.invalid/video"


def rehearse() -> None:
    """Take a link, post, edit, upload. Leaves neither process nor descriptor; raises anything.

    The other end is a fork of this process, for which the caller must have a single thread.
    """
    # Not HTTPServer, which asks the resolver for this machine's name.
    with TCPServer(("127.0.0.1", 0), _StandIn) as server:
        server.timeout = PATIENCE_S
        pid = os.fork()
        if not pid:
            try:
                server.handle_request()
            finally:
                os._exit(0)
        # The fork's alone: if that dies, a call is refused at once.
        server.server_close()
        try:
            _play(f"http://127.0.0.1:{server.server_address[1]}")
        finally:
            # A worker that inherited the connection would use it, and so would all the others.
            transport.hang_up()
            os.kill(pid, signal.SIGKILL)  # our own child, not waited for
            os.waitpid(pid, 0)


class _StandIn(BaseHTTPRequestHandler):
    """Answers every call on one connection with a message that is a video."""

    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_S
    wbufsize = -1  # in one piece, or its end waits for the other side to acknowledge its beginning

    def do_POST(self) -> None:
        """One call."""
        self.rfile.read(int(self.headers["Content-Length"]))
        result = {"message_id": 1, "video": {"file_id": "rehearsal"}}
        answer = json.dumps({"ok": True, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing that anybody should read."""


def _play(api_url: str) -> None:
    handle = make_handler(Connection("0:rehearsal", api_url))
    person = {"id": 1, "is_bot": False, "first_name": "Somebody"}
    chat = {"id": 1, "type": "private"}
    message = {"message_id": 1, "date": 1, "chat": chat, "from": person, "text": _LINK}
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as directory:
        file = Path(directory, "video.mp4")
        file.write_bytes(bytes(1024))
        video = MediaFile(
            path=str(file),
            size_bytes=1024,
            source_url=_LINK,
            facts=MediaFacts(MediaKind.VIDEO, "Rehearsal"),
        )
        tasks = (
            HandleUpdate({"update_id": 1, "message": message}),
            PostStatus(1, 1, 1),
            EditStatus(1, 1, 1, Progress(Stage.DOWNLOADING, 1, 2, 1.0, 1.0)),
            ShowAction(1, Action.UPLOAD_VIDEO),
            Deliver(1, 1, 1, video),
        )
        for _ in range(ROUNDS):
            for task in tasks:
                handle(None, task)
