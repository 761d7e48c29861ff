"""Mails to staff: a summary once a morning or a week, a notice once for a dear cart, in their language."""

from datetime import UTC, date, datetime, timedelta

import pytest

from ghostcart.backoffice import summaries
from ghostcart.backoffice.models import Membership, Role
from ghostcart.carts import changes
from ghostcart.mail import writing
from ghostcart.mail.models import Message
from tests import factories
from tests.factories import Shopper

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEVEN = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)  # a Tuesday, in Rome


@pytest.fixture
def robin(shop):
    return factories.staff(Role.MANAGER, shop, name="Robin", language="de")


def wants(user, **choices):
    Membership.objects.filter(user=user).update(**choices)


def left(shop, sku="LAMP", at=SEVEN - 30 * HOUR, phone="011 55"):
    customer = factories.customer(shop, phone=phone)
    shopper = Shopper(shop, at=at)
    shopper.add(sku)
    shopper.do(changes.Identify, customer_id=customer.pk, label=customer.label)
    return shopper.cart


def test_a_daily_summary_comes_once_after_seven_local_time(shop, robin):
    wants(robin, summary="daily")
    left(shop, at=SEVEN - 40 * HOUR)  # abandoned yesterday
    for at in (SEVEN - HOUR, SEVEN, SEVEN + HOUR, SEVEN + 12 * HOUR):
        summaries.send_summaries(at)
    message = Message.objects.get()
    assert (message.kind, message.address, message.language) == ("summary", robin.email, "de")
    assert message.facts["staff"]["abandoned_count"] == 1
    assert message.facts["staff"]["since_on"] == message.facts["staff"]["until_on"] == "2026-11-23"
    summaries.send_summaries(SEVEN + DAY)
    assert Message.objects.count() == 2


def test_a_weekly_one_tells_of_monday_to_sunday_and_catches_up_after_a_pause(shop, robin):
    wants(robin, summary="weekly")
    summaries.send_summaries(SEVEN)  # Tuesday: the worker did not run on Monday
    summaries.send_summaries(SEVEN + 5 * DAY)
    facts = Message.objects.get().facts["staff"]
    assert (facts["since_on"], facts["until_on"], facts["is_week"]) == ("2026-11-16", "2026-11-22", True)
    summaries.send_summaries(SEVEN + 6 * DAY)
    assert Message.objects.count() == 2


@pytest.mark.parametrize("night", [date(2026, 3, 29), date(2026, 10, 25)])
def test_the_nights_when_clocks_change_have_one_summary_each(shop, robin, night):
    wants(robin, summary="daily")
    start = datetime(night.year, night.month, night.day, tzinfo=UTC) - DAY
    for hours in range(72):
        summaries.send_summaries(start + hours * HOUR)
    days = [message.facts["staff"]["since_on"] for message in Message.objects.order_by("id")]
    assert len(days) == len(set(days)) >= 3


def test_who_does_not_want_it_or_left_gets_none(shop, robin):
    summaries.send_summaries(SEVEN)
    wants(robin, summary="daily", wants_notices=True)
    robin.is_active = False
    robin.save()
    summaries.send_summaries(SEVEN)
    assert not Message.objects.exists()


def test_a_dear_cart_is_told_once_and_a_cheap_one_never(shop, robin):
    wants(robin, wants_notices=True)
    shop.notice_above_minor = 5000
    shop.save()
    summaries.send_notices(SEVEN - 10 * HOUR)  # from now on
    cart = left(shop, "LAMP", at=SEVEN - 25 * HOUR)
    Shopper(shop, at=SEVEN - 25 * HOUR).add("MUG")
    for at in (SEVEN - 2 * HOUR, SEVEN, SEVEN + HOUR):
        summaries.send_notices(at)
    message = Message.objects.get()
    assert message.kind == "notice"
    assert message.facts["staff"]["cart_number"] == str(cart.pk)
    assert message.facts["staff"]["phone"] == "011 55"


def test_switching_it_on_tells_of_no_old_carts(shop, robin):
    wants(robin, wants_notices=True)
    left(shop, at=SEVEN - 10 * DAY)
    shop.notice_above_minor = 0
    shop.save()
    for at in (SEVEN, SEVEN + HOUR):
        summaries.send_notices(at)
    assert not Message.objects.exists()


@pytest.mark.parametrize("name", ["summary", "notice"])
def test_they_can_be_drawn_and_lead_into_the_back_office(shop, robin, name):
    wants(robin, summary="daily", wants_notices=True)
    shop.notice_above_minor = 0
    shop.save()
    summaries.send_notices(SEVEN - 10 * HOUR)
    left(shop, at=SEVEN - 25 * HOUR)
    summaries.send_notices(SEVEN)
    summaries.send_summaries(SEVEN)
    mail = writing.write_mail(Message.objects.get(kind=name), {})
    text = mail.text
    assert "/backoffice/" in text
    assert "Robin" in text


def test_each_chooses_in_their_profile_and_only_for_themselves(client, shop, robin):
    other = factories.staff(Role.OWNER, shop)
    mine, theirs = Membership.objects.get(user=robin), Membership.objects.get(user=other)
    client.force_login(robin)
    assert f"summary_{mine.pk}" in client.get("/backoffice/profile/").content.decode()
    client.post("/backoffice/profile/mails/", {f"summary_{mine.pk}": "daily", f"notices_{mine.pk}": "on",
                                               f"summary_{theirs.pk}": "weekly"})  # fmt: skip
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.summary, mine.wants_notices, theirs.summary) == ("daily", True, "never")
    assert mine.summary_sent_at is not None


def test_the_owner_settles_how_the_shop_writes(client, shop):
    client.force_login(factories.staff(Role.OWNER, shop))
    page = f"/backoffice/settings/{shop.pk}/mail/"
    shown = client.get(page)
    assert 'value="21:00"' in shown.content.decode()
    good = {"mark": shown.context["form"]["mark"].value(), "mail_name": "Fern", "mail_from": "hello@fern.example",
            "consent_basis": "consent", "mail_cap": 2, "mail_cap_days": 10, "quiet_from": "22:30",
            "quiet_until": "07:00", "notice_above_minor": "150,50"}  # fmt: skip
    client.post(page, good)
    shop.refresh_from_db()
    assert (shop.quiet_from, shop.quiet_until, shop.notice_above_minor) == (1350, 420, 15050)
    wrong = client.post(page, good | {"mail_from": "nobody", "mail_cap": -1}).content.decode()
    assert "nobody" in wrong
    shop.refresh_from_db()
    assert shop.mail_from == "hello@fern.example"


def test_a_manager_does_not(client, shop, robin):
    client.force_login(robin)
    assert client.get(f"/backoffice/settings/{shop.pk}/mail/").status_code == 403
