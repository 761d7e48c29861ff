"""Everything that changes a shop: its settings and its ways to deliver."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.lib.marks import mark
from ghostcart.shops import queries, rules
from ghostcart.shops.errors import NotConfirmed
from ghostcart.shops.models import AbandonedBasis, ConsentBasis, ConsentChoice, PageKind, ShippingMethod, Shop

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
    "bank_details",
    "mail_name",
    "mail_from",
    "mail_reply_to",
    "mail_imprint",
    "mail_cap",
    "mail_cap_days",
    "quiet_from",
    "quiet_until",
    "counts_openings",
    "notice_above_minor",
    "origins",
)
"""What `change_settings` may change."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who may be reminded, as somebody chose it: who that was, and the sentence that they confirmed (empty: none)."""

    basis: str
    actor: str
    at: datetime
    sentence: str = ""


def create(
    name: str, *, language: str, currency: str, country: str, time_zone: str, chosen: Chosen, now: datetime
) -> Shop:
    """A shop of our own, with one way to deliver that costs nothing until its owner says otherwise.

    Raises NotConfirmed.
    """
    with transaction.atomic():
        made = Shop.objects.create(
            slug=free_slug(name, "shop"), name=name, language=language, currency=currency, currencies=[currency],
            country=country, time_zone=time_zone, consent_basis=chosen.basis, created_at=now,
        )  # fmt: skip
        _choose(made, ConsentBasis.CONSENT, chosen)
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


def settings_mark(shop: Shop, names: Iterable[str]) -> str:
    """The mark of some of SETTINGS (and of `consent_basis`), for `shown`."""
    return mark({name: getattr(shop, name) for name in names})


def change_settings(shop: Shop, chosen: Chosen | None = None, *, shown: str | None = None, **changed: object) -> bool:
    """Save some of SETTINGS, and who may be reminded. Says whether carts are now abandoned at another time than before
    (see `carts.services`).

    The default language and currency are always among the offered ones. `shown` is the `settings_mark` of what is to be
    saved as its writer saw it; None: it counts whatever stands there. Raises NotConfirmed and SavedMeanwhile: `shop` is
    then what stands there.
    """
    unknown = set(changed) - set(SETTINGS)
    if unknown:
        raise TypeError(f"not a setting: {', '.join(sorted(unknown))}")
    if chosen is not None:
        changed["consent_basis"] = chosen.basis
    with transaction.atomic():
        shop.refresh_from_db(from_queryset=Shop.objects.select_for_update(no_key=True))
        before = _counts_abandonment(shop)
        if shown not in (None, settings_mark(shop, changed)) and _differs(shop, changed):
            raise SavedMeanwhile
        if chosen is not None:
            _choose(shop, shop.consent_basis, chosen)
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


def _differs(row: Shop | ShippingMethod, wanted: Mapping[str, object]) -> bool:
    return any(getattr(row, name) != value for name, value in wanted.items())


def _choose(shop: Shop, before: str, chosen: Chosen) -> None:
    """What is chosen anew is written down; to write to people who never agreed must be confirmed."""
    if chosen.basis != before:
        if chosen.basis != ConsentBasis.CONSENT and not chosen.sentence.strip():
            raise NotConfirmed
        ConsentChoice.objects.create(
            shop=shop, basis=ConsentBasis(chosen.basis), sentence=chosen.sentence, actor=chosen.actor, at=chosen.at
        )


@transaction.atomic
def write_pages(shop: Shop, language: str, texts: Mapping[str, str], shown: str | None = None) -> None:
    """Save the texts of a shop's own pages in one language; those in other languages stay.

    `shown` is the mark of `queries.page_texts` as the writer saw them; None: it counts whatever stands there. Raises
    SavedMeanwhile.
    """
    kept = Shop.objects.select_for_update(no_key=True).get(pk=shop.pk)
    there, wanted = queries.page_texts(kept, language), {kind: text.strip() for kind, text in texts.items()}
    if shown is not None and shown != mark(there) and wanted != there:
        raise SavedMeanwhile
    pages = {}
    for kind in PageKind:
        told = kept.pages.get(kind.value, {}) | {language: wanted[kind.value]}
        pages[kind.value] = {one: text for one, text in told.items() if text}
    shop.pages = {kind: told for kind, told in pages.items() if told}
    shop.save(update_fields=["pages"])
    rules.forget()


def _counts_abandonment(shop: Shop) -> tuple[object, ...]:
    """All that `ShopRules.abandon_after` goes by."""
    by_the_wall = shop.time_zone if shop.abandoned_basis == AbandonedBasis.CREATED else ""
    return shop.abandoned_minutes, shop.abandoned_basis, by_the_wall


def shipping_mark(method: ShippingMethod) -> str:
    """The mark of all that `change_shipping_method` may change, for `shown`."""
    return mark([method.names, method.prices_minor, method.is_active])


def change_shipping_method(
    method: ShippingMethod,
    *,
    names: Mapping[str, str],
    prices_minor: Mapping[str, int],
    is_active: bool,
    shown: str | None = None,
) -> None:
    """Save a way to deliver. Carts that chose it keep the price they were given until they change.

    `shown` is the `shipping_mark` of what the writer saw; None: it counts whatever stands there. Raises SavedMeanwhile:
    `method` is then what stands there.
    """
    named = {language: name for language, name in names.items() if name}
    wanted = {"names": named, "prices_minor": dict(prices_minor), "is_active": is_active}
    with transaction.atomic():
        method.refresh_from_db(from_queryset=ShippingMethod.objects.select_for_update(no_key=True))
        if shown not in (None, shipping_mark(method)) and _differs(method, wanted):
            raise SavedMeanwhile
        for name, value in wanted.items():
            setattr(method, name, value)
        method.save(update_fields=[*wanted])
    rules.forget()
