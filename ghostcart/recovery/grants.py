"""What became of the vouchers that were granted: what they did cost, and which of them lost their reason."""

from datetime import datetime
from typing import Any

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce

from ghostcart.mail.models import State
from ghostcart.recovery.models import VoucherGrant
from ghostcart.vouchers.models import Voucher, VoucherRedemption
from ghostcart.vouchers.terms import Kind

BATCH = 500


def settle(now: datetime) -> bool:
    """Bring the grants in line with the orders; says whether there was anything to do. Safe to repeat and to run twice.

    `used_minor` becomes what the voucher took from an order that still stands. A voucher whose cart was ordered
    without it is switched off: it was given to bring that cart back. So is one whose mail never went out.
    """
    changed = list(_unsettled()[:BATCH])
    for grant in changed:
        VoucherGrant.objects.filter(pk=grant.pk).update(used_minor=grant.took_minor)
    idle = [*_pointless(now).values_list("voucher", flat=True)[:BATCH]]
    idle += _never_mailed(now).values_list("voucher", flat=True)[:BATCH]
    switched_off = Voucher.objects.filter(pk__in=idle, used=0).update(is_active=False) if idle else 0
    return bool(changed or switched_off)


def _unsettled() -> "QuerySet[Any]":
    """The grants whose voucher took something else than is written there, with `took_minor`.

    Free shipping takes nothing from the products; it counts with what it was reckoned to cost.
    """
    redemptions = VoucherRedemption.objects.filter(voucher=OuterRef("voucher"), reversed_at=None).order_by()
    total = redemptions.values("voucher").annotate(total=Sum("amount_minor")).values("total")
    took = Case(
        When(voucher__kind=Kind.FREE_SHIPPING.value, voucher__used__gt=0, then=F("cost_minor")),
        default=Coalesce(Subquery(total), 0),
    )
    touched = VoucherGrant.objects.filter(Q(voucher__used__gt=0) | Q(used_minor__gt=0), voucher__isnull=False)
    return touched.annotate(took_minor=took).exclude(used_minor=F("took_minor")).order_by("pk")


def _pointless(now: datetime) -> QuerySet[VoucherGrant]:
    """The grants whose cart, or the one it went into, was ordered without the voucher."""
    cart = "reminder__enrolment__cart"
    ordered = Q(**{f"{cart}__ordered_at__isnull": False}) | Q(**{f"{cart}__merged_into__ordered_at__isnull": False})
    return VoucherGrant.objects.filter(ordered, voucher__is_active=True, voucher__used=0, voucher__valid_until__gt=now)


def _never_mailed(now: datetime) -> QuerySet[VoucherGrant]:
    """The grants of which nobody was told."""
    unsent = Q(reminder__message__state__in=[State.CANCELLED, State.FAILED_PERM])
    return VoucherGrant.objects.filter(unsent, voucher__is_active=True, voucher__used=0, voucher__valid_until__gt=now)
