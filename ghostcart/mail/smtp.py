"""Handing mail over by SMTP, with a checkpoint between the body and the final dot.

Up to the dot the server must throw away what it got, so a crash there can be repaired by sending again. After the dot
only its answer tells. Everything is under a deadline: a server that sends a byte a second holds nobody.
"""

import re
import select
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from ghostcart.mail.handover import Letter, Misset, NotTaken, PutOff, Receipt, Refused, Unanswered, Unreachable

SECONDS = 20
"""To get connected; and again for each message, up to its dot."""
MOST_SECONDS = 30
PATIENCE = 4
"""The answer to the dot may take that many times as long: asking too early means not to know."""

_LOGIN = (530, 534, 535, 538)
_BUSY = re.compile(r"4\.(3\.[0-9]|7\.0|7\.28)\b")
"""Answers about the server and its limits, whatever the message."""
_ENHANCED = re.compile(r"\s*5\.(\d{1,3})\.(\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class Server:
    """Where to hand over. `tls`: "required", "offered" (used where the server has it), "never", or "implicit"."""

    key: str
    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: str = "offered"
    authority: str = ""
    """A file with the certificates to trust, instead of the system's."""
    seconds: float = SECONDS

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"

    def open(self) -> "Connection":
        """A connection, encrypted and signed in as it should be. Raises Unreachable and Misset."""
        try:
            connection = Connection(self)
        except ssl.SSLError as error:
            raise Misset("tls_failed", str(error)) from error
        except smtplib.SMTPResponseException as error:
            raise Unreachable("busy", _said(error.smtp_code, error.smtp_error)) from error
        except OSError as error:
            raise _lost(error) from error
        try:
            connection.greet()
        except NotTaken:
            connection.close()
            raise
        except OSError as error:
            connection.close()
            raise _lost(error) from error
        return connection


class Connection(smtplib.SMTP):
    def __init__(self, server: Server) -> None:
        self.server = server
        self._by(server.seconds)
        super().__init__(server.host, server.port, local_hostname=socket.gethostname(), timeout=server.seconds)

    @property
    def is_open(self) -> bool:
        return self.sock is not None

    # -- getting connected -----------------------------------------------------------------------

    def greet(self) -> None:
        self.ehlo_or_helo_if_needed()
        if self.server.tls in ("required", "offered"):
            self._encrypt()
        if self.server.user:
            self._sign_in()

    def _encrypt(self) -> None:
        if not self.has_extn("starttls"):
            if self.server.tls == "required":
                raise Misset("tls_not_offered")
            return
        try:
            self.starttls(context=self._context())
        except smtplib.SMTPResponseException as error:
            raise Misset("tls_failed", _said(error.smtp_code, error.smtp_error)) from error
        except OSError as error:  # a wrong certificate, or cut off: never go on in the clear
            raise Misset("tls_failed", str(error)) from error
        self.ehlo_or_helo_if_needed()

    def _sign_in(self) -> None:
        try:
            self.login(self.server.user, self.server.password)
        except smtplib.SMTPAuthenticationError as error:
            said = _said(error.smtp_code, error.smtp_error)
            raise (Unreachable("busy", said) if error.smtp_code < 500 else Misset("login_refused", said)) from error
        except smtplib.SMTPServerDisconnected:
            raise
        except (smtplib.SMTPException, UnicodeError) as error:  # it takes no login, or none of our kinds
            raise Misset("login_refused", str(error)) from error

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.server.authority or None)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        # The dot is a packet of its own: without this it waits 40 ms for the body to be acknowledged.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.server.tls != "implicit":
            return plain
        return self._context().wrap_socket(plain, server_hostname=host)

    # -- one letter ------------------------------------------------------------------------------

    def hand_over(self, letter: Letter, commit: Callable[[], None]) -> Receipt:
        self._by(self.server.seconds)
        content = on_the_wire(letter)
        try:
            self._ask(self.mail(letter.sender), "sender")
            self._ask(self.rcpt(letter.recipient), "address")
            self._ask(self.docmd("DATA"), "content", wanted=354)
            self.send(content)
        except smtplib.SMTPServerDisconnected as error:
            raise _lost(error) from error
        try:
            commit()
        except BaseException:
            self.close()  # without the dot: the server forgets what it was given
            raise
        return self._dot()

    def _dot(self) -> Receipt:
        self._by(self.server.seconds * PATIENCE)
        if self._has_spoken():
            raise self._refused_early()
        try:
            self.send(b".\r\n")
            code, text = self.getreply()
        except smtplib.SMTPServerDisconnected as error:
            raise Unanswered(_cause(error)) from error
        self._ask((code, text), "content")
        return Receipt(_said(code, text))

    def _has_spoken(self) -> bool:
        """Whether it hung up or refused while it read. (Under TLS something to read need not be an answer.)"""
        if isinstance(self.sock, ssl.SSLSocket) or self.sock is None:
            return False
        return bool(select.select([self.sock], [], [], 0)[0])

    def _refused_early(self) -> NotTaken:
        try:
            code, text = self.getreply()
        except smtplib.SMTPServerDisconnected as error:
            return _lost(error)
        self.close()
        return _refusal(code, text, "content")

    def _ask(self, reply: tuple[int, bytes], about: str, wanted: int = 250) -> None:
        code, text = reply
        if code == wanted or (wanted == 250 and code == 251):
            return
        self._start_over(code)
        raise _refusal(code, text, about)

    def _start_over(self, code: int) -> None:
        """Leave the connection ready for the next letter, or closed."""
        try:
            if code == 421 or not 400 <= code < 600:
                self.close()
            else:
                self.rset()
        except smtplib.SMTPServerDisconnected:
            self.close()

    # -- the deadline ----------------------------------------------------------------------------

    def _by(self, seconds: float) -> None:
        self.deadline = monotonic() + seconds

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None:
            self.file: Any = _Lines(self.sock, lambda: self.deadline)
        return super().getreply()

    def leave(self) -> None:
        self._by(min(self.server.seconds, 5))
        try:
            self.quit()
        except OSError:
            self.close()

    def close(self) -> None:
        """At once, without QUIT: what was not ended by a dot is thrown away."""
        try:
            super().close()
        except OSError:
            self.sock = None


class _Lines:
    """The lines that a socket receives until the deadline."""

    def __init__(self, sock: Any, deadline: Callable[[], float]) -> None:
        self.sock, self.deadline, self.buffer = sock, deadline, b""

    def readline(self, most: int) -> bytes:
        while b"\n" not in self.buffer and len(self.buffer) < most:
            left = self.deadline() - monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self.sock.settimeout(left)
            got = self.sock.recv(4096)
            if not got:
                break
            self.buffer += got
        end = min(self.buffer.find(b"\n") + 1 or most, most)
        line, self.buffer = self.buffer[:end], self.buffer[end:]
        return line

    def close(self) -> None:
        self.buffer = b""


def on_the_wire(letter: Letter) -> bytes:
    """The mail as SMTP carries it, without the final dot: leading dots are doubled."""
    return letter.mail.as_bytes().replace(b"\r\n.", b"\r\n..")


# -- what went wrong ---------------------------------------------------------------------------------


def _refusal(code: int, text: bytes, about: str) -> NotTaken:
    """What an answer other than yes means; `about` is what was asked for: sender, address, content."""
    answer = _said(code, text)
    if code in _LOGIN:
        return Misset("login_refused", answer)
    if code == 421 or (400 <= code < 500 and _BUSY.search(answer)):
        return Unreachable("busy", answer)
    if not 500 <= code < 600:
        return PutOff("put_off", answer)
    return Refused(f"{about}_refused", answer, blames_address=about == "address" and is_bad_address(code, text))


def is_bad_address(code: int, text: bytes) -> bool:
    """Whether a refused recipient means that the address is dead, and not that we may not write to it (5.7.x)."""
    enhanced = _ENHANCED.match(text.decode("latin-1"))
    if enhanced is None:
        return code in (550, 551, 553)
    subject, detail = int(enhanced[1]), int(enhanced[2])
    return (subject == 1 and detail not in (7, 8)) or (subject, detail) == (2, 1)  # 5.1.7, 5.1.8: our own address


def _lost(error: BaseException) -> Unreachable:
    is_silent = any(isinstance(each, TimeoutError) for each in (error, error.__context__))
    return Unreachable("silent" if is_silent else "unreachable", _cause(error))


def _cause(error: BaseException) -> str:
    return str(error.__context__ or error)


def _said(code: int, text: bytes | str) -> str:
    told = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {told}".replace("\n", " ").replace("\x00", "\ufffd")  # PostgreSQL keeps no NUL
