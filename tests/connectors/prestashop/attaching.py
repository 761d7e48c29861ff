"""Attaching a made shop, importing it whole, and what of ours must be the same afterwards."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models

from ghostcart.carts.models import Cart, CartEvent, CartLine, CartVoucher
from ghostcart.catalog.models import Price, Product, Variant
from ghostcart.connectors import reading, services
from ghostcart.connectors.models import Connection, State
from ghostcart.customers.models import Consent, Customer, ExternalCustomer
from ghostcart.orders.models import Order, OrderLine
from tests.connectors.prestashop.shopmaker import Maker
from tests.factories import NOON

NOW = NOON + timedelta(seconds=30)
"""The moment at which the shopmaker's shops are looked at."""


def attach(maker: Maker, shop_id: int | None = None, **options: Any) -> Connection:
    values = {"prefix": maker.prefix, "shop_id": shop_id, **options}
    return services.attach(kind="prestashop", url=maker.url, options=values, now=NOW)


def import_all(connection: Connection, now: datetime = NOW) -> Connection:
    """Until it is followed."""
    for _turn in range(1000):
        connection.refresh_from_db()
        assert not connection.trouble, connection.trouble
        if connection.state == State.FOLLOWING:
            return connection
        reading.read_due(now)
    raise AssertionError("the import does not end")


def look(connection: Connection, now: datetime) -> None:
    """All there is to see at a moment."""
    Connection.objects.filter(pk=connection.pk).update(due_at=now)
    while reading.read_due(now):
        Connection.objects.filter(pk=connection.pk).update(due_at=now)
    connection.refresh_from_db()


def everything(shop_id: int) -> dict[str, list[dict[str, Any]]]:
    """All rows of a shop that tell of the other one."""
    tables: dict[type[models.Model], str] = {
        Cart: "shop", CartLine: "shop", CartVoucher: "shop", CartEvent: "shop", Product: "shop", Variant: "shop",
        Price: "variant__shop", Customer: "shop", ExternalCustomer: "shop", Consent: "customer__shop", Order: "shop",
        OrderLine: "order__shop",
    }  # fmt: skip
    return {
        model.__name__: list(model._default_manager.filter(**{place: shop_id}).order_by("pk").values())
        for model, place in tables.items()
    }
