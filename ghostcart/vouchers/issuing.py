"""A voucher made by hand: what it names is looked up in the shop, and what its kind has no use for is left out."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from ghostcart.catalog.models import Product, Variant
from ghostcart.customers import identity
from ghostcart.customers.models import Customer
from ghostcart.customers.queries import by_email
from ghostcart.shops.models import Shop
from ghostcart.vouchers import services
from ghostcart.vouchers.errors import InvalidVoucher
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import AppliesTo, Kind

MOST_PRODUCTS = 500
LARGEST_COUNT = 2**31 - 1


def article(shop: Shop, sku: str) -> int:
    """The number of the article that a gift is. Raises InvalidVoucher."""
    found = Variant.objects.filter(shop=shop, sku=sku.strip()).values_list("pk", flat=True).first()
    if found is None:
        raise InvalidVoucher(_("The shop has no article “%(sku)s”."), sku=sku)
    return found


def products(shop: Shop, names: Collection[str]) -> list[int]:
    """The products of these references or SKUs. Raises InvalidVoucher, with those that the shop does not know."""
    if len(names) > MOST_PRODUCTS:
        raise InvalidVoucher(_("These are too many products."))
    found = Product.objects.filter(shop=shop)
    known: dict[str, int] = dict(found.filter(reference__in=names).values_list("reference", "pk"))
    known |= dict(found.filter(variants__sku__in=names).values_list("variants__sku", "pk"))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidVoucher(_("Unknown: %(names)s."), names=", ".join(unknown[:5]))
    return sorted({known[name] for name in names})


def owner(shop: Shop, email: str) -> Customer:
    """The customer who alone may use it. Raises InvalidVoucher."""
    found = by_email(shop.pk, email)
    if found is None:
        raise InvalidVoucher(_("The shop has no customer with this address."))
    return found


def issue(
    shop: Shop,
    *,
    kind: Kind,
    now: datetime,
    currency: str = "",
    percent_bp: int = 0,
    amount_minor: int = 0,
    minimum_minor: int = 0,
    gift_variant_id: int | None = None,
    applies_to: AppliesTo = AppliesTo.ORDER,
    product_ids: Collection[int] = (),
    customer: Customer | None = None,
    **terms: Any,
) -> Voucher:
    """Make a voucher (`services.create` says what `terms` there are). A currency goes with amounts only; one that is
    for a customer is for the person, under whichever address. Raises InvalidVoucher, CodeTaken."""
    amount = amount_minor if kind == Kind.AMOUNT else 0
    if (amount or minimum_minor) and currency not in {shop.currency, *shop.currencies}:
        raise InvalidVoucher(_("This shop does not sell in %(currency)s."), currency=currency or "–")
    return services.create(
        shop_id=shop.pk,
        kind=kind,
        now=now,
        currency=currency if amount or minimum_minor else "",
        percent_bp=percent_bp if kind == Kind.PERCENT else 0,
        amount_minor=amount,
        minimum_minor=minimum_minor,
        gift_variant_id=gift_variant_id if kind == Kind.GIFT else None,
        applies_to=applies_to,
        product_ids=product_ids if applies_to == AppliesTo.PRODUCTS else (),
        person_id=identity.recognise(customer, now).pk if customer else None,
        **terms,
    )
