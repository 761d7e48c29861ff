"""Staff change what is in a cart, for somebody on the phone."""

import pytest

from ghostcart.backoffice.models import Role
from ghostcart.carts.models import Cart, CartEvent
from tests import factories
from tests.backoffice.cast import signed_in
from tests.factories import Shopper

pytestmark = pytest.mark.django_db


@pytest.fixture
def shopper(shop):
    shopper = Shopper(shop)
    shopper.add("MUG", 2)
    shopper.add("LAMP")
    return shopper


def send(client, cart, **told):
    answer = client.get(page(cart))
    lines = {field.html_name: line.quantity for line, field in answer.context["form"].lines}
    keys = {line.key: field.html_name for line, field in answer.context["form"].lines}
    named = {keys.get(name, name): value for name, value in told.items()}
    return client.post(page(cart), {"version": cart.version, "quantity": 1, **lines, **named})


def page(cart):
    return f"/backoffice/carts/{cart.pk}/change/"


def quantities(cart):
    return dict(cart.lines.values_list("sku", "quantity"))


def test_one_more_mug_and_a_clock_and_the_timeline_says_who_did_it(shop, shopper):
    client = signed_in(Role.AGENT, shop, name="Bea")
    cart = shopper.cart
    assert send(client, cart, MUG=3, LAMP=0, sku="CLOCK", quantity=2).status_code == 302
    cart.refresh_from_db()
    assert quantities(cart) == {"MUG": 3, "CLOCK": 2}
    assert cart.total_minor == 3 * 1250 + 2 * 4990 + 490
    told = CartEvent.objects.filter(cart=cart).order_by("-pk")[:3]
    assert all(event.actor.startswith("staff:") for event in told)
    assert "Bea" in client.get(f"/backoffice/carts/{cart.pk}/").content.decode()


def test_it_is_all_or_nothing(shop, shopper):
    cart = shopper.cart
    before = list(CartEvent.objects.values_list("pk", flat=True))
    answer = send(signed_in(Role.AGENT, shop), cart, MUG=5, sku="CLOCK", quantity=3)  # there are two
    assert answer.context["form"].errors
    cart.refresh_from_db()
    assert quantities(cart) == {"MUG": 2, "LAMP": 1}
    assert list(CartEvent.objects.values_list("pk", flat=True)) == before


def test_what_the_shopper_changed_meanwhile_is_not_overwritten(shop, shopper):
    client, cart = signed_in(Role.AGENT, shop), shopper.cart
    shopper.add("MUG", 4)
    answer = send(client, cart, MUG=3)
    assert "changed elsewhere in the meantime" in answer.content.decode()
    assert quantities(cart) == {"MUG": 6, "LAMP": 1}


def test_only_agents_of_the_shop_may(shop, shopper):
    cart = shopper.cart
    assert signed_in(Role.VIEWER, shop).get(page(cart)).status_code == 403
    assert signed_in(Role.OWNER, factories.shop()).post(page(cart), {}).status_code == 404
    assert "Change the cart" not in signed_in(Role.VIEWER, shop).get(f"/backoffice/carts/{cart.pk}/").content.decode()


@pytest.mark.parametrize(
    "state", [{"ordered_at": factories.NOON}, {"deleted_at": factories.NOON}, {"source": "prestashop"}]
)
def test_a_cart_that_is_none_any_more_or_is_kept_elsewhere_is_not_changed(shop, shopper, state):
    cart = shopper.cart
    Cart.objects.filter(pk=cart.pk).update(**state)
    client = signed_in(Role.AGENT, shop)
    answer = client.post(page(cart), {"version": cart.version, "sku": "MUG", "quantity": 1})
    assert answer.status_code in (302, 404)
    assert quantities(cart) == {"MUG": 2, "LAMP": 1}
