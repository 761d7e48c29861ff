"""A shopper signs in: the cart in hand and the saved one become one. Nothing is lost, nothing counts twice."""

from threading import Barrier

import pytest
from django.db.models import F

from ghostcart.carts import browsing, changes, ingest, storage
from ghostcart.carts.errors import CartClosed
from ghostcart.carts.merging import merge_at_sign_in
from ghostcart.carts.models import Cart, CartEvent, CartLine, Status
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import NOON, Shopper, holding
from tests.races import order, replace_statement, together

pytestmark = pytest.mark.django_db
threads = pytest.mark.django_db(transaction=True)


def sign_in(shopper, customer):
    merge_at_sign_in(shop_id=shopper.shop_id, token=shopper.token, customer=customer, now=shopper.at)


def saved_cart(shop, customer, *skus):
    """What a customer left behind on the device they signed in on before."""
    before = Shopper(shop)
    for sku in skus:
        before.add(sku)
    sign_in(before, customer)
    return before


# -- one cart out of two -------------------------------------------------------------------------


def test_the_cart_in_hand_and_the_saved_one_become_one(shop, ada):
    first = saved_cart(shop, ada, "MUG", "CLOCK")
    second = Shopper(shop)
    second.add("MUG", 3)
    second.add("LAMP")
    guest = second.cart.pk
    sign_in(second, ada)

    assert second.cart.pk == first.cart.pk
    assert holding(second.cart) == {"MUG": 4, "CLOCK": 1, "LAMP": 1}
    assert (second.cart.line_count, second.cart.item_count) == (3, 6)
    assert second.cart.products_minor == 4 * 1250 + 4990 + 8000
    assert Cart.objects.get(pk=guest).merged_into_id == first.cart.pk


def test_a_first_sign_in_makes_the_cart_in_hand_the_saved_one(shop, ada):
    shopper = saved_cart(shop, ada, "MUG")
    assert (shopper.cart.customer_id, shopper.cart.customer_label) == (ada.pk, "Ada Byron")
    assert shopper.cart.events.last().kind == "customer_identified"


def test_who_comes_with_empty_hands_finds_the_saved_cart(shop, ada):
    first, second = saved_cart(shop, ada, "MUG"), Shopper(shop)
    sign_in(second, ada)
    assert second.cart.pk == first.cart.pk
    assert second.cart.version == 2


def test_the_second_device_shows_and_fills_the_same_cart(shop, ada):
    first, second = saved_cart(shop, ada, "MUG"), Shopper(shop)
    sign_in(second, ada)
    second.add("LAMP")
    first.add("MUG")
    shown = browsing.cart_of(shop.pk, second.seen.token_hash)
    assert {key: line.quantity for key, line in shown.lines.items()} == {"MUG": 2, "LAMP": 1}
    assert Cart.objects.count() == 1


def test_the_merged_cart_keeps_its_lines_and_says_where_they_went(shop, ada):
    first, second = saved_cart(shop, ada, "MUG"), Shopper(shop)
    second.add("LAMP", 2)
    guest = second.cart
    sign_in(second, ada)
    guest.refresh_from_db()

    assert guest.status(NOON) == Status.MERGED
    assert (holding(guest), guest.line_count) == ({"LAMP": 2}, 1)
    assert guest.merged_into_id == first.cart.pk
    assert guest.events.last().data["into"] == first.cart.pk
    last = first.cart.events.last()
    assert (last.kind, last.data["from"]) == ("merged", guest.pk)
    assert {line["key"]: line["quantity"] for line in last.data["lines"]} == {"MUG": 1, "LAMP": 2}


def test_a_merged_cart_is_closed(shop, ada):
    saved_cart(shop, ada, "MUG")
    second = Shopper(shop)
    guest = second.add("LAMP").id
    sign_in(second, ada)
    with pytest.raises(CartClosed):
        ingest.record(changes.RemoveLine(shop_id=shop.pk, at=NOON, cart_id=guest, actor="staff:1", key="LAMP"))


def test_signing_in_again_changes_nothing_more(shop, ada):
    saved_cart(shop, ada, "MUG")
    second = Shopper(shop)
    second.add("MUG", 2)
    for _ in range(3):
        sign_in(second, ada)
        assert (second.cart.item_count, second.cart.version) == (3, 3)
    assert CartEvent.objects.filter(kind="merged").count() == 2


def test_signing_out_and_in_fifty_times_keeps_the_count(shop, ada):
    sizes = set()
    shopper = saved_cart(shop, ada, "MUG", "LAMP")
    for _ in range(50):
        shopper = Shopper(shop)  # signing out gives the browser a new token
        sign_in(shopper, ada)
        sizes.add((shopper.cart.line_count, shopper.cart.item_count, shopper.cart.version))
    assert sizes == {(2, 2, 3)}
    assert Cart.objects.count() == 1


def test_different_currencies_stay_apart(shop, ada):
    first, second = saved_cart(shop, ada, "MUG"), Shopper(shop)
    second.add("MUG", currency="CHF")
    sign_in(second, ada)
    assert (first.cart.currency, first.cart.item_count) == ("EUR", 1)
    assert (second.cart.currency, second.cart.item_count) == ("CHF", 1)
    assert second.cart.customer_id == ada.pk


def test_an_ordered_cart_is_no_saved_cart(shop, ada):
    first, second = saved_cart(shop, ada, "MUG"), Shopper(shop)
    order(first, ada)
    second.add("LAMP")
    sign_in(second, ada)
    assert holding(second.cart) == {"LAMP": 1}


# -- vouchers ------------------------------------------------------------------------------------


def voucher(shop, code, **more):
    return vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code=code, now=NOON, **more)


def codes(cart):
    return list(cart.vouchers.values_list("code", flat=True))


def test_vouchers_come_along_and_none_counts_twice(shop, ada):
    for code in ("BOTH", "GUEST"):
        voucher(shop, code)
    first, second = saved_cart(shop, ada, "LAMP"), Shopper(shop)
    second.add("MUG")
    first.do(changes.ApplyVoucher, code="BOTH")
    for code in ("BOTH", "GUEST"):
        second.do(changes.ApplyVoucher, code=code)
    guest = second.cart
    sign_in(second, ada)

    assert codes(second.cart) == ["BOTH", "GUEST"]
    assert second.cart.discount_minor == 925 + 833  # a tenth of 92.50, then of what is left
    assert list(guest.vouchers.values_list("amount_minor", flat=True)) == [125, 113]


# -- whose cart it is ----------------------------------------------------------------------------


def test_a_cart_that_only_names_the_address_is_not_taken_for_theirs(shop, ada):
    stranger = Shopper(shop)
    stranger.add("LAMP", 5)
    stranger.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    shopper = Shopper(shop)
    shopper.add("MUG")
    sign_in(shopper, ada)

    assert holding(shopper.cart) == {"MUG": 1}
    assert holding(stranger.cart) == {"LAMP": 5}
    # the guard: by the customer alone it would have been found
    assert Cart.objects.filter(customer=ada, lines__key="LAMP").exists()


def test_who_is_signed_in_keeps_the_cart_whatever_address_they_type(shop, ada):
    first = saved_cart(shop, ada, "MUG")
    first.do(changes.Identify, customer_id=factories.customer(shop, "gift@example.com").pk, label="Gift")
    second = Shopper(shop)
    sign_in(second, ada)
    assert holding(second.cart) == {"MUG": 1}
    assert second.cart.customer_label == "Ada Byron"


def test_a_token_that_was_not_given_out_here_is_left_alone(shop, ada):
    merge_at_sign_in(shop_id=shop.pk, token="made up", customer=ada, now=NOON)
    assert not Cart.objects.exists()


def test_a_cart_of_another_shop_does_not_come_along(shop, ada):
    elsewhere = Shopper(factories.shop())
    elsewhere.add("LAMP")
    merge_at_sign_in(shop_id=shop.pk, token=elsewhere.token, customer=ada, now=NOON)
    assert elsewhere.cart.customer_id is None


# -- at the same time ----------------------------------------------------------------------------


@threads
def test_signing_in_twice_at_once_doubles_nothing(shop, ada):
    for _ in range(10):
        person = factories.customer(shop, f"{factories.shop().slug}@example.com")
        saved_cart(shop, person, "MUG")
        second = Shopper(shop)
        second.add("MUG", 2)
        together([lambda second=second, person=person: sign_in(second, person)] * 4)
        assert holding(second.cart) == {"MUG": 3}


@threads
def test_reading_first_and_adding_then_would_double(shop, ada):
    """The guard of the test above: sums made outside of the lock, with nothing to say that it was done."""
    first, second = saved_cart(shop, ada, "MUG"), Shopper(shop)
    second.add("MUG", 2)
    saved, guest, both_have_read = first.cart, second.cart, Barrier(2)

    def merge_naively():
        lines = list(guest.lines.all())
        both_have_read.wait(20)
        for line in lines:
            CartLine.objects.filter(cart=saved, key=line.key).update(quantity=F("quantity") + line.quantity)

    together([merge_naively] * 2)
    assert holding(saved) == {"MUG": 5}


@threads
def test_what_is_added_while_signing_in_is_not_lost(shop, ada):
    for number in range(10):
        person = factories.customer(shop, f"p{number}@example.com")
        first, second = saved_cart(shop, person, "MUG"), Shopper(shop)
        second.add("MUG")
        adding = [lambda second=second: second.add("MUG")] * 4 + [lambda first=first: first.add("MUG")] * 2
        results = together([*adding, lambda second=second, person=person: sign_in(second, person)])
        assert not [result for result in results if isinstance(result, Exception)]
        assert holding(second.cart) == {"MUG": 8}
        versions = list(second.cart.events.values_list("cart_version", flat=True))
        assert sorted(set(versions)) == list(range(1, second.cart.version + 1))


@threads
def test_two_devices_that_sign_in_at_once_end_with_one_cart(shop):
    for number in range(10):
        person = factories.customer(shop, f"p{number}@example.com")
        one, other = Shopper(shop), Shopper(shop)
        one.add("MUG")
        other.add("LAMP")
        together([lambda one=one, person=person: sign_in(one, person),
                  lambda other=other, person=person: sign_in(other, person)])  # fmt: skip
        live = Cart.objects.get(customer=person, merged_at=None)
        assert holding(live) == {"MUG": 1, "LAMP": 1}


@threads
@pytest.mark.postgres
def test_without_the_customers_lock_they_would_end_with_two(shop, ada, monkeypatch):
    """The guard of the test above: both look for a saved cart before either has one."""
    both_have_looked, real = Barrier(2), storage.saved_carts
    replace_statement(monkeypatch, "lock_customer", "SELECT id FROM customers_customer WHERE id = %(customer_id)s")

    def look(batch):
        found = real(batch)
        both_have_looked.wait(20)
        return found

    one, other = Shopper(shop), Shopper(shop)
    one.add("MUG")
    other.add("LAMP")
    monkeypatch.setattr(storage, "saved_carts", look)
    together([lambda: sign_in(one, ada), lambda: sign_in(other, ada)])
    assert Cart.objects.filter(customer=ada, merged_at=None).count() == 2


def test_what_another_customer_saved_on_a_shared_device_stays_theirs():
    shop = factories.shop()
    ada, bob = factories.customer(shop, "ada@example.com"), factories.customer(shop, "bob@example.com")
    device = Shopper(shop)
    device.add("MUG", 2)
    device_signs_in = [
        device.change(changes.SignIn, customer_id=customer.pk, label=customer.label) for customer in (ada, bob)
    ]
    for change in device_signs_in:
        ingest.record(change)
    device.add("LAMP")
    assert list(ada.carts.values_list("item_count", flat=True)) == [2]
    assert list(bob.carts.values_list("item_count", flat=True)) == [1]
