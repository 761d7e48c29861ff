"""The whole of it: a cart is left, a mail comes in the shopper's language, one click brings the cart back on another
device, the second mail's voucher pays, and the merchant sees what it brought."""

import re
import time
from email import message_from_bytes, policy
from mailbox import Maildir

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import sign_in
from tests.journeys.test_shopper import products
from tests.running import Running

pytestmark = pytest.mark.browser
GIULIA = "giulia@example.com"
PATIENCE_SECONDS = 60


def mails(shop: Running, address: str) -> list:
    """The mails to an address in the shop's mailbox, oldest first."""
    folder = shop.folder / "mailbox"
    if not folder.is_dir():
        return []
    box = Maildir(folder, create=False)
    found = [message_from_bytes(box.get_bytes(key), policy=policy.default) for key in box.iterkeys()]
    return sorted((mail for mail in found if address in mail["To"]), key=lambda mail: mail["Date"].datetime)


def wait_for_mail(shop: Running, address: str, number: int):
    """The mail of that number to an address: days go by until it is due and no hour is quiet; the worker sends it."""
    for hours in (25, 12, 12, 12, 12, 12):
        shop.move_clock(hours)
        shop.command("worker", "--once")
        deadline = time.monotonic() + 5  # the shop's own worker may have it in hand
        while time.monotonic() < deadline:
            if len(found := mails(shop, address)) >= number:
                return found[number - 1]
            time.sleep(0.1)
    raise AssertionError(f"mail {number} to {address} did not come")


def text_of(mail) -> str:
    return mail.get_body(("plain",)).get_content()


def link(mail, purpose: str) -> str:
    found = re.search(rf"/m/{purpose}/[\w-]{{43}}/", text_of(mail))
    assert found, text_of(mail)
    return found[0]


def leave_a_cart(page, shop: Running, email: str) -> str:
    """Put a product into the cart, agree to be reminded, type the address and go; the product's name."""
    page.goto(products(shop)[0].replace("/en/", "/it/"))
    name = page.locator("h1").inner_text()
    page.locator("[data-add]").click()
    expect(page.locator("dialog[open] .lines > li").first).to_be_visible()
    page.goto(f"{shop.address}/fern/it/checkout/")
    page.check("[name=consent]")
    page.fill("[name=email]", email)
    with page.expect_response(re.compile(r"/cart/identity")):
        page.locator("[name=first_name]").focus()
    return name


def draw_lots(shop: Running, email: str, arm: str) -> None:
    """Give the running campaigns a lot by which somebody is in this arm, as one in ten is held out."""
    shop.ask(
        "from itertools import count; from ghostcart.lib import clock; from ghostcart.recovery import rules;"
        "from ghostcart.recovery.models import Campaign; from ghostcart.customers import identity;"
        "from ghostcart.customers.models import Customer;"
        f"person = identity.recognise(Customer.objects.get(email='{email}'), clock.now()).pk;"
        f"salt = next(s for s in map(str, count()) if rules.arm_by_hash(s, person, 1000) == '{arm}');"
        "Campaign.objects.filter(state='running').update(salt=salt, holdout_bp=1000)"
    )


def test_a_cart_left_behind_comes_back_and_is_paid_with_the_voucher(running_shop, new_page):
    shop = running_shop
    name = leave_a_cart(new_page(locale="it-IT"), shop, GIULIA)
    draw_lots(shop, GIULIA, "contacted")

    first = wait_for_mail(shop, GIULIA, 1)
    assert "carrello" in first["Subject"].lower() + text_of(first).lower()
    assert name in text_of(first)
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "VOUCHER" not in text_of(first).upper()  # no voucher in a first reminder

    on_the_train = new_page(locale="it-IT", viewport={"width": 360, "height": 740})
    on_the_train.goto(shop.address + link(first, "back"))
    expect(on_the_train.locator(".lines")).to_contain_text(name)
    assert GIULIA not in on_the_train.content()

    second = wait_for_mail(shop, GIULIA, 2)
    code = re.search(r"\b[0-9A-HJKMNP-TV-Z]{12}\b", text_of(second))
    assert code, text_of(second)

    at_work = new_page(locale="it-IT")
    at_work.goto(shop.address + link(second, "back"))
    at_work.locator("main form button").click()
    at_work.wait_for_url(re.compile(r"/fern/it/cart/"))
    expect(at_work.locator("main [data-lines=line]")).to_contain_text(name)
    expect(at_work.locator("main")).to_contain_text(code[0])
    at_work.goto(f"{shop.address}/fern/it/account/")
    assert at_work.url.endswith("/sign-in/")  # nobody was signed in

    at_work.goto(f"{shop.address}/fern/it/checkout/")
    expect(at_work.locator("[name=shipping_method]").first).to_be_visible()
    address = {"email": GIULIA, "first_name": "Giulia", "last_name": "Rossi", "street": "Via Po 1", "postcode": "10123",
               "city": "Torino"}  # fmt: skip
    for field, value in address.items():
        at_work.fill(f"[name={field}]", value)
    at_work.select_option("[name=country]", "IT")
    at_work.locator("[name=shipping_method]").first.check()
    at_work.check("[name=payment][value=on_delivery]")
    at_work.locator("[data-order]").click()
    at_work.wait_for_url("**/thanks/**")
    number = re.search(r"FRN-\d+", at_work.locator("main").inner_text())[0]

    shop.move_clock(1)
    shop.command("worker", "--once")
    staff = sign_in(new_page(), shop)
    staff.goto(f"{shop.address}/backoffice/report/ledger/")
    row = staff.locator("tr", has_text=number)
    expect(row).to_contain_text("restored or clicked by a person")
    staff.goto(f"{shop.address}/backoffice/report/")
    expect(staff.locator("main")).to_contain_text("What the mails caused")

    shop.move_clock(24 * 5)  # not more: sessions end after two weeks, by the moved clock too
    shop.command("worker", "--once")
    assert len(mails(shop, GIULIA)) == 2  # who has bought gets no third one


def test_the_same_cart_of_somebody_held_out_gets_nothing_by_any_path(running_shop, new_page):
    shop, email = running_shop, "held.out@example.com"
    leave_a_cart(new_page(locale="it-IT"), shop, email)
    draw_lots(shop, email, "held_out")
    for _ in range(10):
        shop.move_clock(24)
        shop.command("worker", "--once")
    assert mails(shop, email) == []
    cart = shop.ask(f"from ghostcart.carts.models import Cart; print(Cart.objects.get(customer__email='{email}').pk)")
    staff = sign_in(new_page(), shop)
    staff.goto(f"{shop.address}/backoffice/carts/{cart}/")
    expect(staff.locator("main")).to_contain_text("held out")  # which is why, and it is said
    staff.goto(f"{shop.address}/backoffice/carts/{cart}/write/")
    staff.fill("[name=subject]", "Your cart")
    staff.fill("[name=body]", "Is still here.")
    staff.locator("main form button.btn-primary").click()
    expect(staff.locator("main")).to_contain_text("held out")
    shop.move_clock(12)
    shop.command("worker", "--once")
    assert mails(shop, email) == []
    told = shop.ask(
        "from ghostcart.recovery.models import VoucherGrant; from ghostcart.mail.models import Message;"
        f"print(Message.objects.filter(address='{email}').count(),"
        f" VoucherGrant.objects.filter(person__customers__email='{email}').count())"
    )
    assert told == "0 0"
