"""Secrets at rest that must be readable again: encrypted with a key made from SECRET_KEY.

To change SECRET_KEY, put the old one into SECRET_KEY_FALLBACKS: what was sealed with it can still be read, and is
sealed with the new one by `reseal`. Without the old key it is lost, as it should be.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac


class Unreadable(Exception):
    """It was sealed with a key that this installation no longer has, or for another purpose."""


def seal(text: str, purpose: str) -> str:
    """The text, encrypted; only the same purpose ("webhooks", "connections") opens it."""
    return _keys(purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, purpose: str) -> str:
    """The text that was sealed. Raises Unreadable."""
    try:
        return _keys(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable(purpose) from error


def reseal(sealed: str, purpose: str) -> str:
    """The same text, sealed with the present SECRET_KEY. Raises Unreadable."""
    try:
        return _keys(purpose).rotate(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable(purpose) from error


def _keys(purpose: str) -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_key(purpose, secret)) for secret in secrets])


def _key(purpose: str, secret: str | bytes) -> bytes:
    digest = salted_hmac(f"ghostcart.lib.sealing.{purpose}", "", secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest)
