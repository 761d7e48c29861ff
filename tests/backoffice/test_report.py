"""The report and the ledger as pages: what they say with nothing, with little, and with enough."""

import csv
import re
from datetime import timedelta
from html import unescape
from types import SimpleNamespace

import pytest

from ghostcart.backoffice import exports
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.views.report import headline, sentence
from ghostcart.mail.models import EventKind
from ghostcart.recovery import ledger, report
from ghostcart.recovery.attributed import Figures
from ghostcart.recovery.models import Arm, Campaign
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


@pytest.mark.parametrize(
    ("effects", "value", "note"),
    [
        ([None], "Too early to say", "€0.00 from 0 orders followed"),
        ([Effect(10_000, -500, 20_500), None], "Not certain yet", "Best guess €100.00, between -€5.00 and €205.00."),
        ([Effect(10_000, 5_000, 15_000), Effect(100, 0, 200)], "about €101.00", "Between €50.00 and €152.00."),
        ([Effect(-10_000, -15_000, -5_000)], "about -€100.00", "Between -€150.00 and -€50.00."),
    ],
)
def test_one_figure_stands_on_top_and_claims_no_more_than_is_known(shop, effects, value, note):
    rows = [SimpleNamespace(caused=SimpleNamespace(revenue={"EUR": effect})) for effect in effects]
    told = headline(rows, Figures(), shop)
    assert told["value"] == value
    assert note in told["note"]


FIGURE = re.compile(r'<a href="(/backoffice/report/[^"]+)">([\d,]+)</a>')


@pytest.mark.parametrize("days", ["7", "30", "365", "nonsense"])
def test_every_figure_opens_into_as_many_rows(client, viewer, bought, days):
    page = client.get(f"/backoffice/report/?days={days}").content.decode()
    assert "Too early to say" in page
    figures = [(unescape(path), int(count)) for path, count in FIGURE.findall(page)]
    for path, count in figures:
        rows = client.get(path).context
        assert (rows["count"], path) == (count, path)
    assert {path.partition("?")[0].split("/")[-2] for path, _count in figures} == {"mails", "people", "ledger"}
    of_the_day = [count for path, count in figures if "day=2026-11-23" in path and "what=" in path]
    assert of_the_day == [1, 1]  # sent, restored
    assert bought.number in client.get("/backoffice/report/ledger/").content.decode()


def test_the_compared_are_listed_with_what_they_ordered_in_their_time(client, viewer, bought, monkeypatch):
    monkeypatch.setattr("ghostcart.lib.clock.now", lambda: NOON + 20 * DAY)
    campaign = bought.ledger.get().campaign_id
    cast.enrol(Campaign.objects.get(), factories.customer(bought.shop, "eve@example.com"), arm=Arm.HELD_OUT)
    address = f"/backoffice/report/{campaign}/people/?"
    found = {query: client.get(f"{address}{query}") for query in
             ("", "arm=contacted", "arm=held_out", "arm=held_out&bought", "page=99&arm=contacted&bought")}  # fmt: skip
    assert [answer.context["count"] for answer in found.values()] == [2, 1, 1, 0, 1]
    assert bought.number in found["arm=contacted"].content.decode()
    assert "Nobody is in this group yet" in found["arm=held_out&bought"].content.decode()


@pytest.mark.parametrize(
    "wrong", ["what=x", "day=0001-01-01", "day=9999-12-31", "day=x", "step=9999999999999999999999", "step=x",
              "language=xx", "days=0", "size=7", "after=x"],
)  # fmt: skip
def test_what_makes_no_sense_is_not_asked(client, viewer, shop, bought, wrong):
    for path in (f"{shop.pk}/mails/?", f"ledger/?shop={shop.pk}&"):
        answer = client.get(f"/backoffice/report/{path}{wrong}")
        assert (answer.status_code, answer.context["count"]) == (200, 1)


def test_the_report_and_the_ledger_leave_as_files(client, shop, bought, settings, tmp_path):
    settings.EXPORTS_ROOT = tmp_path
    manager = factories.staff(Role.MANAGER, shop)
    client.force_login(manager)
    assert 'value="report"' in client.get("/backoffice/report/").content.decode()
    told = {}
    for page in ("report", "ledger"):
        asked = exports.ask(manager, page=page, query=f"shop={shop.pk}&days=30", shop_ids=[shop.pk], format="csv",
                            language="en", now=NOON + 3 * DAY)  # fmt: skip
        assert exports.write_next(NOON + 3 * DAY)
        asked.refresh_from_db()
        assert not asked.error
        told[page] = list(csv.DictReader(exports.path_of(asked).read_text("utf-8-sig").splitlines()))
        assert asked.rows_total == len(told[page])
    assert [(row["Kind"], row["Sent"], row["Ordered"]) for row in told["report"]] == [
        ("Step", "1", "1"), ("Language", "1", "1"), ("Day", "0", "1"), ("Day", "1", "0"),
    ]  # fmt: skip
    assert [(row["Order"], row["Evidence"], row["Amount"]) for row in told["ledger"]] == [
        (bought.number, "restored or clicked by a person", "80.00")
    ]


def test_other_shops_see_nothing_of_it(client, bought):
    other = factories.shop()
    client.force_login(factories.staff(Role.OWNER, other))
    assert "Nothing to report yet" in client.get("/backoffice/report/").content.decode()
    campaign = bought.ledger.get().campaign_id
    assert client.get(f"/backoffice/report/{bought.shop_id}/mails/").status_code == 404
    assert client.get(f"/backoffice/report/{campaign}/people/").status_code == 404
    for query in (
        "",
        f"?campaign={campaign}",
        f"?shop={bought.shop_id}",
        "?campaign=99999999999999999999",
        "?campaign=x",
    ):
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
