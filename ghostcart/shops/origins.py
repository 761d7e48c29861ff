"""Which sites' pages may talk to a shop: origins as browsers send them (scheme, host, port), never a pattern."""

import re
from urllib.parse import urlsplit

import idna
from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError

MOST_ORIGINS = 20
_HOST = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*|\[[0-9a-f:.]{2,45}\]", re.ASCII)
_PORTS = {"http": 80, "https": 443}


class BadOrigin(GhostcartError):
    code = "bad_origin"
    sentence = _("“%(origin)s” is not the address of a site. It should look like https://www.example.com")


class ForeignOrigin(GhostcartError):
    code, status = "foreign_origin", 403
    sentence = _("Pages of this site may not call this shop. Its owner can allow it in the shop's settings.")


def normal(told: str) -> str:
    """An origin as a browser writes it, from what somebody typed. Raises BadOrigin.

    A path, a user name, a wildcard or another scheme is refused, not cut off: it was meant to say something.
    """
    try:
        parts = urlsplit(told.strip())
        host, port = parts.hostname or "", parts.port
        host = f"[{host}]" if ":" in host else host if host.isascii() else idna.encode(host, uts46=True).decode()
    except (ValueError, idna.IDNAError):
        raise BadOrigin(origin=told[:100]) from None
    is_plain = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _PORTS or not is_plain or not _HOST.fullmatch(host):
        raise BadOrigin(origin=told[:100])
    shown = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def may_call(origin: str, host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a page of `origin` may call: a site that the shop lists, or the very host that is called."""
    return origin in allowed or (bool(host) and origin in (f"https://{host}", f"http://{host}"))
