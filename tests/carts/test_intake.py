"""Whole carts as another shop tells them: the newest wins, and what changed is in the log."""

import random
from datetime import timedelta
from functools import partial

import pytest

from ghostcart.carts import intake, services
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.carts.snapshots import CartSnapshot, VoucherSnapshot
from ghostcart.catalog import intake as catalog_intake
from ghostcart.customers import intake as customer_intake
from ghostcart.lib.snapshots import Taken
from tests import factories
from tests.factories import NOON
from tests.outside import SOURCE, cart, customer, line, product
from tests.races import together

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=5)


def take(shop, *told, **more):
    return intake.take(shop.pk, SOURCE, told, NOON, **more)


def kinds(of: str = "1") -> list[str]:
    return list(CartEvent.objects.filter(cart__external_id=of).order_by("id").values_list("kind", flat=True))


def head(of: str = "1") -> Cart:
    return Cart.objects.get(external_id=of)


def test_a_new_cart_is_there_with_its_lines_and_in_the_log(shop):
    catalog_intake.take(shop.pk, SOURCE, [product("mug")])
    customer_intake.take(shop.pk, SOURCE, [customer("7")], NOON)
    assert take(shop, cart("1", line("mug", 2), line("lamp"), customer="7")) == {"1": Taken.CREATED}
    ours = head()
    assert (ours.total_minor, ours.item_count, ours.line_count, ours.customer_label) == (3000, 3, 2, "Ada Byron")
    assert ours.abandon_after == NOON + shop.abandoned_after
    assert [one.variant and one.variant.external_id for one in ours.lines.all()] == ["mug", None]
    assert kinds() == ["line_added", "line_added", "customer_identified"]


def test_what_changed_is_told_and_the_rest_is_not(shop):
    take(shop, cart("1", line("mug"), line("lamp")))
    assert take(shop, cart("1", line("mug", 3), line("clock"), version=2, at=LATER)) == {"1": Taken.CHANGED}
    assert kinds()[2:] == ["quantity_changed", "line_added", "line_removed"]
    ours = head()
    assert (ours.version, ours.last_activity_at, ours.total_minor) == (2, LATER, 4000)
    assert {one.key: one.quantity for one in ours.lines.all()} == {"mug": 3, "clock": 1}


def test_told_again_nothing_changes(shop):
    told = cart("1", line("mug"))
    take(shop, told)
    before = (list(Cart.objects.values()), CartEvent.objects.count())
    assert take(shop, told) == {"1": Taken.UNCHANGED}
    assert (list(Cart.objects.values()), CartEvent.objects.count()) == before


def test_a_voucher_that_two_orders_of_a_cart_tell_is_one_and_told_again_nothing_changes(shop):
    told = cart("1", line("mug"), vouchers=[VoucherSnapshot("Spring", "", 500), VoucherSnapshot("SPRING", "", 300)])
    take(shop, told)
    assert take(shop, told) == {"1": Taken.UNCHANGED}
    assert [(one.code, one.amount_minor) for one in head().vouchers.all()] == [("SPRING", 800)]
    assert head().version == 1


def test_in_whatever_order_versions_arrive_the_newest_stands(shop):
    versions = [
        cart("1", *[line(f"p{n}", n + 1) for n in range(k)], version=k, at=NOON + timedelta(minutes=k))
        for k in range(1, 7)
    ]
    chance = random.Random(5)
    for number in range(20):
        told = [CartSnapshot(**{f: getattr(v, f) for f in v.__struct_fields__} | {"external_id": str(number)})
                for v in versions]  # fmt: skip
        chance.shuffle(told)
        fates = [take(shop, one)[str(number)] for one in told]
        assert fates.count(Taken.CREATED) == 1
        assert (head(str(number)).line_count, head(str(number)).external_version) == (6, 6)


def test_an_import_of_history_writes_no_log(shop):
    take(shop, cart("1", line("mug")), is_history=True)
    assert head().lines.count() == 1
    assert kinds() == []


def test_a_cart_that_the_shop_deleted_is_deleted_here(shop):
    take(shop, cart("1", line("mug")))
    take(shop, cart("1", version=2, is_deleted=True))
    assert head().deleted_at == NOON
    assert kinds()[-1] == "deleted"


def test_a_cart_that_staff_deleted_comes_back_only_when_the_shopper_goes_on(shop):
    take(shop, cart("1", line("mug")))
    services.delete([head().pk], "staff:1", NOON + timedelta(minutes=1))
    assert take(shop, cart("1", line("mug"), version=1)) == {"1": Taken.UNCHANGED}
    assert head().deleted_at is not None
    take(shop, cart("1", line("mug", 2), version=2, at=LATER))
    assert head().deleted_at is None


def test_a_cart_of_another_source_or_shop_is_another_cart(shop):
    other = factories.shop()
    take(shop, cart("1", line("mug")))
    intake.take(shop.pk, "third", [cart("1", line("mug"))], NOON)
    intake.take(other.pk, SOURCE, [cart("1", line("mug"))], NOON)
    assert Cart.objects.filter(external_id="1").count() == 3


@pytest.mark.django_db(transaction=True)
def test_told_by_many_at_once_a_new_cart_is_one(shop):
    told = [cart("1", *[line(f"p{k}") for k in range(n + 1)], version=n) for n in range(8)]
    results = together([partial(take, shop, one) for one in told])
    assert Cart.objects.filter(external_id="1").count() == 1
    assert head().line_count == 8
    assert [fate for one in results for fate in one.values()].count(Taken.CREATED) == 1
