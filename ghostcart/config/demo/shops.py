"""The demo's two shops: what `catalogue.json` describes, with delivery, vouchers and pictures."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from ghostcart.catalog.models import Category, Price, Product, Variant
from ghostcart.config.demo.pictures import draw
from ghostcart.lib.money import parse_decimal_to_micros
from ghostcart.shops.models import ShippingMethod, Shop
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.services import create as create_voucher
from ghostcart.vouchers.terms import Kind

Count = Callable[[int, int], None]
"""Told how many are done, of how many."""

OPENED_DAYS_AGO = 100
COST_PERCENT = 45  # what goods cost the shop, of their price

DEMO_PASSWORD = "ghost-carts-walk"
"""Everybody can read this one: it opens nothing unless GHOSTCART_DEMO is set."""

PLACES = {
    "fern": {"time_zone": "Europe/Amsterdam", "country": "NL", "order_prefix": "FRN-", "language": "nl"},
    "otter": {"time_zone": "Europe/London", "country": "GB", "order_prefix": "OTT-", "language": "en"},
}

SHIPPING: dict[str, dict[str, Any]] = {
    "standard": {
        "prices_minor": {"EUR": 490, "CHF": 690, "GBP": 395},
        "names": {
            "en": "Standard delivery",
            "it": "Consegna standard",
            "es": "Envío estándar",
            "de": "Standardversand",
            "fr": "Livraison standard",
            "nl": "Standaardlevering",
        },
    },
    "express": {
        "prices_minor": {"EUR": 990, "CHF": 1290, "GBP": 850},
        "names": {
            "en": "Express delivery",
            "it": "Consegna espressa",
            "es": "Envío exprés",
            "de": "Expressversand",
            "fr": "Livraison express",
            "nl": "Expreslevering",
        },
    },
    "pickup": {
        "prices_minor": {"EUR": 0, "CHF": 0, "GBP": 0},
        "names": {
            "en": "Pick-up in the shop",
            "it": "Ritiro in negozio",
            "es": "Recogida en tienda",
            "de": "Abholung im Laden",
            "fr": "Retrait en magasin",
            "nl": "Afhalen in de winkel",
        },
    },
}

PAGES = {
    "imprint": {
        "en": "This shop is a demonstration. Nobody runs it, and nothing in it can be bought.",
        "it": "Questo negozio è una dimostrazione. Nessuno lo gestisce e non vi si può comprare nulla.",
        "es": "Esta tienda es una demostración. Nadie la lleva y en ella no se puede comprar nada.",
        "de": "Dieser Shop ist eine Vorführung. Niemand betreibt ihn, und zu kaufen gibt es hier nichts.",
        "fr": "Cette boutique est une démonstration. Personne ne la tient, et rien n’y est à vendre.",
        "nl": "Deze winkel is een demonstratie. Niemand drijft hem, en er is niets te koop.",
    }
}

GIFTS = {"fern": "FRN-TWINE", "otter": "OTR-SOCKS"}
"""How the SKU of what SURPRISE gives begins."""

USED_UP, EXPIRED = "FIRST20", "SUMMER15"

VOUCHERS: dict[str, dict[str, Any]] = {
    "WELCOME10": {
        "kind": Kind.PERCENT,
        "percent_bp": 1000,
        "names": {
            "en": "10 % to welcome you",
            "it": "10 % di benvenuto",
            "es": "10 % de bienvenida",
            "de": "10 % zur Begrüßung",
            "fr": "10 % de bienvenue",
            "nl": "10 % welkomstkorting",
        },
    },
    "SHIPFREE": {
        "kind": Kind.FREE_SHIPPING,
        "names": {
            "en": "Free delivery",
            "it": "Consegna gratuita",
            "es": "Envío gratuito",
            "de": "Versandkostenfrei",
            "fr": "Livraison gratuite",
            "nl": "Gratis levering",
        },
    },
    "FIVER": {
        "kind": Kind.AMOUNT,
        "amount_minor": 500,
        "minimum_minor": 4000,
        "names": {
            "en": "5 off from 40",
            "it": "5 di sconto da 40",
            "es": "5 de descuento desde 40",
            "de": "5 Nachlass ab 40",
            "fr": "5 de remise dès 40",
            "nl": "5 korting vanaf 40",
        },
    },
    "SURPRISE": {
        "kind": Kind.GIFT,
        "minimum_minor": 7500,
        "names": {
            "en": "A small gift",
            "it": "Un piccolo regalo",
            "es": "Un pequeño regalo",
            "de": "Ein kleines Geschenk",
            "fr": "Un petit cadeau",
            "nl": "Een klein cadeau",
        },
    },
    EXPIRED: {
        "kind": Kind.PERCENT,
        "percent_bp": 1500,
        "combinable": False,
        "names": {
            "en": "15 % summer sale",
            "it": "15 % saldi estivi",
            "es": "15 % rebajas de verano",
            "de": "15 % Sommerschlussverkauf",
            "fr": "15 % soldes d’été",
            "nl": "15 % zomeruitverkoop",
        },
    },
    USED_UP: {
        "kind": Kind.PERCENT,
        "percent_bp": 2000,
        "quantity": 20,
        "exclude_discounted": True,
        "names": {
            "en": "20 % for the first twenty",
            "it": "20 % per i primi venti",
            "es": "20 % para los veinte primeros",
            "de": "20 % für die ersten zwanzig",
            "fr": "20 % pour les vingt premiers",
            "nl": "20 % voor de eerste twintig",
        },
    },
}


@cache
def catalogue() -> list[dict[str, Any]]:
    """The shops of the catalogue file, as they stand there."""
    text = Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8")
    shops: list[dict[str, Any]] = json.loads(text)["shops"]
    return shops


def demo_password() -> str | None:
    """What opens the demo's accounts: GHOSTCART_DEMO_PASSWORD, in a demo else the well-known one, else nothing."""
    return os.environ.get("GHOSTCART_DEMO_PASSWORD") or (DEMO_PASSWORD if settings.IS_DEMO else None)


def public_key(slug: str) -> str:
    """The key of a demo shop: no secret, and always the same, so that examples can name it."""
    return f"pk_demo_{slug}"


def make_shop(plan: dict[str, Any], now: datetime) -> Shop:
    """One shop of the catalogue with all that it sells."""
    currencies = plan["currencies"]
    shop = Shop.objects.create(
        slug=plan["slug"],
        name=plan["name"],
        taglines=plan["tagline"],
        accent=plan["accent"],
        public_key=public_key(plan["slug"]),
        currency=currencies[0],
        currencies=currencies,
        pages=PAGES,
        is_demo=True,
        created_at=now - timedelta(days=OPENED_DAYS_AGO),
        **PLACES[plan["slug"]],
    )
    tax_rate = plan["products"][0]["tax_rate_ppm"]
    ShippingMethod.objects.bulk_create(
        ShippingMethod(
            shop=shop,
            code=code,
            names=method["names"],
            prices_minor={currency: method["prices_minor"][currency] for currency in currencies},
            tax_rate_ppm=tax_rate,
            position=position,
        )
        for position, (code, method) in enumerate(SHIPPING.items())
    )
    _make_products(shop, plan)
    _make_vouchers(shop, now)
    return shop


def _make_products(shop: Shop, plan: dict[str, Any]) -> None:
    categories = {
        row.slug: row
        for row in Category.objects.bulk_create(
            Category(shop=shop, slug=one["slug"], names=one["names"], texts=one["texts"], position=position)
            for position, one in enumerate(plan["categories"])
        )
    }
    products = Product.objects.bulk_create(
        Product(
            shop=shop,
            category=categories[one["category"]],
            slug=one["slug"],
            reference=one["reference"],
            names=one["names"],
            descriptions=one["descriptions"],
            tax_rate_ppm=one["tax_rate_ppm"],
            position=position,
        )
        for position, one in enumerate(plan["products"])
    )
    by_sku = {
        variant["sku"]: (variant, Variant(
            shop=shop,
            product=product,
            sku=variant["sku"],
            options=variant["options"],
            picture=picture_path(plan["slug"], variant["sku"]),
            stock=variant["stock"],
            position=position,
        ))
        for product, one in zip(products, plan["products"], strict=True)
        for position, variant in enumerate(one["variants"])
    }  # fmt: skip
    Variant.objects.bulk_create(row for _variant, row in by_sku.values())
    Price.objects.bulk_create(
        Price(
            variant=row,
            currency=currency,
            price_micros=parse_decimal_to_micros(price["price"]),
            regular_micros=parse_decimal_to_micros(price["regular"]) if price["regular"] else None,
            cost_micros=parse_decimal_to_micros(price["regular"] or price["price"]) * COST_PERCENT // 100,
        )
        for variant, row in by_sku.values()
        for currency, price in variant["prices"].items()
    )


def _make_vouchers(shop: Shop, now: datetime) -> None:
    opened = shop.created_at
    gift = Variant.objects.filter(shop=shop, sku__startswith=GIFTS[shop.slug], stock__gt=0).first()
    for code, terms in VOUCHERS.items():
        more: dict[str, Any] = dict(terms)
        if terms["kind"] == Kind.AMOUNT or terms.get("minimum_minor"):
            more["currency"] = shop.currency
        if terms["kind"] == Kind.GIFT:
            assert gift is not None, f"nothing in stock begins with {GIFTS[shop.slug]}"
            more["gift_variant_id"] = gift.pk
        if code == EXPIRED:
            more |= {"valid_from": opened, "valid_until": now - timedelta(days=21)}
        create_voucher(shop_id=shop.pk, code=code, now=opened, is_demo=True, **more)


def demo_vouchers(shop: Shop) -> list[Voucher]:
    return list(Voucher.objects.filter(shop=shop, is_demo=True).order_by("pk"))


# -- pictures ----------------------------------------------------------------------------------------


def picture_path(slug: str, sku: str) -> str:
    """Where a variant's picture lies below the media folder."""
    return f"{slug}/{sku.lower()}.svg"


def draw_pictures(count: Count) -> int:
    """Draw the pictures that are not there yet; returns how many that were."""
    missing = [one for one in _pictures() if not (settings.MEDIA_ROOT / one[0]).exists()]
    for done, (path, shape, colors, sku) in enumerate(missing):
        target = settings.MEDIA_ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_suffix(f".{os.getpid()}")  # several processes may draw at once
        scratch.write_text(draw(shape, colors, sku), encoding="utf-8")
        scratch.replace(target)
        count(done + 1, len(missing))
    return len(missing)


def _pictures() -> Iterator[tuple[str, str, list[str], str]]:
    for shop in catalogue():
        for product in shop["products"]:
            for variant in product["variants"]:
                sku = variant["sku"]
                yield picture_path(shop["slug"], sku), product["shape"], variant["colors"], sku
