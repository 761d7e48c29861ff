"""Every write on vouchers: issue one, switch it off, redeem it with an order, give it back."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ghostcart.lib import clock
from ghostcart.vouchers.errors import CodeTaken, InvalidVoucher, VoucherRefused
from ghostcart.vouchers.models import CODE_LENGTH, Voucher, VoucherRedemption
from ghostcart.vouchers.queries import normal_code, uses_by_customer
from ghostcart.vouchers.terms import AppliesTo, Kind, Refusal, refusal

CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no letter looks like a digit
NEW_CODE_LENGTH = 12  # 60 bits: not to be guessed
KEPT_ENDED = timedelta(days=30)  # for so long its owner is told that it has expired
BATCH = 500


def new_code() -> str:
    """A random code that nobody can guess and everybody can type."""
    return "".join(secrets.choice(CODE_ALPHABET) for _position in range(NEW_CODE_LENGTH))


def create(
    *,
    shop_id: int,
    kind: Kind,
    now: datetime,
    code: str = "",
    names: Mapping[str, str] | None = None,
    percent_bp: int = 0,
    amount_minor: int = 0,
    currency: str = "",
    gift_variant_id: int | None = None,
    priority: int = 1,
    minimum_minor: int = 0,
    applies_to: AppliesTo = AppliesTo.ORDER,
    product_ids: Iterable[int] = (),
    exclude_discounted: bool = False,
    combinable: bool = True,
    is_active: bool = True,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    quantity: int | None = None,
    per_customer: int | None = None,
    customer_id: int | None = None,
    person_id: int | None = None,
    is_recovery: bool = False,
    is_demo: bool = False,
) -> Voucher:
    """Issue a voucher (`Terms` explains the values); without a code it gets a random one.

    `person_id` binds it to a human under whichever address; `is_recovery` says that a campaign issues it.
    Raises InvalidVoucher when the values don't fit together, CodeTaken when the shop has that code already.
    """
    voucher = Voucher(
        shop_id=shop_id,
        code=normal_code(code) or new_code(),
        names=dict(names or {}),
        kind=kind.value,
        percent_bp=percent_bp,
        amount_minor=amount_minor,
        currency=currency,
        gift_variant_id=gift_variant_id,
        priority=priority,
        minimum_minor=minimum_minor,
        applies_to=applies_to.value,
        product_ids=sorted(set(product_ids)),
        exclude_discounted=exclude_discounted,
        combinable=combinable,
        is_active=is_active,
        valid_from=valid_from,
        valid_until=valid_until,
        quantity=quantity,
        per_customer=per_customer,
        customer_id=customer_id,
        person_id=person_id,
        is_recovery=is_recovery,
        is_demo=is_demo,
        created_at=now,
    )
    problem = _problem(voucher)
    if problem is not None:
        raise InvalidVoucher(problem)
    try:
        with transaction.atomic():
            voucher.save(force_insert=True)
    except IntegrityError:
        if Voucher.objects.filter(shop_id=shop_id, code=voucher.code).exists():
            raise CodeTaken(voucher=voucher.code) from None
        raise
    return voucher


def _problem(voucher: Voucher) -> Promise | None:
    """What makes a new voucher useless or unclear, as a sentence for staff."""
    code, kind = voucher.code, voucher.kind
    if len(code) > CODE_LENGTH or not code.isprintable():
        return _("The code is too long or contains characters that cannot be typed.")
    if kind == Kind.PERCENT and not 0 < voucher.percent_bp <= 10_000:
        return _("The percentage must be above 0 and at most 100.")
    if kind == Kind.AMOUNT and voucher.amount_minor <= 0:
        return _("The amount must be above 0.")
    if voucher.minimum_minor < 0:
        return _("The minimum amount must not be negative.")
    if (kind == Kind.AMOUNT or voucher.minimum_minor) and not voucher.currency:
        return _("An amount needs a currency.")
    if kind == Kind.GIFT and voucher.gift_variant_id is None:
        return _("A gift voucher needs a gift.")
    if voucher.applies_to == AppliesTo.PRODUCTS and not voucher.product_ids:
        return _("A voucher for selected products needs at least one product.")
    if voucher.valid_from and voucher.valid_until and voucher.valid_until <= voucher.valid_from:
        return _("The voucher must not end before it begins.")
    return None


def switch_off(voucher_id: int) -> None:
    """Make a voucher unusable from now on; carts that hold it lose it at their next check."""
    Voucher.objects.filter(pk=voucher_id).update(is_active=False)


def redeem(
    voucher_id: int,
    *,
    order_id: int,
    customer_id: int | None,
    amount_minor: int,
    currency: str,
    now: datetime,
) -> VoucherRedemption:
    """Use a voucher for an order, within the order's transaction. On VoucherRefused nothing has changed.

    1. One conditional UPDATE takes a use, if one is left. It must touch one row, and locks it until the
       commit: whoever else wants the voucher waits here.
    2. Behind that lock the voucher is checked again as a whole, the customer's own uses included.
    3. The redemption is written. An order that gave the voucher back may take it again, never twice at once.

    Redeem several vouchers in the order of their ids: two orders then never wait for each other.
    """
    with transaction.atomic():
        _take_use(voucher_id, now=now, currency=currency, customer_id=customer_id)
        voucher = Voucher.objects.get(pk=voucher_id)
        before = replace(voucher.terms(), used=voucher.used - 1)
        uses = uses_by_customer([before], customer_id).get(voucher_id, 0)
        reason = refusal(
            before,
            now=now,
            currency=currency,
            customer_id=customer_id,
            used_by_customer=uses,
            others=(),
            is_final=True,
        )
        if reason is not None:
            raise VoucherRefused(reason)
        if VoucherRedemption.objects.filter(voucher=voucher, order_id=order_id, reversed_at=None).exists():
            raise VoucherRefused(Refusal.ALREADY_APPLIED)
        redemption, _is_new = VoucherRedemption.objects.update_or_create(
            voucher=voucher,
            order_id=order_id,
            defaults={
                "shop_id": voucher.shop_id,
                "customer_id": customer_id,
                "amount_minor": amount_minor,
                "currency": currency,
                "at": now,
                "reversed_at": None,
            },
        )
        return redemption


def note_use(
    voucher_id: int,
    *,
    order_id: int,
    customer_id: int | None,
    amount_minor: int,
    currency: str,
    at: datetime,
) -> None:
    """Another shop has taken the voucher for an order. Nothing is asked, as it is done; told again, nothing changes."""
    with transaction.atomic():
        voucher = Voucher.objects.select_for_update().get(pk=voucher_id)
        redemption, is_new = VoucherRedemption.objects.get_or_create(
            voucher=voucher,
            order_id=order_id,
            defaults={
                "shop_id": voucher.shop_id,
                "customer_id": customer_id,
                "amount_minor": amount_minor,
                "currency": currency,
                "at": at,
            },
        )
        if not is_new:
            was_reversed = redemption.reversed_at is not None
            VoucherRedemption.objects.filter(pk=redemption.pk).update(reversed_at=None, amount_minor=amount_minor)
            if not was_reversed:
                return
        Voucher.objects.filter(pk=voucher_id).update(used=F("used") + 1)


def _take_use(voucher_id: int, *, now: datetime, currency: str, customer_id: int | None) -> None:
    """Count one more use if there is one left; VoucherRefused with the reason otherwise."""
    touched = Voucher.objects.filter(
        Q(quantity=None) | Q(used__lt=F("quantity")), pk=voucher_id, is_active=True
    ).update(used=F("used") + 1)
    if touched:
        return
    voucher = Voucher.objects.filter(pk=voucher_id).first()
    if voucher is None:
        raise VoucherRefused(Refusal.INACTIVE)
    reason = refusal(
        voucher.terms(),
        now=now,
        currency=currency,
        customer_id=customer_id,
        used_by_customer=0,
        others=(),
        is_final=True,
    )
    # Another order may have given a use back between the UPDATE and this look: refused all the same.
    raise VoucherRefused(reason or Refusal.USED_UP)


def release(order_id: int, *, now: datetime | None = None) -> int:
    """Give back the vouchers of an order that will not be; returns how many. Again for the same order: 0."""
    now = now or clock.now()
    with transaction.atomic():
        # The voucher's row is locked before its redemption, as `redeem` does.
        unreversed = VoucherRedemption.objects.filter(order_id=order_id, reversed_at=None)
        held = Voucher.objects.filter(pk__in=unreversed.order_by().values("voucher_id"))
        released = 0
        for voucher in held.select_for_update().order_by("pk"):
            if unreversed.filter(voucher=voucher).update(reversed_at=now):
                Voucher.objects.filter(pk=voucher.pk).update(used=F("used") - 1)
                released += 1
        return released


def clean_up(now: datetime) -> bool:
    """Remove the next recovery vouchers that ended 30 days ago unused; says whether there were any.

    What was redeemed stays for ever, also if it was given back: orders speak of it. What a campaign issued and what
    it cost is kept by its grants.
    """
    ended = Voucher.objects.filter(is_recovery=True, used=0, valid_until__lte=now - KEPT_ENDED)
    untouched = ended.filter(~Exists(VoucherRedemption.objects.filter(voucher=OuterRef("pk"))))
    with transaction.atomic():
        numbers = list(untouched.order_by("valid_until", "pk").values_list("pk", flat=True)[:BATCH])
        # Locked, then asked again: an order that redeems one now is waited for, and keeps it.
        held = Voucher.objects.select_for_update().filter(pk__in=numbers).order_by("pk")
        removed = untouched.filter(pk__in=[voucher.pk for voucher in held]).delete()[0]
    return bool(removed)
