"""What a shopper wrote is read by staff, in a real browser: none of it runs, none of it becomes a part of the page."""

import json

import pytest
from playwright.sync_api import expect

from tests import running
from tests.hostile import SCRIPTS
from tests.journeys.browsing import sign_in

pytestmark = pytest.mark.browser
HURT = "() => [...document.querySelectorAll('[data-hurt]')].map((one) => one.outerHTML)"


@pytest.fixture(scope="module")
def running_shop(tmp_path_factory, journeys_server):
    """One of its own: what stands in it would be in the way of the other journeys. A page follows the shops that were
    there when it was opened, so the hostile one is there from the start."""
    with running.demo(tmp_path_factory.mktemp("thorn"), journeys_server) as shop:
        shop.ask("from tests.journeys.hostile_shop import paths; paths()")
        shop.start()
        yield shop


@pytest.fixture
def staff(running_shop, new_page):
    """Whoever sees a dialog, or a violation of the page's policy, fails the test."""
    page = new_page()
    page.on("dialog", lambda dialog: (new_page.trouble.append(f"{page.url}: {dialog.message}"), dialog.dismiss()))
    return sign_in(page, running_shop)


def test_nothing_that_a_shopper_wrote_runs_in_the_back_office(running_shop, staff):
    told = running_shop.ask("import json; from tests.journeys.hostile_shop import paths; print(json.dumps(paths()))")
    paths, hurt, shown = json.loads(told), {}, 0
    for path in paths:
        answer = staff.goto(running_shop.address + path)
        staff.wait_for_load_state("load")
        assert answer.status == 200, path
        shown += "data-hurt" in answer.text()
        for frame in staff.frames:
            if found := frame.evaluate(HURT):
                hurt[path] = found
    print(f"\n{len(SCRIPTS)} vectors on {shown} of {len(paths)} pages: {len(hurt)} became a part of one")
    assert hurt == {}
    assert shown > len(SCRIPTS)  # they are there, as text


def test_nothing_that_a_shopper_wrote_runs_on_an_open_page(running_shop, staff):
    expect(staff.locator("[data-live-state][data-state=connected]")).to_be_visible()
    for number, text in enumerate(SCRIPTS):
        running_shop.ask(
            "from tests.journeys.hostile_shop import paths, Shop, Product, Variant, NAME, write\n"
            "from tests import factories; from ghostcart.lib import clock; from ghostcart.carts import changes\n"
            f"paths(); text = {text!r}; shop = Shop.objects.get(name__startswith=NAME)\n"
            "write(Product.objects.get(shop=shop, slug='lamp'), names={'en': text, 'it': text})\n"
            "write(Variant.objects.get(shop=shop, sku='LAMP'), options={'en': text})\n"
            "shopper = factories.Shopper(shop, at=clock.now()); shopper.add('LAMP')\n"
            "person = factories.customer(shop, 'live@example.com')\n"
            "shopper.do(changes.Identify, customer_id=person.pk, label=text[:120]); print(shopper.cart.pk)"
        )
        if number % 10 == 9:
            assert staff.evaluate(HURT) == []
    expect(staff.locator("[data-live-entries]")).to_contain_text(SCRIPTS[-2])
    assert staff.evaluate(HURT) == []


@pytest.mark.parametrize("vector", SCRIPTS[:4])
def test_in_a_page_that_takes_markup_it_would_be_seen(running_shop, new_page, staff, vector):
    """The guard of the tests above."""
    staff.evaluate("(text) => document.querySelector('main').insertAdjacentHTML('beforeend', text)", vector)
    assert staff.evaluate(HURT) != []
    new_page.trouble.clear()
