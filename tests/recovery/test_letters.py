"""Facts taken from rows: names as in the cart, absolute addresses on the shop's host, ends by the shop's clocks."""

import json
from datetime import UTC, datetime

import pytest

from ghostcart.carts.models import Cart
from ghostcart.mail import drawing
from ghostcart.mail.kinds import CAMPAIGNS
from ghostcart.orders.models import Order
from ghostcart.recovery import letters, texts
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind as Gives
from tests import factories
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def host(settings):
    settings.SITE_URL = "https://fern.example"


@pytest.fixture
def shop():
    return factories.shop(time_zone="Europe/Rome", mail_imprint="Via Roma 1", accent="#7a1f5c")


def cart_of(shop, *skus) -> Cart:
    shopper = Shopper(shop, language="it")
    for sku in skus:
        shopper.add(sku, 2)
    return shopper.cart


def test_a_cart_becomes_facts_with_absolute_addresses(shop):
    cart = cart_of(shop, "MUG", "LAMP")
    cart.lines.filter(sku="MUG").update(picture="products/1/a mug.svg")
    cart.lines.filter(sku="LAMP").update(picture="https://cdn.example/lamp.jpg", product=None)
    facts = letters.cart_facts(cart, "it")
    mug, lamp = facts["lines"]
    assert mug == {
        "name": "Mug (it)", "option": "One size", "quantity": 2, "unit_price_micros": 12_500_000, "total_minor": 2500,
        "picture": "https://fern.example/media/products/1/a%20mug.svg", "is_gift": False,
        "url": f"https://fern.example/{shop.slug}/it/sku/MUG/",
    }  # fmt: skip
    assert (lamp["picture"], lamp["url"]) == ("https://cdn.example/lamp.jpg", "")
    assert (facts["currency"], facts["item_count"], facts["more"]) == ("EUR", 4, 0)
    assert facts["products_minor"] == cart.products_minor == 18_500


def test_a_large_cart_keeps_what_is_shown_and_the_number_of_the_rest(shop):
    skus = [f"SKU{number}" for number in range(12)]
    for sku in skus:
        factories.product(shop, sku)
    facts = letters.cart_facts(cart_of(shop, *skus), "de")
    assert (len(facts["lines"]), facts["more"]) == (drawing.LINES_SHOWN, 4)
    assert facts["item_count"] == 24


def test_a_voucher_ends_by_the_clocks_of_the_shop(shop):
    midnight = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)  # in Rome the first moment of the 26th
    voucher = vouchers.create(shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=1000, valid_until=midnight, now=NOON)
    facts = letters.voucher_facts(voucher, shop)
    assert facts["valid_until"] == "2026-11-26T00:00:00+01:00"
    drawn = drawing.draw(
        {"subject": "x", "body": "{{ voucher_box }}"}, {"voucher": facts}, {}, language="it"
    )  # fmt: skip
    assert "Valido fino al 25 novembre 2026\n" in drawn.text


@pytest.mark.parametrize(("kind", "speaks_of"), CAMPAIGNS.items())
def test_a_mail_speaks_of_what_fits_its_kind_and_can_be_kept(shop, kind, speaks_of):
    customer, order = factories.customer(shop), Order(shop=shop, number="17", placed_at=NOON, currency="EUR")
    facts = letters.facts_of(shop, language="it", customer=customer, cart=cart_of(shop, "MUG"), order=order, kind=kind)
    assert "".join(name for name in ("cart", "order", "voucher") if facts[name]) == speaks_of
    assert json.loads(json.dumps(facts)) == facts
    drawn = drawing.draw(texts.default(kind, 1)["it"], facts, {}, language="it")
    assert drawn.text.startswith("Ciao Ada,")
    assert "Via Roma 1" in drawn.text
    assert f"https://fern.example/{shop.slug}/it/" in drawn.text


def test_nothing_of_the_customer_but_the_name_is_in_the_facts(shop):
    customer = factories.customer(shop, phone="+39111222333")
    kept = json.dumps(letters.facts_of(shop, language="it", customer=customer))
    assert "@" not in kept
    assert "111222" not in kept
    assert letters.customer_facts(None) == {"first_name": "", "last_name": "", "name": ""}
