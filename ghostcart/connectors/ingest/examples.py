"""What the description of the API shows: true requests, sent by a test."""

from typing import Any

CUSTOMER: dict[str, Any] = {
    "updated_at": "2026-01-31T09:12:00+01:00",
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Byron",
    "language": "it",
    "registered_at": "2025-11-02T18:00:00+01:00",
    "consent": {
        "given": True,
        "text": "Remind me by mail of what I leave in my cart.",
        "version": "2025-10",
        "source": "checkout",
        "at": "2026-01-31T09:12:00+01:00",
    },
}
PRODUCT: dict[str, Any] = {
    "version": 3,
    "name": {"en": "Mug, hand-thrown", "it": "Tazza fatta a mano"},
    "url": "https://shop.example/mug",
    "tax_rate": "22",
    "variants": [
        {
            "id": "mug-sage",
            "sku": "MUG-SAGE",
            "option": {"en": "Sage", "it": "Salvia"},
            "picture": "https://shop.example/mug-sage.jpg",
            "stock": 12,
            "prices": {"EUR": "24.90"},
        }
    ],
}
_LINE = {
    "variant": "mug-sage",
    "sku": "MUG-SAGE",
    "name": "Mug, hand-thrown",
    "option": "Sage",
    "quantity": 2,
    "price": "24.90",
    "tax_rate": "22",
}
CART: dict[str, Any] = {
    "updated_at": "2026-01-31T09:20:00+01:00",
    "created_at": "2026-01-31T09:12:00+01:00",
    "customer": "c-7",
    "currency": "EUR",
    "language": "it",
    "lines": [_LINE],
    "totals": {"products": "49.80", "shipping": "4.90", "tax": "9.86", "total": "54.70"},
}
ORDER: dict[str, Any] = {
    "updated_at": "2026-01-31T09:31:00+01:00",
    "number": "2026-0117",
    "cart": "cart-1",
    "customer": "c-7",
    "email": "ada@example.com",
    "status": "paid",
    "payment": "Card",
    "shipping": "Courier",
    "currency": "EUR",
    "lines": [_LINE],
    "totals": {"products": "49.80", "shipping": "4.90", "tax": "9.86", "total": "54.70"},
    "placed_at": "2026-01-31T09:30:00+01:00",
}
