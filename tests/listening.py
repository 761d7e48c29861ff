"""HTTP servers on loopback for tests of what goes out: they note what they got, and answer as told."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def ok(call: Call) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b"ok"


class Server(ThreadingHTTPServer):
    """Notes calls; `answer(call)` says status, headers and body. `connections` counts all, also those without words."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, answer: Callable[[Call], tuple[int, dict[str, str], bytes]] = ok, host: str = "127.0.0.1",
        port: int = 0, tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer, self.calls, self.connections = answer, [], 0
        super().__init__((host, port), _Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def get_request(self):
        made = super().get_request()
        self.connections += 1
        return made

    def handle_error(self, request, client_address) -> None:
        """Clients that go away are not our trouble."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            return  # whoever called was killed in the middle of it
        call = Call(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.server.calls.append(call)
        status, headers, answer = self.server.answer(call)
        with suppress(OSError):
            self.send_response(status)
            for name, value in {"content-length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        pass
