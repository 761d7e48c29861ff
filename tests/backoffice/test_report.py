"""The report and the ledger as pages: what they say with nothing, with little, and with enough."""

from datetime import timedelta

import pytest

from ghostcart.backoffice.models import Role
from ghostcart.backoffice.views.report import sentence
from ghostcart.mail.models import EventKind
from ghostcart.recovery import ledger, report
from ghostcart.recovery.models import Arm
from ghostcart.recovery.report import Caused
from ghostcart.recovery.statistics import Arm as People
from ghostcart.recovery.statistics import Effect
from tests import factories
from tests.factories import NOON, Shopper
from tests.races import order
from tests.recovery import cast

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def shop():
    return factories.shop()


@pytest.fixture
def viewer(client, shop):
    user = factories.staff(Role.VIEWER, shop)
    client.force_login(user)
    return user


@pytest.fixture
def bought(shop, monkeypatch):
    """Ada came back by a link and bought; the clock stands three days later."""
    monkeypatch.setattr("ghostcart.lib.clock.now", lambda: NOON + 3 * DAY)
    ada = factories.customer(shop)
    shopper = Shopper(shop)
    shopper.add("LAMP")
    reminder = cast.sent(cast.enrol(cast.campaign(shop), ada, cart=shopper.cart), NOON + DAY)
    cast.happened(reminder, EventKind.RESTORED)
    placed = order(shopper.wait(days=2), ada)
    ledger.write(NOON + 3 * DAY)
    return placed


def test_without_a_campaign_the_page_says_what_would_be_here(client, viewer):
    assert "Nothing to report yet" in client.get("/backoffice/report/").content.decode()
    assert "No order followed a mail yet" in client.get("/backoffice/report/ledger/").content.decode()


@pytest.mark.parametrize("days", ["7", "30", "365", "nonsense"])
def test_the_figures_open_into_their_rows(client, viewer, bought, days):
    page = client.get(f"/backoffice/report/?days={days}").content.decode()
    assert "Too early to say" in page
    assert "/backoffice/messages/?event=restored" in page.replace("&amp;", "&")
    assert [m.pk for m in client.get("/backoffice/messages/?event=restored").context["page"].rows]
    assert not client.get("/backoffice/messages/?event=bounced").context["page"].rows
    assert bought.number in client.get("/backoffice/report/ledger/").content.decode()


def test_other_shops_see_nothing_of_it(client, bought):
    other = factories.shop()
    client.force_login(factories.staff(Role.OWNER, other))
    assert "Nothing to report yet" in client.get("/backoffice/report/").content.decode()
    campaign = bought.ledger.get().campaign_id
    for query in ("", f"?campaign={campaign}", "?campaign=99999999999999999999", "?campaign=x"):
        assert bought.number not in client.get(f"/backoffice/report/ledger/{query}").content.decode()


def caused(effect=None, held_out=(100, 8)) -> Caused:
    return Caused(People(900, 90), People(*held_out), effect, effect, {}, {}, 7_700)


def test_it_is_said_in_words_what_can_be_said():
    assert "about 7,700 more" in sentence(caused())
    assert "followed to the end" in sentence(Caused(People(0, 0), People(0, 0), None, None, {}, {}, 10_000_000))
    assert "Nobody was held out" in sentence(caused(held_out=(0, 0)))
    assert "between 3 and 40" in sentence(caused(Effect(20, 3.2, 39.8)))
    assert "cannot be told yet" in sentence(caused(Effect(5, -10, 20)))
    assert "fewer orders" in sentence(caused(Effect(-20, -39.8, -3)))


def test_with_enough_people_the_interval_is_drawn(client, viewer, shop, monkeypatch):
    campaign = cast.campaign(shop)
    customer = factories.customer(shop)
    cast.enrol(campaign, customer, arm=Arm.CONTACTED)
    monkeypatch.setattr(report, "caused", lambda *_: caused(Effect(20, 3.2, 39.8)))
    page = client.get("/backoffice/report/").content.decode()
    assert 'class="whisker"' in page
    assert "between 3 and 40" in page
