"""A shopper signs in: the cart in hand and the one they saved become one."""

from datetime import datetime

from ghostcart.carts import changes, ingest, tokens
from ghostcart.carts.errors import BadCartToken
from ghostcart.customers import identity
from ghostcart.customers.models import Customer


def merge_at_sign_in(*, shop_id: int, token: str, customer: Customer, now: datetime) -> None:
    """Join the token's cart with the customer's saved one. Doing it twice, or in two tabs at once, changes nothing
    more: the first one leaves no second cart to merge. A token that was not issued here is left alone."""
    try:
        seen = changes.Seen(tokens.digest(shop_id, token), language=customer.language)
    except BadCartToken:
        return
    identity.recognise(customer, now, device=seen.token_hash)
    change = changes.SignIn(shop_id=shop_id, at=now, seen=seen, customer_id=customer.pk, label=customer.label)
    ingest.record(change)
