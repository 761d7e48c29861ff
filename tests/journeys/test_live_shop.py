"""The story of the first page: a shopper fills a cart, staff see it happen, a day passes, a ghost is deleted."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import sign_in

pytestmark = pytest.mark.browser


def put_in_cart(page, shop, product: str = "stoneware-mug"):
    page.goto(f"{shop.address}/fern/en/p/{product}/")
    page.locator("[data-add]").click()
    expect(page.locator("[data-cart-count]").first).to_be_visible()


def newest_cart(staff) -> str:
    row = staff.locator("[data-live-carts] tr").first
    expect(row).to_be_visible()
    return (row.get_attribute("id") or "").removeprefix("live-cart-")


def some_product(shop) -> str:
    return shop.ask(
        "from ghostcart.catalog.models import Variant;"
        "print(Variant.objects.filter(shop__slug='fern', stock__gt=20).order_by('pk')[0].product.slug)"
    )


def test_what_a_shopper_does_is_seen_at_once_and_a_day_later_the_ghost_can_be_deleted(running_shop, new_page):
    product = some_product(running_shop)
    staff, shopper = sign_in(new_page(), running_shop), new_page()

    # adds: the row and the sentence arrive without a reload
    put_in_cart(shopper, running_shop, product)
    sentence = staff.locator("[data-live-entries] li").first
    expect(sentence).to_contain_text("A visitor added 1 ×")
    number = newest_cart(staff)

    # the open cart view follows
    cart_view = staff.context.new_page()
    cart_view.goto(f"{running_shop.address}/backoffice/carts/{number}/")
    summary = cart_view.locator("#cart-summary")
    expect(summary).to_be_visible()
    shopper.goto(f"{running_shop.address}/fern/en/cart/")
    line = shopper.locator("[data-cart-view=page] .lines > li").first
    line.locator("[data-step='1']").click()
    expect(staff.locator("[data-live-entries] li").first).to_contain_text("from 1 to 2")
    expect(summary).to_contain_text(re.compile(r"\b2\b"))
    before = staff.locator(f"#live-cart-{number} [data-total-text]").inner_text()

    # removes
    line.locator("[data-remove]").click()
    expect(staff.locator("[data-live-entries] li").first).to_contain_text("removed")
    expect(staff.locator(f"#live-cart-{number} [data-total-text]")).not_to_have_text(before)

    # fills it again, leaves; a day passes
    put_in_cart(shopper, running_shop, product)
    expect(staff.locator("[data-live-entries] li").first).to_contain_text("added")
    shopper.close()
    running_shop.move_clock(25)
    cart_view.goto(f"{running_shop.address}/backoffice/carts/?id={number}")
    row = cart_view.locator(f"#cart-{number}")
    expect(row).to_contain_text("Abandoned")

    # and is deleted by hand, with a way back
    row.get_by_role("button", name="Delete").click()
    expect(cart_view.locator(f"#cart-{number}")).to_have_count(0)
    cart_view.get_by_role("button", name="Undo").first.click()
    cart_view.goto(f"{running_shop.address}/backoffice/carts/?id={number}")
    expect(cart_view.locator(f"#cart-{number}")).to_contain_text("Abandoned")


def test_an_ordered_cart_cannot_be_deleted_by_button_request_or_in_bulk(running_shop, new_page):
    number = running_shop.ask(
        "from ghostcart.carts.models import Cart; print(Cart.objects.filter(ordered_at__isnull=False)[0].pk)"
    )
    staff = sign_in(new_page(), running_shop)
    staff.goto(f"{running_shop.address}/backoffice/carts/?id={number}")
    row = staff.locator(f"#cart-{number}")
    expect(row).to_contain_text("Ordered")
    expect(row.get_by_role("button", name="Delete")).to_have_count(0)
    expect(row.get_by_role("checkbox")).to_have_count(0)

    token = staff.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value")
    answer = staff.request.post(
        f"{running_shop.address}/backoffice/carts/delete/",
        form={"csrfmiddlewaretoken": token or "", "cart": number},
        headers={"Referer": f"{running_shop.address}/backoffice/carts/"},
    )
    assert answer.ok
    kept = running_shop.ask(f"from ghostcart.carts.models import Cart; print(Cart.objects.get(pk={number}).deleted_at)")
    assert kept == "None"


def test_a_lost_connection_loses_nothing(running_shop, new_page):
    product = some_product(running_shop)
    staff, shopper = sign_in(new_page(), running_shop), new_page()
    shopper.goto(f"{running_shop.address}/fern/en/p/{product}/")

    running_shop.stop()
    expect(staff.locator("[data-live-state][data-state=lost]")).to_be_visible()
    running_shop.start()
    put_in_cart(shopper, running_shop, product)
    expect(staff.locator("[data-live-entries] li").first).to_contain_text("A visitor added", timeout=15_000)
    expect(staff.locator("[data-live-state][data-state=connected]")).to_be_visible()


def test_a_host_that_falls_silent_is_noticed_although_it_closes_nothing(running_shop, new_page):
    product = some_product(running_shop)
    staff, shopper = sign_in(new_page(), running_shop), new_page()
    shopper.goto(f"{running_shop.address}/fern/en/p/{product}/")
    expect(staff.locator("[data-live-state][data-state=connected]")).to_be_visible()

    with frozen(running_shop.server.pid):
        expect(staff.locator("[data-live-state][data-state=lost]")).to_be_visible(timeout=15_000)
    expect(staff.locator("[data-live-state][data-state=connected]")).to_be_visible(timeout=15_000)
    put_in_cart(shopper, running_shop, product)
    expect(staff.locator("[data-live-entries] li").first).to_contain_text("A visitor added")


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process and all its children stand still: as a host that lost its network looks from outside."""

    def family(pid: int) -> list[int]:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(one for child in children for one in family(int(child)))]

    everybody = family(pid)
    for one in everybody:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in everybody:
            os.kill(one, signal.SIGCONT)


def test_paused_the_page_waits_and_then_catches_up(running_shop, new_page):
    product = some_product(running_shop)
    staff, shopper = sign_in(new_page(), running_shop), new_page()
    staff.locator("[data-live-pause]").click()
    shown = staff.locator("[data-live-entries] li").first.get_attribute("id")
    put_in_cart(shopper, running_shop, product)
    expect(staff.locator("[data-live-waiting]")).to_have_text("1")
    assert staff.locator("[data-live-entries] li").first.get_attribute("id") == shown
    staff.locator("[data-live-pause]").click()
    expect(staff.locator("[data-live-entries] li").first).not_to_have_id(shown or "")


def test_a_cart_that_nobody_touches_any_more_leaves_the_page(running_shop, new_page):
    shopper = new_page()
    put_in_cart(shopper, running_shop, some_product(running_shop))
    shopper.close()
    page = new_page()
    page.clock.install()
    staff = sign_in(page, running_shop)
    number = newest_cart(staff)
    staff.clock.fast_forward("29:00")
    expect(staff.locator(f"#live-cart-{number}")).to_be_visible()
    staff.clock.fast_forward("02:00")
    expect(staff.locator(f"#live-cart-{number}")).to_have_count(0)
    expect(staff.locator("[data-live-entries] li").first).to_be_visible()


def test_the_chart_tells_the_time_of_the_shop_not_of_the_browser(running_shop, new_page):
    page = new_page(timezone_id="Asia/Kathmandu")
    page.add_init_script(
        "window.written = []; const fill = CanvasRenderingContext2D.prototype.fillText;"
        "CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {"
        " window.written.push(text); return fill.call(this, text, ...rest); };"
    )
    sign_in(page, running_shop)
    times = {" ".join(text.split()) for text in page.evaluate("() => window.written") if ":" in text}
    hour = running_shop.ask(
        "from datetime import timedelta; from ghostcart.lib import clock; from ghostcart.shops.models import Shop;"
        "now = clock.now().astimezone(Shop.objects.order_by('pk')[0].zone);"
        "print(*(f'{now - timedelta(minutes=back):%I:%M %p}' for back in range(62)), sep='|')"
    )
    assert times
    assert times <= set(hour.split("|"))


def test_two_tabs_share_one_stream_and_both_follow(running_shop, new_page):
    product = some_product(running_shop)
    first, shopper = sign_in(new_page(), running_shop), new_page()
    second = first.context.new_page()
    second.goto(f"{running_shop.address}/backoffice/")
    expect(second.locator("[data-live-state][data-state=connected]")).to_be_visible()
    put_in_cart(shopper, running_shop, product)
    for tab in (first, second):
        expect(tab.locator("[data-live-entries] li").first).to_contain_text("A visitor added")
