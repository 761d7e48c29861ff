"""A shop that is followed: what changes there is here at the next look, whatever clocks and backups do."""

import random
from datetime import timedelta

import pytest

from ghostcart.carts.models import Cart, CartEvent
from ghostcart.connectors import services
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.prestashop import following
from ghostcart.connectors.prestashop.database import Database
from ghostcart.customers.models import Customer
from ghostcart.orders.models import Order
from tests.connectors.prestashop.attaching import NOW, attach, everything, import_all, look
from tests.connectors.prestashop.shopmaker import ZERO, Maker

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module", params=["1.6", "9"])
def followed(request, shops_server, made_once):
    """A shop, and its number here: imported once, and as it was then for each test."""
    maker = Maker(shops_server, f"f{request.param.replace('.', '')}", request.param, seed=3).fill(30).keep()

    def follow():
        found = import_all(attach(maker, 1))
        look(found, NOW + SECOND)
        return found.pk

    with made_once(follow) as number:
        yield maker, number


@pytest.fixture
def maker(followed):
    yield followed[0]
    followed[0].restore()


@pytest.fixture
def connection(followed):
    return Connection.objects.get(pk=followed[1])


def kinds(number: int) -> list[str]:
    return list(CartEvent.objects.filter(cart__external_id=str(number)).order_by("id").values_list("kind", flat=True))


def ours(number: int) -> Cart:
    return Cart.objects.get(external_id=str(number))


def test_what_a_shopper_does_is_in_the_log_at_the_next_look(maker, connection):
    number = maker.cart(date_add=maker.at(seconds=-2), date_upd=maker.at(seconds=-2))
    maker.line(number, 2, 2)
    look(connection, NOW + 3 * SECOND)
    assert kinds(number) == ["line_added"]
    maker.line(number, 2, 1)
    maker.line(number, 4, 1)
    maker.run("UPDATE {p}cart SET id_customer = 1 WHERE id_cart = %s", number)
    maker.touch(number, maker.at(seconds=-4))
    look(connection, NOW + 5 * SECOND)
    assert kinds(number) == ["line_added", "quantity_changed", "line_added", "customer_identified"]
    assert ours(number).item_count == 4
    assert ours(number).last_activity_at == NOW + 4 * SECOND
    maker.run("DELETE FROM {p}cart_product WHERE id_cart = %s AND id_product = 4", number)
    maker.touch(number, maker.at(seconds=-6))
    look(connection, NOW + 7 * SECOND)
    assert kinds(number)[-1] == "line_removed"


def test_a_second_change_in_the_same_second_is_seen(maker, connection):
    number = maker.cart(date_upd=maker.at(seconds=-2))
    maker.line(number, 2, 1)
    look(connection, NOW + 2 * SECOND)
    maker.line(number, 2, 1)  # date_upd stays as it is
    look(connection, NOW + 3 * SECOND)
    assert ours(number).item_count == 2


def test_what_commits_late_is_seen(maker, connection):
    """A row that appears behind the place we reached: its transaction was slow, or another server's clock is behind."""
    early = maker.cart(date_upd=maker.at(seconds=-1))
    look(connection, NOW + 20 * SECOND)
    maker.cart(date_upd=maker.at(seconds=-20))
    look(connection, NOW + 21 * SECOND)
    maker.line(early, 2, 5)
    maker.touch(early, maker.at(seconds=-5))
    look(connection, NOW + 22 * SECOND)
    assert ours(early).item_count == 5


def test_without_reaching_back_what_commits_late_is_missed(maker, connection, monkeypatch):
    """The guard of the test above."""
    monkeypatch.setattr(following, "OVERLAP", timedelta())
    monkeypatch.setattr(following, "_is_time", lambda *_: False)
    test_number = maker.cart(date_upd=maker.at(seconds=-1))
    look(connection, NOW + 20 * SECOND)
    maker.cart(date_upd=maker.at(seconds=-20))
    look(connection, NOW + 21 * SECOND)
    maker.line(test_number, 2, 5)
    maker.touch(test_number, maker.at(seconds=-5))
    look(connection, NOW + 22 * SECOND)
    assert ours(test_number).item_count == 0


def test_a_cart_dated_far_ahead_hides_no_other(maker, connection):
    maker.cart(date_add=maker.at(days=-3000), date_upd=maker.at(days=-3000))
    ahead = maker.cart(date_upd=maker.at(hours=-5))
    look(connection, NOW + 2 * SECOND)
    number = maker.cart(date_upd=maker.at(seconds=-3))
    maker.line(number, 2, 1)
    look(connection, NOW + 4 * SECOND)
    assert kinds(number) == ["line_added"]
    maker.line(ahead, 2, 1)
    maker.touch(ahead, maker.at(hours=-6))
    look(connection, NOW + 5 * SECOND)
    assert ours(ahead).item_count == 1


def test_new_carts_without_a_date_are_seen(maker, connection):
    number = maker.cart(date_add=ZERO, date_upd=ZERO)
    maker.line(number, 2, 1)
    look(connection, NOW + 2 * SECOND)
    assert ours(number).item_count == 1


def test_thousands_with_one_date_are_all_seen(maker, connection, monkeypatch):
    monkeypatch.setattr(following, "LOOKED_THROUGH", 7)
    monkeypatch.setattr(following, "CARTS_AT_ONCE", 3)
    numbers = [maker.cart(date_upd=maker.at(seconds=-2)) for _n in range(20)]
    look(connection, NOW + 3 * SECOND)
    for number in numbers:
        maker.line(number, 2, 3)
    maker.run("UPDATE {p}cart SET date_upd = %s", maker.at(seconds=-60))  # a script that touches all of them at once
    look(connection, NOW + 62 * SECOND)
    assert all(ours(number).item_count == 3 for number in numbers)


def test_an_order_closes_its_cart_and_its_state_is_followed(maker, connection):
    number = maker.cart(date_upd=maker.at(seconds=-1))
    maker.line(number, 2, 1)
    look(connection, NOW + 2 * SECOND)
    order = maker.order(number, state=10, date_add=maker.at(seconds=-3), date_upd=maker.at(seconds=-3))
    look(connection, NOW + 4 * SECOND)
    assert kinds(number) == ["line_added", "ordered"]
    told = Order.objects.get(external_id=str(order))
    assert (told.status, told.total_minor) == ("pending", ours(number).total_minor)
    maker.move(order, 2, maker.at(seconds=-5))
    look(connection, NOW + 6 * SECOND)
    told.refresh_from_db()
    assert (told.status, told.settled_at) == ("paid", NOW + 5 * SECOND)
    maker.move(order, 7, maker.at(seconds=-7))
    look(connection, NOW + 8 * SECOND)
    told.refresh_from_db()
    assert told.status == "refunded"
    assert ours(number).ordered_at == NOW + 3 * SECOND


def test_a_credit_slip_is_followed_though_no_date_moves(maker, connection):
    number = maker.cart(date_upd=maker.at(seconds=-1))
    maker.line(number, 2, 1)
    order = maker.order(number, state=2, date_add=maker.at(seconds=-1), date_upd=maker.at(seconds=-1))
    look(connection, NOW + 2 * SECOND)
    told = Order.objects.get(external_id=str(order))
    assert told.refunded_minor == 0
    maker.refund(order, "0.610000", "0.500000", shipping="5.00")
    look(connection, NOW + 3 * SECOND)
    maker.refund(order, "0.240000", "0.200000")
    look(connection, NOW + 4 * SECOND)
    told.refresh_from_db()
    assert (told.status, told.refunded_minor, told.told_at) == ("paid", 85 if told.prices_include_tax else 70,
                                                                NOW + 4 * SECOND)  # fmt: skip


def test_who_was_followed_before_credit_slips_were_read_goes_on(maker, connection):
    cursor = {name: place for name, place in connection.cursor.items() if name != "slip"}
    Connection.objects.filter(pk=connection.pk).update(cursor=cursor)
    connection.refresh_from_db()
    number = maker.cart(date_upd=maker.at(seconds=-1))
    order = maker.order(number, state=2, date_add=maker.at(seconds=-1), date_upd=maker.at(seconds=-1))
    look(connection, NOW + 2 * SECOND)
    maker.refund(order, "0.610000", "0.500000")
    look(connection, NOW + 3 * SECOND)
    assert Order.objects.get(external_id=str(order)).refunded_minor in (61, 50)


def test_an_order_that_is_written_in_steps_ends_whole(maker, connection):
    """A PrestaShop writes an order, then its lines, then its state: a look may fall between."""
    number = maker.cart(date_upd=maker.at(seconds=-1))
    maker.line(number, 2, 1)
    order = maker.order(number, state=0, date_add=maker.at(seconds=-1), date_upd=maker.at(seconds=-1))
    lines = maker.ask("SELECT * FROM {p}order_detail WHERE id_order = %s", order)
    maker.run("DELETE FROM {p}order_detail WHERE id_order = %s", order)
    look(connection, NOW + 2 * SECOND)
    assert Order.objects.get(external_id=str(order)).lines.count() == 0
    maker.run(f"INSERT INTO {{p}}order_detail VALUES ({', '.join(['%s'] * len(lines[0]))})", *lines[0])
    maker.move(order, 2, maker.at(seconds=-2))
    look(connection, NOW + 3 * SECOND)
    assert Order.objects.get(external_id=str(order)).lines.count() == 1


def test_new_customers_and_visits_are_followed(maker, connection):
    maker.add("customer", id_customer=900, id_shop_group=1, id_shop=1, id_default_group=3, id_lang=2,
              email="new@example.com", firstname="New", lastname="One", date_add=maker.at(), active=1)  # fmt: skip
    number = maker.cart(id_guest=777, date_upd=maker.at(minutes=40))
    look(connection, NOW + 2 * SECOND)
    assert Customer.objects.filter(email="new@example.com").exists()
    maker.add("connections", id_guest=777, id_shop=1, date_add=maker.at(seconds=-3))
    look(connection, NOW + 4 * SECOND)
    assert ours(number).seen_at == NOW + 3 * SECOND


def test_a_voucher_on_a_cart_is_seen_though_no_date_moves(maker, connection):
    number = maker.cart(date_upd=maker.at(seconds=-1))
    maker.line(number, 2, 1)
    look(connection, NOW + 2 * SECOND)
    maker.run("INSERT INTO {p}cart_cart_rule VALUES (%s, 1)", number)
    look(connection, NOW + 25 * SECOND)
    assert kinds(number) == ["line_added", "voucher_applied"]
    assert ours(number).discount_minor > 0


def test_a_deleted_cart_is_noticed_and_an_ordered_one_is_kept(maker, connection):
    ghost, bought = maker.cart(date_upd=maker.at()), maker.cart(date_upd=maker.at())
    maker.line(bought, 2, 1)
    maker.order(bought)
    later = maker.cart(date_upd=maker.at())
    look(connection, NOW + 2 * SECOND)
    maker.run("DELETE FROM {p}cart WHERE id_cart IN (%s, %s)", ghost, bought)
    for seconds in range(3, 40, 4):
        look(connection, NOW + seconds * SECOND)
    assert ours(ghost).deleted_at is not None
    assert kinds(ghost)[-1] == "deleted"
    assert ours(bought).deleted_at is None
    assert ours(later).deleted_at is None


def test_a_restored_backup_is_noticed_and_read_again(maker, connection):
    kept = maker.cart(date_upd=maker.at(seconds=-1))
    maker.line(kept, 2, 1)
    look(connection, NOW + 2 * SECOND)
    lost = [maker.cart(date_upd=maker.at(seconds=-n)) for n in (30, 31)]
    maker.line(kept, 2, 8)
    maker.touch(kept, maker.at(seconds=-32))
    look(connection, NOW + 33 * SECOND)
    assert ours(kept).item_count == 9
    # the backup of second 2 is put in
    maker.run("DELETE FROM {p}cart WHERE id_cart >= %s", lost[0])
    maker.run("UPDATE {p}cart_product SET quantity = 1 WHERE id_cart = %s", kept)
    maker.touch(kept, maker.at(seconds=-1))
    maker.run("ALTER TABLE {p}cart AUTO_INCREMENT = 1")
    look(connection, NOW + 34 * SECOND)
    look(connection, NOW + 35 * SECOND)
    assert ours(kept).item_count == 1
    assert all(ours(number).deleted_at is not None for number in lost)
    again = maker.cart(date_add=maker.at(seconds=-36), date_upd=maker.at(seconds=-36))
    assert again == lost[0]  # the shop gives the number again
    maker.line(again, 4, 1)
    look(connection, NOW + 37 * SECOND)
    assert (ours(again).deleted_at, ours(again).item_count) == (None, 1)


def test_the_clock_going_back_in_autumn_loses_nothing(maker, connection):
    """On 25 October 2026 at 03:00 in Paris it is 02:00 again."""
    zone = connection.shop.zone
    change = NOW.replace(year=2026, month=10, day=25, hour=1, minute=0, second=0)
    Connection.objects.filter(pk=connection.pk).update(claimed_until=None)
    maker.run("DELETE FROM {p}cart WHERE date_upd > '2026-10-25'")
    seen = []
    for minutes in range(-70, 71, 10):
        moment = change + timedelta(minutes=minutes)
        local = f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        number = maker.cart(date_add=local, date_upd=local)
        maker.line(number, 2, 1)
        look(connection, moment + SECOND)
        assert ours(number).last_activity_at == moment, minutes
        seen.append(number)
        for old in seen[-3:-1]:
            maker.line(old, 2, 1)
            maker.touch(old, local)
        look(connection, moment + 2 * SECOND)
        for old in seen[-3:-1]:
            assert ours(old).last_activity_at == moment, (minutes, old)


def test_following_a_random_shopper_ends_where_a_fresh_import_does(maker, connection):
    chance = random.Random(11)
    numbers = [maker.cart(date_upd=maker.at(seconds=-1)) for _n in range(6)]
    for second in range(2, 40):
        for _change in range(chance.randint(0, 4)):
            number = chance.choice(numbers)
            match chance.randint(0, 5):
                case 0 | 1 | 2:
                    maker.some_line(number)
                case 3:
                    maker.run("DELETE FROM {p}cart_product WHERE id_cart = %s LIMIT 1", number)
                case 4:
                    maker.run("UPDATE {p}cart SET id_customer = %s WHERE id_cart = %s", chance.randint(0, 44), number)
                case 5 if chance.random() < 0.3:
                    maker.order(number, state=chance.choice([2, 6, 10]), date_add=maker.at(seconds=-second))
            maker.touch(number, maker.at(seconds=-second))
        if chance.random() < 0.7:
            look(connection, NOW + second * SECOND)
    look(connection, NOW + 60 * SECOND)
    followed = everything(connection.shop_id)
    services.import_again(connection, NOW + 60 * SECOND)
    import_all(connection, NOW + 60 * SECOND)
    again = everything(connection.shop_id)
    for name in ("Cart", "CartLine", "CartVoucher", "Order", "OrderLine"):
        kept = [{k: v for k, v in row.items() if k not in ("version", "seen_at")} for row in followed[name]]
        anew = [{k: v for k, v in row.items() if k not in ("version", "seen_at")} for row in again[name]]
        assert kept == anew, name


def test_a_look_costs_the_same_few_statements_however_many_carts(maker, connection, monkeypatch):
    asked: list[tuple[str, int]] = []
    real = Database.tuples

    def tuples(self, sql, params=None):
        found = real(self, sql, params)
        asked.append((sql, len(found)))
        return found

    monkeypatch.setattr(Database, "tuples", tuples)
    for seconds in range(3, 23):
        look(connection, NOW + seconds * SECOND)
    per_look = len(asked) / 20
    assert per_look < 6, per_look
    assert connection.state == State.FOLLOWING


def test_the_query_for_changes_goes_by_index(maker, connection):
    for number in range(300):
        maker.cart(date_add=maker.at(days=number), date_upd=maker.at(days=number))
    maker.run("ANALYZE TABLE {p}cart")
    plan = maker.ask(
        """EXPLAIN SELECT id_cart, date_upd FROM {p}cart WHERE id_shop = 1 AND date_upd <= %s AND date_upd >= %s
           ORDER BY date_upd, id_cart LIMIT 2000""",
        maker.at(days=-1),
        maker.at(seconds=30),
    )[0]
    assert plan[3] == "range"
    assert "Using index" in plan[-1]
    assert "filesort" not in plan[-1]
