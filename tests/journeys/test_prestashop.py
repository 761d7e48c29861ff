"""A worker follows a PrestaShop's database: what shoppers do there is on the live page within a moment."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests import mariadb, running
from tests.connectors.conftest import shops_server as shops_server
from tests.connectors.prestashop.shopmaker import Maker
from tests.journeys.browsing import Browsers, sign_in
from tests.running import Running

pytestmark = pytest.mark.browser


@pytest.fixture
def attached(tmp_path, journeys_server, shops_server: mariadb.Server):
    """A running shop with a worker, and a PrestaShop that it follows."""
    maker = Maker(shops_server, "journey", "8", seed=5).fill(carts=20)
    with running.demo(tmp_path, journeys_server) as shop:
        shop.command("connect", "prestashop", maker.url, "--yes")
        shop.ask(
            "from ghostcart.backoffice.models import Membership, User;"
            "from ghostcart.connectors.models import Connection;"
            "owner = User.objects.get(email='owner@demo.example'); shop = Connection.objects.get().shop;"
            "Membership.objects.get_or_create(user=owner, shop=shop, defaults={'role': 'owner'})"
        )
        shop.start()
        yield shop, maker


def wall(maker: Maker) -> str:
    """Now, as the shop writes it."""
    zone = maker.ask("SELECT value FROM {p}configuration WHERE name = 'PS_TIMEZONE'")[0][0]
    return f"{datetime.now(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def test_a_cart_that_is_changed_in_the_shops_database_is_on_the_live_page(
    attached: tuple[Running, Maker], chromium, capsys
):
    shop, maker = attached
    browsers = Browsers(chromium, shop)
    staff = sign_in(browsers(), shop)
    number = maker.cart(date_add=wall(maker), date_upd=wall(maker), id_lang=1)
    row = staff.locator("[id^=live-cart-]", has_text=f"PrestaShop {number}")
    for quantity in range(1, 6):
        maker.line(number, 2)
        changed = time.monotonic()
        maker.touch(number, wall(maker))
        expect(row).to_be_visible()
        expect(row.locator("td.text-end").first).to_have_text(str(quantity))
        with capsys.disabled():
            print(f"\nseen after {time.monotonic() - changed:.2f} s", end="")
    browsers.close()
    assert browsers.trouble == []
