"""Links in mails: 256 random bits each, of which only the hash is kept; one purpose, an end, and a way to call it back.

A link proves nothing but that its holder has the mail: it signs nobody in.
"""

import re
import secrets
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.conf import settings

from ghostcart.mail.models import Link, Message, Purpose

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_PATHS = {
    Purpose.RESTORE: "/m/back/{token}/",
    Purpose.STOP: "/m/stop/{token}/",
    Purpose.PREFERENCES: "/m/preferences/{token}/",
    Purpose.SEEN: "/m/seen/{token}.gif",
    Purpose.PASSWORD: "/m/password/{token}/",
}


def draft(
    *,
    shop_id: int,
    message: Message | None,
    purpose: Purpose | str,
    target: dict[str, Any],
    expires_at: datetime,
    now: datetime,
) -> tuple[Link, str]:
    """A new link, for the caller to store, and its token, which is written nowhere else than into the mail."""
    token = secrets.token_urlsafe(32)
    link = Link(
        shop_id=shop_id,
        message=message,
        purpose=Purpose(purpose),
        token_hash=_digest(token),
        target=target,
        created_at=now,
        expires_at=expires_at,
    )
    return link, token


def find(token: str, purpose: Purpose, now: datetime) -> Link | None:
    """The link of a token, while it is good for this purpose; None alike for whatever else is asked for."""
    if not _TOKEN.fullmatch(token):
        return None
    good = Link.objects.filter(token_hash=_digest(token), purpose=purpose, revoked_at=None, expires_at__gt=now)
    return good.select_related("shop", "message").first()


def revoke(now: datetime, **which: Any) -> int:
    """Call back the links that `which` (conditions on Link) names; returns how many were still good."""
    return Link.objects.filter(revoked_at=None, **which).update(revoked_at=now)


def url(purpose: Purpose | str, token: str) -> str:
    """The address to put into a mail."""
    base: str = settings.SITE_URL
    return base + _PATHS[Purpose(purpose)].format(token=token)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
