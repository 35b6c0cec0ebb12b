"""The HTTP side of the stand-in: connections, tokens, bodies, faults, and answers."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .bodies import BodyCut, BodyStream, Request, read_request
from .errors import ApiError, bad_request
from .faults import Call, Fault, Faults
from .files import CLOUD_LIMIT, LOCAL_LIMIT
from .methods import Methods, attached
from .schema import check_call, method_named
from .world import World

_BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n"
    "</body>\r\n</html>\r\n"
)
# What a client may still send after it was refused, before the connection is closed on it.
_LINGER = 128 * 1024 * 1024
# What an answer meets whose client has disconnected: over TLS, it has a name of its own.
_GONE = (ConnectionError, TimeoutError, BodyCut, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Cut(Exception):
    """The connection is to be reset instead of answered."""


@dataclass
class Service:
    """Everything that a connection needs to serve calls."""

    token: str
    local: bool
    folder: Path
    world: World
    methods: Methods
    faults: Faults
    stopping: threading.Event
    log: Callable[[Call], None]
    on_call: Callable[[Call], None] | None = None
    on_applied: Callable[[Call], None] | None = None


class LoopbackServer(ThreadingHTTPServer):
    """A threading HTTP server on loopback that can also end connections that are in use."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        handler: type[BaseHTTPRequestHandler],
        service: Any,
        host: str = "127.0.0.1",
    ) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name=type(service).__name__)
        super().__init__((host, port), handler)

    @property
    def url(self) -> str:
        """The address without a trailing slash."""
        return f"http://{self.server_name}:{self.server_port}"

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name that HTTPServer does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def start(self) -> None:
        """Serve in a thread until `stop`."""
        self._thread.start()

    def _serve(self) -> None:
        self.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """Stop listening and end every connection."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection while it lasts."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show all errors but that of a client that disconnected."""
        if not isinstance(sys.exception(), _GONE):
            super().handle_error(request, client_address)


class BotApiHandler(BaseHTTPRequestHandler):
    """One connection to the stand-in, kept alive between calls."""

    protocol_version = "HTTP/1.1"
    server_version = "nginx/1.18.0"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: LoopbackServer

    def log_message(self, *args: Any) -> None:
        """Log nothing, since the calls are recorded."""

    def do_GET(self) -> None:
        """A call with its parameters in the query, or a file."""
        if self.path.startswith("/file/"):
            self._serve_file()
        else:
            self._serve_call()

    def do_POST(self) -> None:
        """A call with parameters in query and body."""
        self._serve_call()

    @property
    def _service(self) -> Service:
        service: Service = self.server.service
        return service

    def _serve_call(self) -> None:
        body: BodyStream | None = None
        parts = urlsplit(self.path)
        try:
            method = self._authorized(parts.path, "/bot")
            fault = self._service.faults.take(method)
            if fault and fault.kind == "cut_before":
                self._log_unread(parts.path, 0, "", fault)
                raise Cut
            limit = LOCAL_LIMIT if self._service.local else CLOUD_LIMIT
            body = BodyStream(self.rfile, self.headers, limit)
            self._run(method, parts.query, body, fault)
        except ApiError as error:
            # Recorded first: whoever has the answer finds the call, too.
            self._log_unread(parts.path, error.code, error.description)
            self._refuse(error, body)
        except (Cut, BodyCut):
            self._reset()
            raise ConnectionAbortedError from None

    def handle_expect_100(self) -> bool:
        """Say "100 Continue" at once, the answers being buffered."""
        go_on = super().handle_expect_100()
        self.wfile.flush()
        return go_on

    def _authorized(self, path: str, prefix: str) -> str:
        token, _, rest = unquote(path).removeprefix(prefix).partition("/")
        if not path.startswith(prefix) or not rest:
            raise ApiError(404, "Not Found")
        if token != self._service.token:
            raise ApiError(401, "Unauthorized")
        return method_named(rest) if prefix == "/bot" else rest

    def _run(self, method: str, query: str, body: BodyStream, fault: Fault | None) -> None:
        service = self._service
        request = read_request(query, self.headers, body, service.folder)
        if fault is None and "chat_id" in request.params:
            fault = service.faults.take(method, str(request.params["chat_id"]))
        call = Call(method, dict(request.params), datetime.now(UTC), request.uploads)
        call.fault = fault.kind if fault else None
        service.log(call)
        try:
            result = self._apply(call, request, fault)
            if service.on_applied:
                service.on_applied(call)
            self._answer(call, result, fault)
        except ApiError as error:
            call.status, call.description = error.code, error.description
            service.world.touch()
            if error.code == 502:
                self._send(502, _BAD_GATEWAY.encode(), "text/html")
            else:
                self._send_json(error.code, error.body())
        except Cut:
            call.status = 0
            service.world.touch()
            raise
        finally:
            request.discard()

    def _apply(self, call: Call, request: Request, fault: Fault | None) -> Any:
        service = self._service
        call.params = check_call(call.method, request.params, request.uploads.keys())
        names = attached(call.method, call.params) | {call.method.removeprefix("send").lower()}
        unknown = request.uploads.keys() - names - {"thumbnail", "cover"}
        if unknown:
            raise bad_request(f'unknown file "{min(unknown)}" in {call.method}')
        if service.on_call:
            service.on_call(call)
        if fault and fault.kind == "too_many_requests":
            wait = fault.retry_after
            raise ApiError(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        if fault and fault.kind == "bad_gateway":
            raise ApiError(502, "Bad Gateway")
        if fault and fault.kind == "server_error":
            raise ApiError(500, "Internal Server Error")
        return service.methods.run(call.method, call.params, request.uploads)

    def _answer(self, call: Call, result: Any, fault: Fault | None) -> None:
        if fault and fault.kind == "cut_after":
            raise Cut
        if fault and fault.kind == "slow":
            self._service.stopping.wait(fault.seconds)
        call.status = 200
        self._service.world.touch()
        if fault and fault.kind == "malformed_json":
            self._send(200, b'{"ok":true,"result":{"message_id":', "application/json")
        else:
            self._send_json(200, {"ok": True, "result": result})

    def _log_unread(
        self, path: str, status: int, description: str, fault: Fault | None = None
    ) -> None:
        """Record a call that ended before its body was read."""
        call = Call(path.rpartition("/")[2], {}, datetime.now(UTC))
        call.status, call.description = status, description
        call.fault = fault.kind if fault else None
        self._service.log(call)

    def _refuse(self, error: ApiError, body: BodyStream | None) -> None:
        unread = body if body is not None else self._unread_body()
        # The answer goes out first: a client that is still sending can see it early.
        self.close_connection = unread is None or not unread.ended
        self._send_json(error.code, error.body())
        self.wfile.flush()
        if unread is not None and not unread.ended:
            unread.drain(_LINGER)

    def _unread_body(self) -> BodyStream | None:
        try:
            return BodyStream(self.rfile, self.headers, sys.maxsize)
        except ApiError:
            return None

    def _reset(self) -> None:
        """End the connection with a reset, as a crashed server or a firewall does."""
        self.close_connection = True
        linger_not = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
            # Shutting down first would send an orderly end; closing alone sends the reset.
            self.rfile.close()
            self.wfile.close()
            self.connection.close()

    def _serve_file(self) -> None:
        try:
            served_as = self._authorized(urlsplit(self.path).path, "/file/bot")
            with self._service.world.changed:
                file = self._service.world.files.by_path(served_as)
            if file is None:
                raise ApiError(404, "Not Found")
        except ApiError as error:
            self._send_json(error.code, error.body())
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(file.size))
        self.end_headers()
        with file.path.open("rb") as source:
            shutil.copyfileobj(source, self.wfile, 128 * 1024)

    def _send_json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value, separators=(",", ":")).encode(), "application/json")

    def _send(self, status: int, data: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
