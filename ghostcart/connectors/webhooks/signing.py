"""Signatures as Standard Webhooks describes them, and the secrets that make them.

A secret is shown once, when it is made. It is kept sealed; after a rotation the old one signs beside the new one for a
day, so that a receiver can change over without missing anything.
"""

import base64
import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from standardwebhooks import Webhook

from ghostcart.connectors.webhooks.models import WebhookEndpoint
from ghostcart.lib import sealing

PURPOSE = "webhooks"
PREFIX = "whsec_"
RANDOM_BYTES = 32
BOTH_SIGN = timedelta(hours=24)


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()


def seal(secret: str) -> str:
    return sealing.seal(secret, PURPOSE)


def headers(endpoint: WebhookEndpoint, message_id: str, body: str, now: datetime, stamp: datetime) -> dict[str, str]:
    """The three headers of a message. `stamp` is the time by the receiver's clock, `now` by ours. Raises Unreadable."""
    secrets_now = [sealing.unseal(endpoint.secret, PURPOSE)]
    if endpoint.old_secret and endpoint.old_secret_until and endpoint.old_secret_until > now:
        with suppress(sealing.Unreadable):  # that was why it was replaced
            secrets_now.append(sealing.unseal(endpoint.old_secret, PURPOSE))
    whole = stamp.replace(microsecond=0)
    signatures = [Webhook(secret).sign(message_id, whole, body) for secret in secrets_now]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(whole.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
