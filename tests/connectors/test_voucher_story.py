"""The whole way of a reminder's voucher, with a real database of a shop: made there, mailed, taken away."""

from zoneinfo import ZoneInfo

import pytest

from ghostcart.connectors import vouchers
from ghostcart.connectors.desks import open_desk
from ghostcart.connectors.models import Connection, Made, PushedVoucher
from ghostcart.connectors.options import SEALED
from ghostcart.connectors.vouchers import Way
from ghostcart.lib import sealing
from ghostcart.mail.models import State
from ghostcart.recovery import ledger
from ghostcart.recovery.models import Grade, LedgerLine
from ghostcart.shops.models import Shop
from ghostcart.vouchers.models import Voucher, VoucherRedemption
from tests.connectors.prestashop import attaching, voucher_tables
from tests.connectors.prestashop.shopmaker import Maker
from tests.connectors.test_vouchers import SECOND, attached, campaign, message, two_mails, worker  # noqa: F401
from tests.factories import NOON
from tests.recovery import following
from tests.recovery.following import HOUR

PARIS = ZoneInfo("Europe/Paris")
pytestmark = pytest.mark.django_db


@pytest.fixture
def server(shops_server):
    return shops_server


@pytest.fixture
def there(server, attached):  # noqa: F811
    """The attached shop's database, with a user who may make vouchers and nothing else."""
    voucher_tables.make(server, "shop", "8")
    url = voucher_tables.user(server, "shop", "clerk", writes="INSERT, DELETE")
    Connection.objects.update(
        address=url.replace(":secret", ""),
        secret=sealing.seal("secret", SEALED),
        options={"shop_id": 1, "vouchers": "database"},
    )
    return lambda sql: voucher_tables.rows(server, "shop", sql)


def test_made_before_its_mail_and_gone_after_its_end(there, attached, campaign):  # noqa: F811
    pile = two_mails(attached.shop)
    voucher = Voucher.objects.get()
    assert len(pile.letters) == 1
    assert there("SELECT code, id_customer, active, reduction_percent FROM ps_cart_rule") == [(voucher.code, 7, 1, 10)]
    end = voucher.valid_until + vouchers.GRACE
    assert vouchers.take_away(end, open_desk)
    assert there("SELECT COUNT(*) FROM ps_cart_rule") == [(0,)]
    assert PushedVoucher.objects.get().state == Made.REMOVED


def test_the_database_killed_in_the_middle_loses_and_doubles_nothing(server, there, attached, campaign):  # noqa: F811
    for statement in ("SET GLOBAL innodb_flush_log_at_trx_commit = 1", "FLUSH TABLES", "FLUSH ENGINE LOGS"):
        there(statement)  # this server writes lazily otherwise
    server.kill()
    try:
        pile = two_mails(attached.shop)
    finally:
        server.boot()
    waiting = message()
    assert (pile.letters, waiting.state, waiting.reason) == ([], State.FAILED_TEMP, "voucher_waits")
    assert PushedVoucher.objects.get().trouble.startswith("cannot_connect")
    assert len(worker(waiting.due_at, pile).letters) == 1
    assert there("SELECT code FROM ps_cart_rule") == [(Voucher.objects.get().code,)]


def test_a_user_without_the_right_holds_the_mail_and_says_which_table(server, there, attached, campaign):  # noqa: F811
    voucher_tables.user(server, "shop", "clerk")
    two_mails(attached.shop)
    assert message().reason == "voucher_waits"
    assert PushedVoucher.objects.get().trouble == "missing_write_right:ps_cart_rule"


# -- the loop ------------------------------------------------------------------------------------------


def test_its_use_in_an_order_of_the_shop_closes_the_loop_in_the_report(server):
    """A shop attached by its database: a cart left there, a voucher made there, an order there that uses it."""
    maker = Maker(server, "loop", "8", seed=5)
    maker.surroundings()
    maker.catalogue()
    maker.add("customer", id_customer=900, id_shop=1, id_shop_group=1, id_default_group=3, id_lang=2, newsletter=1,
              firstname="Ada", email="ada@example.com", active=1, date_add=maker.at(days=9))  # fmt: skip
    connection = attaching.import_all(attaching.attach(maker, 1, newsletter_is_consent=True))
    vouchers.choose(connection, Way.DATABASE)
    shop = Shop.objects.get(pk=connection.shop_id)
    following.campaign(shop)

    cart = maker.cart(id_customer=900, date_add=local(NOON + HOUR), date_upd=local(NOON + HOUR))
    maker.line(cart, 2, 3)
    attaching.look(connection, NOON + HOUR)
    worker(NOON + 26 * HOUR)
    pile = worker(SECOND)
    voucher = Voucher.objects.get(shop=shop)
    assert len(pile.letters) == 1
    rows = maker.ask("SELECT id_cart_rule, id_customer, date_to FROM {p}cart_rule WHERE code = %s", voucher.code)
    (number, customer, until), *others = rows
    assert (others, customer, str(until)) == (
        [],
        900,
        f"{local(voucher.valid_until - HOUR)[:10]} 23:59:59",
    )

    at = SECOND + HOUR
    order = maker.order(cart, 2, date_add=local(at), date_upd=local(at), total_discounts_tax_incl="4.20",
                        total_discounts_tax_excl="3.44")  # fmt: skip
    maker.add("order_cart_rule", id_order=order, id_cart_rule=number, value="4.20", value_tax_excl="3.44")
    attaching.look(connection, at + HOUR / 4)
    assert VoucherRedemption.objects.get().voucher == voucher
    ledger.write(at + HOUR)
    line = LedgerLine.objects.get()
    assert (line.grade, line.voucher_minor, line.order.external_id) == (Grade.VOUCHER, 420, str(order))


def local(moment):
    """As the shop writes it."""
    return f"{moment.astimezone(PARIS):%Y-%m-%d %H:%M:%S}"
