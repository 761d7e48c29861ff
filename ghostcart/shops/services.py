"""Everything that changes a shop: its settings and its ways to deliver."""

from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from ghostcart.shops import rules
from ghostcart.shops.models import AbandonedBasis, ShippingMethod, Shop

SETTINGS = (
    "name",
    "language",
    "languages",
    "currency",
    "currencies",
    "time_zone",
    "abandoned_minutes",
    "abandoned_basis",
    "online_minutes",
    "rounding",
    "rounding_type",
    "pages",
    "bank_details",
    "mail_name",
    "mail_from",
    "mail_reply_to",
    "mail_imprint",
    "mail_cap",
    "mail_cap_days",
    "quiet_from",
    "quiet_until",
    "consent_basis",
    "counts_openings",
    "notice_above_minor",
    "origins",
)
"""What `change_settings` may change."""


def create(
    name: str, *, language: str, currency: str, country: str, time_zone: str, consent_basis: str, now: datetime
) -> Shop:
    """A shop of our own, with one way to deliver that costs nothing until its owner says otherwise."""
    with transaction.atomic():
        made = Shop.objects.create(
            slug=free_slug(name, "shop"), name=name, language=language, currency=currency, currencies=[currency],
            country=country, time_zone=time_zone, consent_basis=consent_basis, created_at=now,
        )  # fmt: skip
        ShippingMethod.objects.create(shop=made, code="standard", names={"en": "Standard"}, prices_minor={currency: 0})
    rules.forget()
    return made


def free_slug(name: str, otherwise: str) -> str:
    """A name for addresses that no shop has yet, made from its name if that has letters that addresses know."""
    slug = base = slugify(name)[:40] or otherwise
    number = 1
    while Shop.objects.filter(slug=slug).exists():
        number += 1
        slug = f"{base}-{number}"
    return slug


def change_settings(shop: Shop, **changed: object) -> bool:
    """Save some of SETTINGS. Says whether carts are now abandoned at another time than before (see `carts.services`).

    The default language and currency are always among the offered ones.
    """
    unknown = set(changed) - set(SETTINGS)
    if unknown:
        raise TypeError(f"not a setting: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        kept = Shop.objects.select_for_update().get(pk=shop.pk)
        before = _counts_abandonment(kept)
        for name, value in changed.items():
            setattr(shop, name, value)
        for one, many in (("language", "languages"), ("currency", "currencies")):
            offered = [*getattr(shop, many)]
            if getattr(shop, one) not in offered:
                offered.insert(0, getattr(shop, one))
            setattr(shop, many, offered)
        shop.save(update_fields=[*{*changed, "languages", "currencies"}])
    rules.forget()
    return before != _counts_abandonment(shop)


def _counts_abandonment(shop: Shop) -> tuple[object, ...]:
    """All that `ShopRules.abandon_after` goes by."""
    by_the_wall = shop.time_zone if shop.abandoned_basis == AbandonedBasis.CREATED else ""
    return shop.abandoned_minutes, shop.abandoned_basis, by_the_wall


def change_shipping_method(
    method: ShippingMethod, *, names: dict[str, str], prices_minor: dict[str, int], is_active: bool
) -> None:
    """Save a way to deliver. Carts that chose it keep the price they were given until they change."""
    method.names = {language: name for language, name in names.items() if name}
    method.prices_minor = prices_minor
    method.is_active = is_active
    method.save(update_fields=["names", "prices_minor", "is_active"])
    rules.forget()
