"""Cart tokens: what a browser holds to fill its cart.

A token is made without touching the database, so that looking at a shop stores nothing, and carries a mark that only
this installation can make for this shop, so that nobody can fill the table with tokens of their own. The database
keeps the hash alone: a dump of it opens no cart.
"""

import hmac
import secrets
from hashlib import sha256

from django.conf import settings

from ghostcart.carts.errors import BadCartToken

RANDOM = 43  # characters of 32 random bytes
MARK = 24


def issue(shop_id: int) -> str:
    """A new token for a shop: 256 random bits and their mark."""
    random = secrets.token_urlsafe(32)
    return random + _mark(shop_id, random)


def digest(shop_id: int, token: str) -> str:
    """The hash under which the token's device is stored. Raises BadCartToken for a token not made by `issue`."""
    random, mark = token[:RANDOM], token[RANDOM:]
    if not (token.isascii() and hmac.compare_digest(mark, _mark(shop_id, random))):
        raise BadCartToken
    return sha256(token.encode()).hexdigest()


def _mark(shop_id: int, random: str) -> str:
    message = f"cart-token:{shop_id}:{random}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, sha256).hexdigest()[:MARK]
