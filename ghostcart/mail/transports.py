"""The way out for mail that EMAIL_URL names.

smtp://user:password@host:587      STARTTLS where the server has it; required with a password, or by ?tls=required
smtps://user:password@host         encrypted from the start
mailbox:                           a folder of this installation, shown in the back office (the demo)
postmark://token, mailgun://key@domain, ...   a provider (see `providers`)
Options of SMTP: tls=required|offered|never, authority=file with certificates to trust, seconds=20.
"""

from functools import lru_cache
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac

from ghostcart.mail import providers, smtp
from ghostcart.mail.errors import BadEmailUrl
from ghostcart.mail.handover import Transport
from ghostcart.mail.mailbox import Mailbox

_TLS = ("required", "offered", "never")


def current() -> Transport | None:
    """The way out that is set; None if there is none: mail is kept then. Raises BadEmailUrl."""
    return parse(settings.EMAIL_URL) if settings.EMAIL_URL else None


@lru_cache(maxsize=8)
def parse(url: str) -> Transport:
    """The transport of an EMAIL_URL. Raises BadEmailUrl."""
    key = salted_hmac("ghostcart.mail.relay", url, algorithm="sha256").hexdigest()
    try:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
    except ValueError as error:
        raise BadEmailUrl(problem=str(error)) from error
    if parts.scheme in ("smtp", "smtps"):
        return _server(key, parts, options)
    if parts.scheme == "mailbox":
        if parts.path:
            raise BadEmailUrl(problem="a mailbox has its own place, below the data")
        return Mailbox(key)
    if parts.scheme in providers.KNOWN:
        return providers.from_url(key, parts, options)
    raise BadEmailUrl(problem=f"'{parts.scheme}' is not known")


def _server(key: str, parts: SplitResult, options: dict[str, str]) -> smtp.Server:
    try:
        port, seconds = parts.port, float(options.pop("seconds", smtp.SECONDS))
    except ValueError as error:
        raise BadEmailUrl(problem=str(error)) from error
    host, user = parts.hostname or "", unquote(parts.username or "")
    tls, authority = options.pop("tls", ""), options.pop("authority", "")
    if not host:
        raise BadEmailUrl(problem="it names no host")
    if options or (tls and tls not in _TLS) or not 1 <= seconds <= smtp.MOST_SECONDS:
        raise BadEmailUrl(problem="an option is not known, or has a value that it cannot have")
    is_near = host in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "smtps":
        tls = "implicit"
    return smtp.Server(
        key=key,
        host=host,
        port=port or (465 if tls == "implicit" else 587 if user else 25),
        user=user,
        password=unquote(parts.password or ""),
        tls=tls or ("required" if user and not is_near else "offered"),  # a password never travels in the clear
        authority=authority,
        seconds=seconds,
    )
