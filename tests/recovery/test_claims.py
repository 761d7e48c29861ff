"""The last look before a mail goes out."""

import pytest

from ghostcart.carts import changes
from ghostcart.carts import services as cart_services
from ghostcart.mail.models import Message, State
from tests.factories import NOON
from tests.recovery import following
from tests.recovery.following import DAY, HOUR, left, leaving, why, worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return following.shop()


@pytest.fixture
def campaign(shop):
    return following.campaign(shop)


def test_it_works(shop, campaign):
    cart = left(shop, at=NOON + HOUR)
    assert not worker(NOON + 24 * HOUR).letters
    pile = worker(NOON + 25 * HOUR)
    assert pile.recipients() == ["ada@example.com"]
    message = Message.objects.get(state=State.SENT)
    assert message.language == "it"
    assert message.facts["cart"]["lines"][0]["name"] == "Mug (it)"
    assert why(cart) == [("enrolled", ""), ("sent", "")]
    assert {link.purpose for link in message.links.all()} == {"restore", "stop", "preferences"}
