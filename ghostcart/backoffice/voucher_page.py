"""What the pages of vouchers put together: whom each is for, where it was used, and which campaign gave it why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise

from ghostcart.catalog.models import Product
from ghostcart.connectors import queries as connector_queries
from ghostcart.connectors.errors import explain
from ghostcart.connectors.models import PushedVoucher
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.models import Customer
from ghostcart.lib import paging
from ghostcart.lib.paging import Page
from ghostcart.orders.models import Order
from ghostcart.recovery import scoring
from ghostcart.recovery.models import VoucherGrant
from ghostcart.vouchers.models import Status, Voucher, VoucherRedemption

USES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list. `owner` is a customer who may use it, where it belongs to somebody."""

    voucher: Voucher
    status: Status
    owner: Customer | None


@dataclass(frozen=True, slots=True)
class Use:
    redemption: VoucherRedemption
    order: Order | None


@dataclass(frozen=True, slots=True)
class VoucherPage:
    """All that the page of one voucher shows. `reasons` are those of the guard: (sentence, points); `there` is how it
    stands in another shop, `trouble` what went wrong with that last."""

    uses: Sequence[Use]
    page: Page[VoucherRedemption]
    owners: Sequence[Customer]
    products: Sequence[Product]
    grant: VoucherGrant | None
    reasons: Sequence[tuple[str | Promise, int]]
    there: PushedVoucher | None = None
    trouble: str = ""


def rows(vouchers: Iterable[Voucher], now: datetime) -> list[Row]:
    """The vouchers of a page with who may use them: one query for all of them."""
    shown = list(vouchers)
    people = {voucher.person_id for voucher in shown if voucher.person_id}
    known: dict[int, Customer] = {}
    for customer in Customer.objects.filter(person__in=people).order_by("-pk") if people else ():
        known[customer.person_id or 0] = customer
    return [
        Row(voucher, voucher.status(now), voucher.customer or known.get(voucher.person_id or 0)) for voucher in shown
    ]


def of(voucher: Voucher, after: str | None, before: str | None) -> VoucherPage:
    redemptions = VoucherRedemption.objects.filter(voucher=voucher).select_related("customer")
    page = paging.page(redemptions, "-id", USES_SHOWN, after, before)
    orders = Order.objects.in_bulk([one.order_id for one in page.rows])
    there = connector_queries.voucher_there(voucher.pk)
    grant = VoucherGrant.objects.filter(voucher=voucher).select_related("campaign").first()
    return VoucherPage(
        uses=[Use(one, orders.get(one.order_id)) for one in page.rows],
        page=page,
        owners=_owners(voucher),
        products=list(Product.objects.filter(pk__in=voucher.product_ids, shop=voucher.shop_id)[:50]),
        grant=grant,
        reasons=scoring.sentences(grant.reasons if grant else []),
        there=there,
        trouble=explain(there.trouble) if there and there.trouble else "",
    )


def _owners(voucher: Voucher) -> list[Customer]:
    if voucher.person_id is not None:
        return list(customer_queries.of_person(voucher.person_id).order_by("pk")[:USES_SHOWN])
    return [voucher.customer] if voucher.customer else []
