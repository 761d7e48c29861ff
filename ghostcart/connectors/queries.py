"""What others read about connections: of which shops, how far, what is wrong with them; and their vouchers."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import QuerySet

from ghostcart.connectors.models import Connection, PushedVoucher, State

SILENT = timedelta(minutes=2)
"""A shop that is followed is read every second or so; one not read for so long is not being read at all."""


def of_shops(shop_ids: Collection[int]) -> QuerySet[Connection]:
    return Connection.objects.filter(shop_id__in=shop_ids).select_related("shop").order_by("shop__name", "pk")


def find(connection_id: int) -> Connection | None:
    return Connection.objects.select_related("shop").filter(pk=connection_id).first()


def importing(shop_ids: Collection[int]) -> list[Connection]:
    """The connections of these shops whose history is still coming in."""
    found = Connection.objects.filter(shop_id__in=shop_ids, state=State.IMPORTING)
    return list(found.prefetch_related("shop").order_by("pk"))


def is_attached(shop_id: int) -> bool:
    return Connection.objects.filter(shop_id=shop_id).exists()


def share(connection: Connection) -> float | None:
    """How much of the import is done, 0 to 1; None before it was counted."""
    return min(1.0, connection.done / connection.total) if connection.total else None


def is_silent(connection: Connection, now: datetime) -> bool:
    """It should be read, nothing hinders it, and yet nobody reads it: no worker runs."""
    if connection.state == State.PAUSED or connection.trouble_at is not None:
        return False
    return (connection.read_at or connection.created_at) < now - SILENT


def in_trouble(now: datetime) -> list[Connection]:
    """All connections that are not read as they should be."""
    active = Connection.objects.exclude(state=State.PAUSED).select_related("shop").order_by("pk")
    return [one for one in active if one.trouble_at is not None or is_silent(one, now)]


def voucher_there(voucher_id: int | None) -> PushedVoucher | None:
    """How a voucher of ours stands in the other shop that it is for; None for one of our own shops."""
    found = PushedVoucher.objects.filter(voucher=voucher_id) if voucher_id else PushedVoucher.objects.none()
    return found.order_by("-pk").first()
