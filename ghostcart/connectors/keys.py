"""API keys: made, known again, renewed and revoked.

A token holds 256 random bits, so its plain hash is enough: there is nothing to guess. It is shown once.
"""

import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from django.db.models import F, Q, QuerySet

from ghostcart.connectors.errors import BadKey, WrongKey
from ghostcart.connectors.models import ApiKey, Scope
from ghostcart.shops.models import Shop

START = "gck_"
SHOWN = 12
"""So many of a token's characters are kept, to tell keys apart: 48 of the bits stay known, 208 do not."""
TOKEN_LENGTH = len(START) + 43
USED_STEP = timedelta(minutes=1)
"""The last use is written no more often than this."""
OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=30)
PER_MINUTE = range(1, 100_001)


def create(
    shop: Shop,
    *,
    name: str,
    scopes: Iterable[str],
    actor: str,
    now: datetime,
    expires_at: datetime | None = None,
    per_minute: int = 600,
) -> tuple[ApiKey, str]:
    """A new key and its token, which is kept nowhere. Raises BadKey."""
    chosen = list(scopes)
    checks = (
        ("name", bool(name.strip()) and name.isprintable()),
        ("scopes", bool(chosen) and set(chosen) <= set(Scope.values)),
        ("expires_at", expires_at is None or expires_at > now),
        ("per_minute", per_minute in PER_MINUTE),
    )
    for field, holds in checks:
        if not holds:
            raise BadKey(field=field)
    token = _new_token()
    key = ApiKey.objects.create(
        shop=shop,
        name=name.strip()[:80],
        prefix=token[:SHOWN],
        token_hash=_hash(token),
        scopes=[scope for scope in Scope.values if scope in chosen],
        per_minute=per_minute,
        created_by=actor,
        created_at=now,
        expires_at=expires_at,
    )
    return key, token


def _new_token() -> str:
    return START + secrets.token_urlsafe(32)


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def recognise(token: str, now: datetime) -> ApiKey:
    """The key of a token, its use noted. Asks the database each time: a revoked key is gone at once.

    Raises WrongKey for one that is unknown, has ended or was revoked.
    """
    if len(token) != TOKEN_LENGTH or not token.startswith(START) or not token.isascii():
        raise WrongKey
    hashed = _hash(token)
    known = Q(token_hash=hashed) | Q(old_hash=hashed, old_until__gt=now)
    key = ApiKey.objects.select_related("shop").filter(known).first()
    if key is None or not key.is_good(now):
        raise WrongKey
    if key.last_used_at is None or key.last_used_at <= now - USED_STEP:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_STEP)
        ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=now)
        key.last_used_at = now
    return key


def rotate(key: ApiKey, now: datetime, overlap: timedelta = OVERLAP) -> str:
    """A new token for a key; the one so far works for `overlap` longer, any one before that no more.

    Raises BadKey for an overlap that is negative or beyond LONGEST_OVERLAP, WrongKey for a key that has ended.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise BadKey(field="overlap")
    token = _new_token()
    renewed = ApiKey.objects.filter(_good(now), pk=key.pk, token_hash=key.token_hash).update(
        token_hash=_hash(token), prefix=token[:SHOWN], old_hash=key.token_hash, old_until=now + overlap
    )
    if not renewed:  # revoked, or renewed by somebody else a moment ago
        raise WrongKey
    key.refresh_from_db()
    return token


def revoke(key: ApiKey, now: datetime) -> None:
    """From now on the key opens nothing; streams that it opened end within seconds. For a revoked key no news."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)


def of_shops(shop_ids: Collection[int]) -> QuerySet[ApiKey]:
    """The keys of these shops, the revoked ones last, otherwise the newest first."""
    return (
        ApiKey.objects.filter(shop_id__in=shop_ids)
        .select_related("shop")
        .order_by(F("revoked_at").desc(nulls_first=True), "-id")
    )


def names(actors: Iterable[str]) -> dict[str, str]:
    """What the keys among these actors are called, by actor."""
    numbers = {actor.removeprefix("key:") for actor in actors if actor.startswith("key:")}
    found = ApiKey.objects.filter(pk__in=[number for number in numbers if number.isdigit()]) if numbers else []
    return {key.actor: key.name for key in found}


def _good(now: datetime) -> Q:
    """`ApiKey.is_good`, as a condition."""
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
