"""What a shopper does with two hands, two tabs and the back button: nothing is lost, nothing is doubled."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import PASSWORD
from tests.running import Running

pytestmark = pytest.mark.browser


def products(shop: Running, count: int = 2) -> list[str]:
    """Addresses of products with plenty in stock."""
    told = shop.ask(
        "from ghostcart.catalog.models import Variant;"
        "Variant.objects.filter(shop__slug='fern').update(stock=500);"
        f"print(*Variant.objects.filter(shop__slug='fern', position=0).order_by('pk')"
        f".values_list('product__slug', flat=True)[:{count}])"
    )
    return [f"{shop.address}/fern/en/p/{slug}/" for slug in told.split()]


def add(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("[data-add]").click()
    expect(page.locator("dialog[open] .lines > li").first).to_be_visible()


def lines(page: Page, shop: Running) -> list[int]:
    """The quantities on the cart page, in order."""
    page.goto(f"{shop.address}/fern/en/cart/")
    cart = page.locator("[data-cart-view=page]")
    expect(cart.locator(".lines > li").or_(cart.locator("[data-show=empty]:not([hidden])")).first).to_be_visible()
    return [int(box.input_value()) for box in cart.locator("[data-quantity]").all()]


def fill_in(page: Page, shop: Running, email: str, payment: str = "on_delivery") -> None:
    page.goto(f"{shop.address}/fern/en/checkout/")
    expect(page.locator("[name=shipping_method]").first).to_be_visible()
    for name, value in (
        ("email", email),
        ("first_name", "Ada"),
        ("last_name", "Byron"),
        ("street", "Via Roma 1"),
        ("postcode", "10121"),
        ("city", "Torino"),
    ):
        page.fill(f"[name={name}]", value)
    page.select_option("[name=country]", "IT")
    page.locator("[name=shipping_method]").first.check()
    page.check(f"[name=payment][value={payment}]")


def sign_in(page: Page, shop: Running, email: str) -> None:
    page.goto(f"{shop.address}/fern/en/account/sign-in/")
    page.fill("[name=email]", email)
    page.fill("input[type=password]", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account/")


def test_a_double_click_adds_once(running_shop, new_page):
    shopper = new_page()
    shopper.goto(products(running_shop)[0])
    shopper.locator("[data-add]").dblclick()
    expect(shopper.locator("dialog[open] .lines > li").first).to_be_visible()
    assert lines(shopper, running_shop) == [1]


def test_two_tabs_fill_one_cart(running_shop, new_page):
    mug, lamp = products(running_shop)
    first = new_page()
    first.goto(mug)
    second = first.context.new_page()
    second.goto(lamp)
    first.locator("[data-add]").click()
    second.locator("[data-add]").click()
    expect(first.locator("[data-cart-count]").first).to_have_text(re.compile("2"))
    assert lines(first, running_shop) == [1, 1]


def test_after_the_order_the_back_button_shows_an_empty_cart(running_shop, new_page):
    shopper = new_page()
    add(shopper, products(running_shop)[0])
    fill_in(shopper, running_shop, "back-button@example.com")
    shopper.locator("[data-order]").dblclick()
    shopper.wait_for_url("**/thanks/**")
    number = shopper.locator("main").inner_text()
    assert "FRN-" in number
    shopper.go_back()
    assert lines(shopper, running_shop) == []
    orders = running_shop.ask(
        "from ghostcart.orders.models import Order;print(Order.objects.filter(email='back-button@example.com').count())"
    )
    assert orders == "1"


def test_a_declined_card_keeps_the_cart(running_shop, new_page):
    shopper = new_page()
    add(shopper, products(running_shop)[0])
    fill_in(shopper, running_shop, "declined@example.com", payment="demo_card")
    shopper.check("[name=card][value=fail]")
    shopper.locator("[data-order]").click()
    expect(shopper.locator("[data-checkout-problem]")).to_contain_text("declined")
    assert lines(shopper, running_shop) == [1]


def test_a_shop_that_is_no_demonstration_takes_orders(running_shop, new_page):
    make = "from ghostcart.shops.models import Shop; Shop.objects.filter(slug='fern').update(is_demo={})"
    running_shop.ask(make.format(False))
    try:
        shopper = new_page()
        add(shopper, products(running_shop)[0])
        fill_in(shopper, running_shop, "in-earnest@example.com")
        assert shopper.locator("[name=card]").count() == 0
        shopper.locator("[data-order]").click()
        shopper.wait_for_url("**/thanks/**")
    finally:
        running_shop.ask(make.format(True))


def test_the_guest_cart_and_the_saved_one_become_one_at_sign_in(running_shop, new_page):
    mug, lamp = products(running_shop)
    at_home = new_page()
    at_home.goto(f"{running_shop.address}/fern/en/account/register/")
    for name in ("first_name", "last_name"):
        at_home.fill(f"[name={name}]", "Ada")
    at_home.fill("[name=email]", "merging@example.com")
    for box in at_home.locator("input[type=password]").all():
        box.fill(PASSWORD)
    at_home.get_by_role("button", name="Register").click()
    at_home.wait_for_url("**/sign-in/?registered")
    sign_in(at_home, running_shop, "merging@example.com")
    add(at_home, mug)

    on_the_way = new_page()
    add(on_the_way, lamp)
    sign_in(on_the_way, running_shop, "merging@example.com")
    assert lines(on_the_way, running_shop) == [1, 1]
    assert lines(at_home, running_shop) == [1, 1]


def test_looking_at_the_shop_makes_no_cart(running_shop, new_page):
    def carts() -> str:
        return running_shop.ask("from ghostcart.carts.models import Cart; print(Cart.objects.count())")

    before, shopper = carts(), new_page()
    for address in [*products(running_shop), f"{running_shop.address}/fern/en/cart/"]:
        shopper.goto(address)
        expect(shopper.locator("h1").first).to_be_visible()
    assert carts() == before


def test_an_address_that_is_typed_is_kept_only_with_the_tick(running_shop, new_page):
    def known(email: str) -> str:
        return running_shop.ask(
            "from ghostcart.customers.models import Customer;"
            f"print(Customer.objects.filter(email_key='{email}', consents__is_given=True).count(),"
            f" Customer.objects.filter(email_key='{email}').count())"
        )

    shopper = new_page()
    add(shopper, products(running_shop)[0])
    fill_in(shopper, running_shop, "untold@example.com")
    shopper.locator("[name=city]").blur()
    shopper.wait_for_load_state("networkidle")
    assert known("untold@example.com") == "0 0"
    with shopper.expect_response("**/cart/identity"):
        shopper.check("[name=consent]")
    assert known("untold@example.com") == "1 1"
