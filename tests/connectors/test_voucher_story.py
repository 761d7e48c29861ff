"""The whole way of a reminder's voucher, with a real database of a shop: made there, mailed, taken away."""

import pytest

from ghostcart.connectors import vouchers
from ghostcart.connectors.desks import open_desk
from ghostcart.connectors.models import Connection, Made, PushedVoucher
from ghostcart.connectors.prestashop.access import SEALED
from ghostcart.lib import sealing
from ghostcart.mail.models import State
from ghostcart.vouchers.models import Voucher
from tests.connectors.prestashop import voucher_tables
from tests.connectors.test_vouchers import SECOND, attached, campaign, message, two_mails, worker  # noqa: F401

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
