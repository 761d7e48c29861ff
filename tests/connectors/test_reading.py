"""What a shop tells in JSON: money exact, the newest wins, and what is wrong is refused with its code and place."""

from datetime import timedelta

import msgspec
import pytest

from ghostcart.carts.models import Cart, CartEvent
from ghostcart.catalog.models import Price, Product
from ghostcart.connectors.ingest import shapes
from ghostcart.connectors.ingest.errors import WrongFact
from ghostcart.connectors.ingest.taking import take_many, take_one
from ghostcart.customers.models import Consent, Customer
from ghostcart.lib.errors import GhostcartError
from ghostcart.orders.models import Order
from tests.factories import NOON
from tests.wire import dump

pytestmark = pytest.mark.django_db(transaction=True)
AT = NOON.isoformat()


def line(**more):
    return {"variant": "mug", "name": "Mug", "quantity": 2, "price": "12.50", **more}


def cart(**more):
    return {"updated_at": AT, "currency": "EUR", "lines": [line()], **more}


def order(**more):
    return {"number": "N1", "cart": "1", "updated_at": AT, "placed_at": AT, "currency": "EUR", "lines": [line()],
            "totals": {"total": "25.00"}, **more}  # fmt: skip


def product(**more):
    return {"version": 1, "name": "Mug", "variants": [{"id": "mug", "prices": {"EUR": "12.50"}}], **more}


def customer(**more):
    return {"version": 1, "email": "ada@example.com", "first_name": "Ada", **more}


TOLD = {shapes.CustomerIn: customer, shapes.ProductIn: product, shapes.CartIn: cart, shapes.OrderIn: order}


def take(shop, kind, name="1", now=NOON, **more):
    return take_one(shop.pk, "api", name, msgspec.convert(TOLD[kind](**more), kind), now).status


def head():
    return Cart.objects.get()


def test_each_kind_is_taken_once(shop):
    for kind in TOLD:
        assert [take(shop, kind), take(shop, kind)] == ["created", "unchanged"], kind
    assert Customer.objects.get().first_name == "Ada"
    assert Price.objects.get(variant__external_id="mug").price_micros == 12_500_000
    assert (head().total_minor, head().order_number, Order.objects.get().total_minor) == (2500, "N1", 2500)


def test_prices_are_exact_as_texts_and_as_the_smallest_coin(shop):
    lines = [line(id="a", price="19.812", quantity=3), line(id="b", price=1981, quantity=1), line(id="c", price="0")]
    take(shop, shapes.CartIn, lines=lines)
    assert list(head().lines.values_list("unit_price_micros", "total_minor")) == [
        (19_812_000, 5944), (19_810_000, 1981), (0, 0)
    ]  # fmt: skip
    take(shop, shapes.CartIn, name="2", currency="JPY", lines=[line(price=500)])
    take(shop, shapes.CartIn, name="3", currency="KWD", lines=[line(price="1.2345")])
    assert Cart.objects.get(external_id="2").total_minor == 1000
    assert Cart.objects.get(external_id="3").total_minor == 2469


def test_totals_that_are_not_told_are_reckoned_and_called_estimated(shop):
    vouchers = [{"code": "spring", "amount": "5.00"}]
    take(shop, shapes.CartIn, lines=[line(tax_rate="25")], vouchers=vouchers)
    ours = head()
    assert (ours.products_minor, ours.discount_minor, ours.tax_minor, ours.total_minor) == (2500, 500, 400, 2000)
    assert ours.is_estimated
    totals = {"total": "21.90", "shipping": "1.90", "discount": "5", "tax": 400}
    take(shop, shapes.CartIn, version=10**18, lines=[line(tax_rate="25")], vouchers=vouchers, totals=totals)
    ours = head()
    assert (ours.products_minor, ours.shipping_minor, ours.total_minor) == (2500, 190, 2190)
    assert not ours.is_estimated


def test_an_older_version_is_stale_by_number_or_by_time(shop):
    later = (NOON + timedelta(minutes=1)).isoformat()
    assert take(shop, shapes.CartIn, updated_at=later) == "created"
    assert take(shop, shapes.CartIn, lines=[]) == "stale"
    assert take(shop, shapes.CustomerIn, version=5) == "created"
    assert take(shop, shapes.CustomerIn, version=4, first_name="Eve") == "stale"


def test_a_deleted_cart_needs_no_lines(shop):
    take(shop, shapes.CartIn)
    later = (NOON + timedelta(minutes=1)).isoformat()
    told = msgspec.convert({"updated_at": later, "is_deleted": True}, shapes.CartIn)
    assert take_one(shop.pk, "api", "1", told, NOON).status == "changed"
    assert head().deleted_at is not None


def test_consent_is_kept_with_its_sentence_and_an_old_answer_changes_nothing(shop):
    def answer(given, minutes, version):
        at = (NOON + timedelta(minutes=minutes)).isoformat()
        consent = {"given": given, "text": "Remind me by mail.", "version": "3", "source": "signup", "at": at}
        return take(shop, shapes.CustomerIn, version=version, consent=consent, now=NOON + timedelta(hours=1))

    answer(True, 1, 1)
    kept = Consent.objects.get()
    assert (kept.text, kept.text_version, kept.source, kept.is_given) == ("Remind me by mail.", "3", "signup", True)
    assert kept.at == NOON + timedelta(minutes=1)
    answer(False, 5, 2)
    answer(True, 3, 3)
    assert list(Consent.objects.order_by("at").values_list("is_given", flat=True)) == [True, False]


FUTURE = (NOON + timedelta(minutes=5, seconds=1)).isoformat()
WRONG = [
    (shapes.CartIn, {"lines": [line(price="12,50")]}, "bad_price", "lines[0].price"),
    (shapes.CartIn, {"lines": [line(), line(id="b", price="-1")]}, "price_out_of_range", "lines[1].price"),
    (shapes.CartIn, {"lines": [line(price=-1)]}, "price_out_of_range", "lines[0].price"),
    (shapes.CartIn, {"lines": [line(price=10**30)]}, "price_out_of_range", "lines[0].price"),
    (shapes.CartIn, {"lines": [line(price="9" * 13)]}, "bad_price", "lines[0].price"),
    (shapes.CartIn, {"lines": [line(price="1e3")]}, "bad_price", "lines[0].price"),
    (shapes.CartIn, {"lines": [line(price="NaN")]}, "bad_price", "lines[0].price"),
    (shapes.CartIn, {"lines": [line(price="")]}, "bad_price", "lines[0].price"),
    (shapes.CartIn, {"lines": [line(quantity=0)]}, "quantity_out_of_range", "lines[0].quantity"),
    (shapes.CartIn, {"lines": [line(quantity=-3)]}, "quantity_out_of_range", "lines[0].quantity"),
    (shapes.CartIn, {"lines": [line(quantity=10_000)]}, "quantity_out_of_range", "lines[0].quantity"),
    (shapes.CartIn, {"lines": [line(id=str(n)) for n in range(201)]}, "too_many_lines", "lines"),
    (shapes.CartIn, {"lines": [line(), line()]}, "repeated", "lines[1].id"),
    (shapes.CartIn, {"lines": [line(variant="")]}, "missing_id", "lines[0]"),
    (shapes.CartIn, {"lines": [line(tax_rate="101")]}, "bad_tax_rate", "lines[0].tax_rate"),
    (shapes.CartIn, {"lines": [line(tax_rate="x")]}, "bad_tax_rate", "lines[0].tax_rate"),
    (shapes.CartIn, {"lines": [line(total="1,0")]}, "bad_price", "lines[0].total"),
    (shapes.CartIn, {"vouchers": [{"code": "a"}, {"code": " A "}]}, "repeated", "vouchers[1].code"),
    (shapes.CartIn, {"vouchers": [{"code": "a", "amount": "-1"}]}, "price_out_of_range", "vouchers[0].amount"),
    (shapes.CartIn, {"totals": {"total": "-0.01"}}, "price_out_of_range", "totals.total"),
    (shapes.CartIn, {"currency": "XQZ"}, "unknown_currency", "currency"),
    (shapes.CartIn, {"currency": None}, "missing_currency", "currency"),
    (shapes.CartIn, {"updated_at": FUTURE}, "time_in_future", "updated_at"),
    (shapes.CartIn, {"seen_at": FUTURE}, "time_in_future", "seen_at"),
    (shapes.CartIn, {"created_at": "0001-01-01T00:00:00Z"}, "time_out_of_range", "created_at"),
    (shapes.OrderIn, {"placed_at": FUTURE}, "time_in_future", "placed_at"),
    (shapes.OrderIn, {"settled_at": "9999-12-31T23:59:59Z"}, "time_in_future", "settled_at"),
    (shapes.OrderIn, {"refunded": "-1"}, "price_out_of_range", "refunded"),
    (shapes.OrderIn, {"refunded": 10**9}, "refund_too_large", "refunded"),
    (shapes.OrderIn, {"updated_at": None}, "missing_version", "version"),
    (shapes.OrderIn, {"currency": "EUX"}, "unknown_currency", "currency"),
    (shapes.CustomerIn, {"version": None}, "missing_version", "version"),
    (shapes.CustomerIn, {"registered_at": FUTURE}, "time_in_future", "registered_at"),
    (shapes.CustomerIn, {"consent": {"given": True, "text": "x", "version": "1", "at": FUTURE}}, "time_in_future",
     "consent.at"),
    (shapes.ProductIn, {"variants": [{"id": "a"}, {"id": "a"}]}, "repeated", "variants[1].id"),
    (shapes.ProductIn, {"variants": [{"id": "a", "sku": "x"}, {"id": "x"}]}, "repeated", "variants[1].sku"),
    (shapes.ProductIn, {"variants": [{"id": "a", "prices": {"EUX": "1"}}]}, "unknown_currency", "variants[0].prices"),
    (shapes.ProductIn, {"variants": [{"id": "a", "prices": {"EUR": "1,0"}}]}, "bad_price", "variants[0].prices.EUR"),
    (shapes.ProductIn, {"variants": [{"id": "a", "sku": "MUG"}]}, "sku_taken", None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "wrong", "code", "field"), WRONG)
def test_what_is_wrong_is_refused_with_its_place_and_nothing_is_stored(shop, kind, wrong, code, field):
    before = dump()
    with pytest.raises(GhostcartError) as refused:
        take(shop, kind, **wrong)
    assert refused.value.code == code
    assert 400 <= refused.value.status < 500
    if field is not None:
        assert isinstance(refused.value, WrongFact)
        assert refused.value.field == field
    assert str(refused.value)
    assert dump() == before


def batch(kind, *items, **more):
    return kind.read({"items": list(items), **more})


def test_a_bad_item_does_not_stop_the_others(shop):
    items = [cart(external_id="1"), cart(external_id="2", currency="XQZ"), {"external_id": "3", "lines": 1}, 7,
             cart(external_id="4"), cart(external_id="4", updated_at=(NOON - timedelta(1)).isoformat()),
             cart(external_id="4")]  # fmt: skip
    report = take_many(shop.pk, batch(shapes.CartBatch, *items), NOON)
    assert [one.status for one in report.items] == [
        "created", "refused", "refused", "refused", "unchanged", "stale", "created"
    ]  # fmt: skip
    assert report.counts == {"created": 2, "refused": 3, "unchanged": 1, "stale": 1}
    problems = [(one.external_id, one.problem.code, one.problem.field) for one in report.items if one.problem]
    assert problems == [("2", "unknown_currency", "currency"), ("3", "bad_fact", "lines"), ("", "bad_fact", "")]
    assert Cart.objects.count() == 2


def test_what_only_the_database_refuses_stops_nobody_else_either(shop):
    variants = ({"id": "mug"}, {"id": "b", "sku": "MUG"}, {"id": "mug"}, {"id": "d"})
    items = [product(external_id=str(number), variants=[one]) for number, one in enumerate(variants)]
    report = take_many(shop.pk, batch(shapes.ProductBatch, *items), NOON)
    assert [(one.status, one.problem and one.problem.code) for one in report.items] == [
        ("created", None), ("refused", "sku_taken"), ("refused", "variant_taken"), ("created", None)
    ]  # fmt: skip
    assert Product.objects.filter(source="api").count() == 2


def test_product_ids_that_look_alike_are_different_products(shop):
    for place, name in enumerate(("a/b", "a-b", "A B", "a_b", "é" * 64)):
        assert take(shop, shapes.ProductIn, name=name, variants=[{"id": f"v{place}"}]) == "created"


def test_names_that_come_in_another_way_cannot_be_taken(shop):
    for source in ("store", "staff", "tracker", "prestashop"):
        with pytest.raises(WrongFact) as refused:
            take_many(shop.pk, batch(shapes.CartBatch, cart(external_id="1"), source=source), NOON)
        assert refused.value.code == "source_reserved"


def test_the_log_tells_what_changed_and_a_crawler_is_suspected(shop):
    take(shop, shapes.CartIn, user_agent="Googlebot/2.1 (+http://www.google.com/bot.html)")
    assert head().is_suspected_bot
    later = (NOON + timedelta(minutes=1)).isoformat()
    take(shop, shapes.CartIn, updated_at=later, lines=[line(quantity=5)], now=NOON + timedelta(minutes=2))
    assert list(CartEvent.objects.values_list("kind", flat=True)) == ["line_added", "quantity_changed"]
    assert not head().is_suspected_bot
