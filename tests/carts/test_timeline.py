"""The history of a cart: one sentence an entry, and the cart as it was after any of them."""

import contextlib
import random
import types
from datetime import timedelta

import pytest
from django.utils import translation

from ghostcart.carts import changes, ingest, merging, services, timeline
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import CartEvent
from ghostcart.lib.errors import GhostcartError
from ghostcart.vouchers.models import Voucher
from tests import factories
from tests.factories import NOON, Shopper


def event(kind, actor="shopper", **data):
    sums = {"total_minor": 2500, "item_count": 2, "currency": "EUR"}
    return types.SimpleNamespace(kind=kind, actor=actor, data={**sums, **data})


def line(quantity, was=0, **more):
    return {"key": "MUG", "sku": "MUG", "name": "Mug", "option": "Sage", "picture": "", "unit_price_micros": 12_500_000,
            "quantity": quantity, "was": was, "is_gift": False} | more  # fmt: skip


def plain(text):
    """Without the marks that keep somebody's text apart from ours."""
    return text.replace("\u2068", "").replace("\u2069", "")


SENTENCES = [
    (event("line_added", line=line(2)), "Ada added 2 × Mug (Sage). The cart now comes to €25.00."),
    (event("line_added", line=line(5, was=2)), "Ada added 3 more of Mug (Sage), now 5. The cart now comes to €25.00."),
    (event("line_added", line=line(1, is_gift=True)), "Mug (Sage) was added as a gift. The cart now comes to €25.00."),
    (event("quantity_changed", line=line(1, was=2)),
     "Ada changed the quantity of Mug (Sage) from 2 to 1. The cart now comes to €25.00."),
    (event("line_removed", line=line(0, was=2)), "Ada removed 2 × Mug (Sage). The cart now comes to €25.00."),
    (event("line_removed", line=line(0, was=1, is_gift=True)),
     "The gift Mug (Sage) was taken out. The cart now comes to €25.00."),
    (event("customer_identified", customer={"label": "Ada Byron"}), "The shopper said who they are: Ada Byron."),
    (event("voucher_applied", voucher={"code": "SPRING", "name": "Spring"}),
     "Ada used the voucher SPRING. The cart now comes to €25.00."),
    (event("voucher_removed", voucher={"code": "SPRING", "name": "Spring"}),
     "Ada took out the voucher SPRING. The cart now comes to €25.00."),
    (event("checkout_started"), "Ada started the checkout of €25.00."),
    (event("ordered", order={"number": "T-7"}), "Ada placed the order T-7 over €25.00."),
    (event("ordered", "staff:7", order={"number": "T-7"}), "Grace placed the order T-7 over €25.00."),
    (event("merged", into=12), "The cart went into cart #12 when the shopper signed in."),
    (event("merged", **{"from": 12}), "Cart #12 came in when the shopper signed in. The cart now comes to €25.00."),
    (event("restored", "staff:8"), "A member of staff restored the cart. It comes to €25.00."),
    (event("deleted", "staff:7"), "Grace deleted the cart."),
    (event("deleted", "system"), "Ghostcart deleted the cart."),
    (event("shelved"), "Something happened to the cart."),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "expected"), SENTENCES)
def test_each_entry_is_a_sentence(entry, expected):
    assert plain(timeline.sentence(entry, "Ada", {"staff:7": "Grace"})) == expected


def test_who_is_not_known_is_a_visitor():
    assert timeline.sentence(event("checkout_started")).startswith("A visitor started")


def test_every_kind_has_a_sentence_of_its_own():
    other = timeline.sentence(event("shelved"))
    assert all(timeline.sentence(event(kind)) != other for kind in EventKind)


@pytest.mark.parametrize(
    "data", [{}, {"line": None}, {"line": "x", "customer": 3}, {"into": "x", "total_minor": None}, {"currency": "XXQ"}]
)
@pytest.mark.parametrize("kind", [*EventKind, "shelved", ""])
def test_a_broken_entry_breaks_nothing(kind, data):
    broken = types.SimpleNamespace(kind=kind, actor="", data=data)
    assert timeline.sentence(broken)
    assert timeline.fold([broken, broken])


def test_amounts_are_written_in_the_reader_s_language():
    with translation.override("de"):
        assert "25,00\N{NO-BREAK SPACE}€" in timeline.sentence(event("checkout_started"))


def test_a_name_cannot_turn_the_sentence_around():
    told = timeline.sentence(event("checkout_started"), "Ada\u202e\u2069 %(total)s")
    assert told.startswith("\u2068Ada %(total)s\u2069 started")
    assert "\u202e" not in told


# -- the cart as it was ------------------------------------------------------------------------------


def told_lines(lines):
    return {
        line.key: (line.sku, line.name, line.option, line.unit_price_micros, line.quantity, line.is_gift)
        for line in lines
    }


def state(cart):
    """What `fold` tells, of the cart as it is stored."""
    codes = {voucher.code for voucher in cart.vouchers.all()}
    sums = (cart.total_minor, cart.item_count, cart.currency)
    return told_lines(cart.lines.all()), codes, *sums, cart.order_number


def folded(cart):
    past = timeline.fold(CartEvent.objects.filter(cart=cart).order_by("id"))
    sums = (past.total_minor, past.item_count, past.currency)
    return told_lines(past.lines), set(past.vouchers), *sums, past.order_number


def vouchers(shop, gift):
    common = {"shop": shop, "valid_from": NOON - timedelta(days=1), "created_at": NOON}
    Voucher.objects.create(code="TEN", kind="percent", percent_bp=1000, **common)
    Voucher.objects.create(code="GIFT", kind="gift", gift_variant=gift, minimum_minor=5000, currency="EUR", **common)


def step(choose, shopper):
    """Something a shopper may try; None if nothing of the kind can be."""
    sku = choose.choice(["MUG", "LAMP", "CLOCK", "CUP"])
    return choose.choice([
        lambda: shopper.add(sku, choose.randrange(1, 4)),
        lambda: shopper.add(sku, choose.randrange(1, 4)),
        lambda: shopper.do(changes.SetQuantity, key=sku, quantity=choose.randrange(4)),
        lambda: shopper.do(changes.RemoveLine, key=sku),
        lambda: shopper.do(changes.ApplyVoucher, code=choose.choice(["TEN", "GIFT"])),
        lambda: shopper.do(changes.RemoveVoucher, code=choose.choice(["TEN", "GIFT"])),
        lambda: shopper.do(changes.StartCheckout),
    ])  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(12))
def test_the_whole_history_folded_is_the_cart(seed):
    choose = random.Random(seed)
    shop = factories.shop()
    vouchers(shop, factories.product(shop, "CUP"))
    shopper = Shopper(shop)
    shopper.add("MUG")
    pasts = {}
    for _ in range(25):
        with contextlib.suppress(GhostcartError):
            step(choose, shopper.wait(seconds=5))()
        assert folded(shopper.cart) == state(shopper.cart)
        last = CartEvent.objects.filter(cart=shopper.cart).last()
        pasts[last.pk] = state(shopper.cart)
    for number, then in pasts.items():
        until = timeline.fold(CartEvent.objects.filter(cart=shopper.cart, pk__lte=number).order_by("id"))
        assert (until.total_minor, until.item_count) == (then[2], then[3])
        assert {line.key: line.quantity for line in until.lines} == {key: value[4] for key, value in then[0].items()}


@pytest.mark.django_db
def test_the_history_holds_through_merging_deleting_and_bringing_back():
    shop = factories.shop()
    person = factories.customer(shop)
    at_home, on_phone = Shopper(shop), Shopper(shop)
    at_home.add("MUG", 2)
    merging.merge_at_sign_in(shop_id=shop.pk, token=at_home.token, customer=person, now=NOON)
    on_phone.add("MUG")
    on_phone.add("LAMP")
    other = on_phone.cart
    merging.merge_at_sign_in(shop_id=shop.pk, token=on_phone.token, customer=person, now=NOON)
    saved = at_home.cart
    assert folded(saved) == state(saved)
    past = timeline.fold(CartEvent.objects.filter(cart=other).order_by("id"))
    assert past.merged_into == saved.pk
    assert len(past.lines) == 2
    services.delete([saved.pk], "staff:7", NOON)
    assert timeline.fold(CartEvent.objects.filter(cart=saved).order_by("id")).is_deleted
    services.undelete([saved.pk], "staff:7", NOON)
    saved.refresh_from_db()
    assert folded(saved) == state(saved)
    ingest.record(at_home.change(changes.Order, order_id=1, number="T-1"))
    saved.refresh_from_db()
    assert folded(saved) == state(saved)
    assert folded(saved)[-1] == "T-1"
