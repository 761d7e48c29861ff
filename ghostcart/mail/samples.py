"""Made-up facts: for previews, and for checking a text before it is saved. Full, empty, and as large as they come."""

from typing import Any

from ghostcart.lib.money import minor_digits, minor_micros
from ghostcart.mail.kinds import CAMPAIGNS
from ghostcart.mail.words import samples

Facts = dict[str, Any]

FOR_STAFF = frozenset({"summary", "notice"})
ACCOUNT = "account"
_PRICES = (84, 39, 16)
_QUANTITIES = (1, 1, 2)


def dead_links(kind: str) -> dict[str, str]:
    """The links of a mail of this kind, leading nowhere."""
    names: tuple[str, ...]
    if kind == ACCOUNT:
        names = ("shop", "reset")
    elif kind in FOR_STAFF:
        names = ("shop", "report", "cart", "preferences")
    else:
        names = ("shop", "restore", "stop", "preferences")
    return dict.fromkeys(names, "#")


def facts(kind: str, language: str, *, shop: Facts | None = None, currency: str = "EUR") -> Facts:
    """Everything a mail of this kind may speak of."""
    said, about = samples(language), CAMPAIGNS.get(kind, "")
    person = {"first_name": said["first_name"], "last_name": said["last_name"]}
    return {
        "shop": shop or {"name": "Fern", "url": "https://shop.example/", "accent": "#3b6e57", "imprint": ""},
        "customer": {**person, "name": f"{person['first_name']} {person['last_name']}"},
        "cart": cart(language, currency) if about == "cart" or kind == "notice" else None,
        "order": _order(currency) if about == "order" else None,
        "voucher": None if kind in FOR_STAFF or kind == ACCOUNT else voucher(currency),
        "staff": staff(currency) if kind in FOR_STAFF else None,
    }


def empty(kind: str) -> Facts:
    """The least a mail of this kind may have to go by."""
    full = facts(kind, "en")
    cart = {**full["cart"], "lines": []} if full["cart"] and kind != "manual" else None
    return {"shop": {"name": "Shop"}, "customer": {}, "cart": cart, "order": full["order"], "staff": full["staff"]}


def huge(kind: str, language: str) -> Facts:
    """Names without end and 200 lines of them."""
    full = facts(kind, language)
    long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenhalterung " * 4
    full["customer"] = {"first_name": long, "last_name": long, "name": long}
    full["shop"] |= {"name": long, "imprint": "\n".join([long] * 12)}
    if full["cart"]:
        address = "https://shop.example/" + "picture-of-it/" * 30
        line = full["cart"]["lines"][0] | {"name": long, "option": long, "picture": address, "url": address}
        full["cart"] |= {"lines": [line] * 200, "more": 192, "total_minor": 10**15}
    return full


def cart(language: str, currency: str) -> Facts:
    said, one = samples(language), 10 ** minor_digits(currency)
    lines = [
        {
            "name": said[f"line_{place}"],
            "option": said.get(f"option_{place}", ""),
            "quantity": quantity,
            "unit_price_micros": price * one * minor_micros(currency),
            "total_minor": price * quantity * one,
            "picture": "",
            "url": "",
        }
        for place, (price, quantity) in enumerate(zip(_PRICES, _QUANTITIES, strict=True), start=1)
    ]
    total = sum(line["total_minor"] for line in lines)
    return {
        "currency": currency,
        "item_count": sum(_QUANTITIES),
        "total_minor": total,
        "products_minor": total,
        "lines": lines,
        "more": 0,
    }


def voucher(currency: str) -> Facts:
    return {
        "code": "K7QM-2RXW-9HTA",
        "kind": "percent",
        "percent_bp": 1000,
        "amount_minor": 0,
        "currency": currency,
        "minimum_minor": 40 * 10 ** minor_digits(currency),
        "valid_until": "2027-03-13T00:00:00+01:00",
    }


def staff(currency: str) -> Facts:
    """What a summary or a notice says: see the variables of those kinds."""
    one = 10 ** minor_digits(currency)
    return {
        "name": "Robin",
        "is_week": True,
        "since_on": "2027-03-01",
        "until_on": "2027-03-07",
        "currency": currency,
        "abandoned_count": 42,
        "abandoned_minor": 3180 * one,
        "sent_count": 61,
        "restored_count": 12,
        "ordered_count": 7,
        "ordered_minor": 540 * one,
        "voucher_minor": 31 * one,
        "complained_count": 0,
        "cart_number": "1204",
        "customer": "Emma Taylor",
        "phone": "+39 011 000 000",
    }


def _order(currency: str) -> Facts:
    return {
        "number": "1042",
        "placed_at": "2027-03-08T10:24:00+01:00",
        "total_minor": 155 * 10 ** minor_digits(currency),
        "currency": currency,
    }
