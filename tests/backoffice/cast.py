"""Helpers of the cart pages' tests."""

from datetime import timedelta

from django.test import Client

from ghostcart.backoffice.models import Role
from ghostcart.carts.models import Cart
from tests import factories
from tests.factories import NOON


def signed_in(role, *shops, **more) -> Client:
    client = Client()
    client.force_login(factories.staff(role, *shops, **more))
    return client


def manager(*shops, **more) -> Client:
    return signed_in(Role.MANAGER, *shops, **more)


def cart(shop, total=0, label="", **more) -> Cart:
    values = {
        "currency": "EUR", "created_at": NOON, "last_activity_at": NOON, "seen_at": NOON,
        "abandon_after": NOON + timedelta(days=1), "total_minor": total, "customer_label": label,
    } | more  # fmt: skip
    return Cart.objects.create(shop=shop, **values)
