"""A shop that is kept elsewhere: what its connector tells is on the open pages at once, like a shopper's own doing."""

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import sign_in
from tests.running import Running

pytestmark = pytest.mark.browser


def tell(shop: Running, what: str) -> str:
    """What a connector would tell now. `line` and `cart` are those of tests.outside; `at` is this moment."""
    return shop.ask(
        "from ghostcart.carts import intake; from ghostcart.carts.models import Cart; from ghostcart.lib import clock;"
        "from ghostcart.shops.models import Shop; from tests.outside import cart, line;"
        "at = clock.now(); fern = Shop.objects.get(slug='fern');"
        "picture = 'https://shop.invalid/img/p/1.jpg';"
        f"intake.take(fern.pk, 'prestashop', [{what}], at);"
        "print(Cart.objects.get(source='prestashop', external_id='4711').pk)"
    )


NOBODY_HERE = (
    "from datetime import timedelta; from ghostcart.carts.models import Cart, Device; from ghostcart.lib import clock;"
    "earlier = clock.now() - timedelta(hours=1);"
    "Device.objects.filter(seen_at__gt=earlier).update(seen_at=earlier);"
    "Cart.objects.filter(seen_at__gt=earlier).update(seen_at=earlier)"
)
"""The demo's visitors leave one after the other, five minutes after it was made: who comes is counted from none."""
CART = "cart('4711', {lines}, version={version}, at=at, created_at=at, is_estimated=True)"


def test_what_a_connector_tells_is_seen_as_it_happens(running_shop, new_page):
    running_shop.ask(NOBODY_HERE)
    staff = sign_in(new_page(), running_shop)
    expect(staff.locator(".live-number").first).to_have_text("0")
    number = tell(running_shop, CART.format(lines="line('mug', picture=picture)", version=1))
    row = staff.locator(f"#live-cart-{number}")
    expect(row).to_contain_text("PrestaShop 4711")
    expect(row).to_contain_text("estimated")
    expect(staff.locator("[data-live-entries] li").first).to_contain_text("A visitor added 1 ×")
    expect(staff.locator(".live-number").first).to_have_text("1")

    # the open cart view follows; the picture, which the shop does not give, is replaced
    view = staff.context.new_page()
    view.goto(f"{running_shop.address}/backoffice/carts/{number}/")
    picture = view.locator("#cart-summary img.thumb").first
    expect(picture).to_have_js_property("complete", True)
    assert "/media/outside/" in (picture.get_attribute("src") or "")
    tell(running_shop, CART.format(lines="line('mug', 3, picture=picture), line('lamp')", version=2))
    expect(view.locator("#cart-summary")).to_contain_text("Lamp")
    expect(staff.locator("[data-live-entries]")).to_contain_text("from 1 to 3")

    # the reason of the badge is there for who uses the keyboard
    badge = view.locator("#cart-summary .explained button")
    badge.focus()
    expect(view.get_by_role("tooltip")).to_be_visible()
