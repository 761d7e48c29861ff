"""A mail server to test against: it keeps what it is given, and misbehaves at any step as it is told.

    sink.script["rcpt"] = "550 5.1.1 nobody here"        an answer of its own
    sink.script["dot"] = CUT                             it hangs up (SILENT: it never answers; DRIP: a byte at a time)
    sink.script["rcpt"] = lambda said: "450 later" if "bob" in said else None       None: as usual

Steps: greeting, ehlo, starttls, auth, mail, rcpt, data, body (while it comes in), dot.
"""

import re
import socketserver
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

CUT, SILENT, DRIP = "cut", "silent", "drip"
Answer = str | Callable[[str], str | None]
USUAL = {
    "greeting": "220 sink",
    "starttls": "220 go ahead",
    "auth": "235 welcome",
    "mail": "250 ok",
    "rcpt": "250 ok",
    "data": "354 go ahead",
    "dot": "250 taken",
}
MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^>]+)>", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Taken:
    """What came in with a dot at its end, whatever was answered."""

    sender: str
    recipient: str
    content: bytes
    message_id: str


class HungUp(Exception):
    pass


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 50

    def __init__(
        self, tls: ssl.SSLContext | None = None, features: tuple[str, ...] = (), host: str = "127.0.0.1"
    ) -> None:
        super().__init__((host, 0), Conversation)
        self.tls = tls
        self.features = [*features, *(["STARTTLS"] if tls else [])]
        self.script: dict[str, Answer] = {}
        self.taken: list[Taken] = []
        self.heard: Counter[str] = Counter()
        self.closing, self.hung_up = threading.Event(), threading.Event()

    def __enter__(self) -> "Sink":
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.hung_up.set()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no error here."""

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def recipients(self) -> list[str]:
        return [each.recipient for each in self.taken]


class Conversation(socketserver.StreamRequestHandler):
    server: Sink
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(HungUp, OSError):
            self.is_encrypted = False
            self.reply("greeting")
            while True:
                self.one_command()

    def one_command(self) -> None:
        line = self.line()
        word = line[:4].upper()
        if word in ("EHLO", "HELO"):
            self.hello(line)
        elif word == "STAR":
            self.start_tls(line)
        elif word == "AUTH":
            self.reply("auth", line)
        elif word == "MAIL":
            self.sender = line.partition("<")[2].partition(">")[0]
            self.reply("mail", line)
        elif word == "RCPT":
            self.recipient = line.partition("<")[2].partition(">")[0]
            self.reply("rcpt", line)
        elif word == "DATA":
            if self.reply("data", line).startswith("354"):
                self.content()
        elif word == "QUIT":
            self.say("221 bye")
            raise HungUp
        else:
            self.say("250 ok")

    def hello(self, line: str) -> None:
        if "ehlo" in self.server.script:
            self.reply("ehlo", line)
            return
        features = [each for each in self.server.features if not (self.is_encrypted and each == "STARTTLS")]
        self.say("".join(f"250-{each}\r\n" for each in ["sink", *features[:-1]]) + f"250 {features[-1]}"
                 if features else "250 sink")  # fmt: skip

    def start_tls(self, line: str) -> None:
        if self.reply("starttls", line).startswith("220") and self.server.tls:
            self.connection = self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
            self.is_encrypted = True

    def content(self) -> None:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise HungUp  # before the dot: forgotten
            if not lines and "body" in self.server.script:
                self.reply("body")
            lines.append(line[1:] if line.startswith(b".") else line)
        content = b"".join(lines)
        found = MESSAGE_ID.search(content)
        taken = Taken(self.sender, self.recipient, content, found[1].decode() if found else "")
        answer = self.decide("dot", taken.recipient)
        if answer in (CUT, SILENT, DRIP) or answer.startswith("250"):
            self.server.taken.append(taken)
        self.act(answer)

    # -- talking ---------------------------------------------------------------------------------

    def line(self) -> str:
        line = self.rfile.readline(2_000)
        if not line:
            raise HungUp
        return line.decode("latin-1").strip()

    def decide(self, step: str, said: str = "") -> str:
        self.server.heard[step] += 1
        scripted = self.server.script.get(step)
        answer = scripted(said) if callable(scripted) else scripted
        return answer or USUAL.get(step, "")

    def reply(self, step: str, said: str = "") -> str:
        answer = self.decide(step, said)
        self.act(answer)
        return answer

    def act(self, answer: str) -> None:
        if answer == CUT:
            raise HungUp
        if answer == SILENT:
            self.server.closing.wait()
            raise HungUp
        if answer == DRIP:
            while not self.server.closing.wait(0.02):
                self.wfile.write(b"2")
            raise HungUp
        if answer:
            self.say(answer)

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
