"""Vouchers: the list, the page of one, making one by hand, switching one off; and whom the guard trusts."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts import changes
from ghostcart.customers import identity
from ghostcart.lib import clock
from ghostcart.recovery.models import Campaign, Decision, VoucherGrant
from ghostcart.vouchers import filters, services
from ghostcart.vouchers.models import Status, Voucher
from ghostcart.vouchers.terms import Kind
from tests import factories, races
from tests.backoffice.cast import manager, signed_in
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db

LIST = "/backoffice/vouchers/"


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


def voucher(shop, code, **more):
    values = {"kind": Kind.PERCENT, "percent_bp": 1250} | more
    return services.create(shop_id=shop.pk, code=code, now=NOON, **values)


def person(shop, email="ada@example.com"):
    customer = factories.customer(shop, email)
    return customer, identity.recognise(customer, NOON)


def listed(client, query="reset"):
    answer = client.get(f"{LIST}?{query}", follow=True)
    assert answer.status_code == 200
    return [row.voucher.code for row in answer.context["rows"]]


def page_of(client, voucher, query=""):
    return client.get(reverse("backoffice:voucher", args=[voucher.pk]) + query)


def used_by(shop, customer, code, at=NOON):
    shopper = Shopper(shop, at=at)
    shopper.add("LAMP")
    shopper.do(changes.ApplyVoucher, code=code)
    return races.order(shopper, customer)


# -- the list ----------------------------------------------------------------------------------------


@pytest.fixture
def five(shop):
    """One voucher of each status, named after it."""
    voucher(shop, "GOOD")
    voucher(shop, "LATER", valid_from=NOON + timedelta(microseconds=1))
    voucher(shop, "EXPIRED", valid_until=NOON)
    voucher(shop, "USED_UP", quantity=1)
    Voucher.objects.filter(code="USED_UP").update(used=1)
    voucher(shop, "OFF", is_active=False, valid_until=NOON)


def test_each_status_is_found_and_shown(shop, five):
    client = signed_in(Role.VIEWER, shop)
    for status in Status.values:
        assert listed(client, f"status={status}") == [status.upper()], status
    rows = client.get(f"{LIST}?sort=code").context["rows"]
    assert {row.voucher.code.lower(): row.status.value for row in rows} == {status: status for status in Status.values}
    assert {one.code.lower(): one.status(NOON).value for one in Voucher.objects.all()} == {s: s for s in Status.values}


def test_no_voucher_has_two_statuses_or_none(shop, five):
    for moment in (NOON - timedelta(days=1), NOON, NOON + timedelta(days=1)):
        found = [one.pk for status in Status for one in Voucher.objects.filter(filters.of_status(status, moment))]
        assert sorted(found) == sorted(Voucher.objects.values_list("pk", flat=True))


def test_it_is_searched_by_code_and_by_whom_it_is_for(shop):
    ada, ada_as_person = person(shop)
    ben, _ = person(shop, "ben@example.com")
    voucher(shop, "SPRING25")
    voucher(shop, "ONE", person_id=ada_as_person.pk, is_recovery=True)
    voucher(shop, "TWO", customer_id=ben.pk)
    client = signed_in(Role.VIEWER, shop)
    assert listed(client, "q=ring") == ["SPRING25"]
    assert listed(client, "q=ada@") == ["ONE"]
    assert listed(client, "q=BEN") == ["TWO"]
    assert listed(client, "origin=campaign") == ["ONE"]
    assert listed(client, "origin=staff&sort=code") == ["SPRING25", "TWO"]
    assert listed(client, "kind=gift") == []
    rows = client.get(f"{LIST}?sort=code").context["rows"]
    assert [row.owner for row in rows] == [ada, None, ben]


def test_what_cannot_be_read_is_told_and_the_rest_counts(shop):
    voucher(shop, "ONE")
    client = signed_in(Role.VIEWER, shop)
    unread = "status=x kind=%00 q=%00 sort=password sort=- size=7 after=junk before=%F0 origin=9 q=" + "x" * 5000
    for query in unread.split():
        assert client.get(f"{LIST}?{query}").status_code == 200, query
    assert listed(client, "status=x&kind=percent") == ["ONE"]


def test_paging_shows_every_voucher_once(shop):
    codes = [voucher(shop, f"CODE{number:02}").code for number in range(45)]
    client = signed_in(Role.VIEWER, shop)
    for sort in ("id", "-id", "code", "-code", "used"):
        seen, query = [], f"sort={sort}&size=20"
        while True:
            answer = client.get(f"{LIST}?{query}")
            seen += [row.voucher.code for row in answer.context["rows"]]
            if answer.context["page"].next is None:
                break
            query = f"sort={sort}&size=20&after={answer.context['page'].next}"
        assert sorted(seen) == codes, sort


def test_the_number_of_queries_does_not_grow_with_the_rows(shop):
    client, asked = signed_in(Role.VIEWER, shop), []
    for number in range(12):
        _, owner = person(shop, f"c{number}@example.com")
        voucher(shop, f"CODE{number}", person_id=owner.pk)
        if number in (1, 11):
            client.get(f"{LIST}?size=20")
            with CaptureQueriesContext(connection) as queries:
                client.get(f"{LIST}?size=20")
            asked.append(len(queries))
    assert asked[0] == asked[1] < 12


def test_an_empty_list_says_what_to_do(shop):
    assert "No vouchers yet" in signed_in(Role.VIEWER, shop).get(LIST).content.decode()
    assert reverse("backoffice:voucher-new") in manager(shop).get(LIST).content.decode()
    assert "No voucher fits" in manager(shop).get(f"{LIST}?q=zzz").content.decode()


# -- one voucher -------------------------------------------------------------------------------------


def test_the_page_shows_every_use_with_order_customer_and_amount(shop):
    ada, _ = person(shop)
    spring = voucher(shop, "SPRING", names={"en": "Spring <b>sale</b>"}, minimum_minor=1000, currency="EUR")
    order = used_by(shop, ada, "SPRING")
    text = page_of(signed_in(Role.VIEWER, shop), spring).content.decode()
    for expected in (order.number, "Ada Byron", "€10.00", "12.5", "Spring &lt;b&gt;sale&lt;/b&gt;", "Can be used"):
        assert expected in text, expected


def test_uses_are_shown_twenty_a_page_and_survive_a_missing_order(shop):
    ada, _ = person(shop)
    spring = voucher(shop, "SPRING")
    for number in range(23):
        services.redeem(
            spring.pk, order_id=10_000 + number, customer_id=ada.pk, amount_minor=1, currency="XQZ", now=NOON
        )
    client = signed_in(Role.VIEWER, shop)
    first = page_of(client, spring).context["data"]
    assert len(first.uses) == 20
    assert len(page_of(client, spring, f"?after={first.page.next}").context["data"].uses) == 3


def test_a_recovery_voucher_tells_its_person_campaign_and_reasons(shop):
    _, owner = person(shop)
    person(shop, "ada+2@example.com")
    campaign = Campaign.objects.create(shop=shop, kind="abandoned", name="Come <i>back</i>", salt="s", created_at=NOON)
    given = voucher(shop, "FORADA", person_id=owner.pk, is_recovery=True, valid_until=NOON + timedelta(days=3))
    reasons = [{"code": "hasty", "points": 20}, {"code": "long_known", "points": -10}, {"code": "gone"}, "odd"]
    VoucherGrant.objects.create(shop=shop, campaign=campaign, person=owner, voucher=given, cost_minor=800,
                                currency="EUR", score=10, reasons=reasons, day=NOON.date(), at=NOON)  # fmt: skip
    answer = page_of(signed_in(Role.VIEWER, shop), given)
    text = answer.content.decode()
    for expected in ("Come &lt;i&gt;back&lt;/i&gt;", "€8.00", "Left several times within a minute", "+20", "-10"):
        assert expected in text, expected
    assert [owner.email for owner in answer.context["data"].owners] == ["ada@example.com", "ada+2@example.com"]
    VoucherGrant.objects.all().delete()
    Voucher.objects.update(person=None)
    assert "Nobody any more" in page_of(signed_in(Role.VIEWER, shop), given).content.decode()


def test_days_are_the_shops_own_and_the_last_one_still_counts(shop):
    ends = voucher(shop, "ENDS", valid_until=datetime(2026, 11, 25, 23, tzinfo=UTC))  # midnight in Rome
    client = signed_in(Role.VIEWER, shop)
    assert "Nov 25, 2026" in page_of(client, ends).content.decode()
    assert "Nov 25, 2026" in client.get(LIST).content.decode()


def test_looking_changes_nothing(shop):
    given = voucher(shop, "ONE")
    before = list(Voucher.objects.values())
    client = manager(shop)
    page_of(client, given)
    client.get(LIST)
    client.get(reverse("backoffice:voucher-off", args=[given.pk]))
    assert list(Voucher.objects.values()) == before


# -- making one --------------------------------------------------------------------------------------


@pytest.fixture
def create(shop):
    """Sends the form; what is not named is left as the page has it."""
    client = manager(shop)

    def send(**fields):
        values = {"kind": "percent", "currency": "EUR", "applies_to": "order", "priority": "1", **fields}
        return client.post(reverse("backoffice:voucher-create", args=[shop.pk]), values)

    return send


def errors(answer):
    assert answer.status_code == 200
    return {name: [str(one) for one in told] for name, told in answer.context["form"].errors.items()}


def test_every_kind_can_be_made(shop, create):
    for fields, expected in (
        ({"kind": "percent", "percent_bp": "12,5 %"}, {"percent_bp": 1250, "currency": ""}),
        ({"kind": "amount", "amount_minor": "7,50", "currency": "CHF"}, {"amount_minor": 750, "currency": "CHF"}),
        ({"kind": "free_shipping", "minimum_minor": "30"}, {"minimum_minor": 3000, "currency": "EUR"}),
        ({"kind": "gift", "gift": "MUG"}, {"gift_variant__sku": "MUG"}),
    ):
        answer = create(**fields)
        made = Voucher.objects.filter(kind=fields["kind"]).values(*expected).get()
        assert (answer.status_code, made) == (302, expected)
        assert len(Voucher.objects.latest("pk").code) == 12


def test_all_that_it_asks_is_kept_and_days_are_the_shops(shop, create):
    _, owner = person(shop)
    create(
        code=" spring ", percent_bp="10", minimum_minor="20", applies_to="products", products="R-MUG, LAMP\nMUG",
        exclude_discounted="on", priority="5", valid_from="2026-12-01", valid_to="2026-12-24", quantity="100",
        per_customer="2", email="ADA@example.com", name_en="Spring", name_it="Primavera",
    )  # fmt: skip
    made = Voucher.objects.get()
    assert (made.code, made.names, made.person_id) == ("SPRING", {"en": "Spring", "it": "Primavera"}, owner.pk)
    assert made.valid_from == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert made.valid_until == datetime(2026, 12, 24, 23, tzinfo=UTC)
    assert len(made.product_ids) == 2
    assert (made.exclude_discounted, made.combinable, made.priority) == (True, False, 5)
    assert (made.quantity, made.per_customer, made.minimum_minor, made.is_recovery) == (100, 2, 2000, False)
    text = manager(shop).get(reverse("backoffice:voucher", args=[made.pk])).content.decode()
    assert "Dec 24, 2026" in text


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, "__all__"),
        ({"percent_bp": "0"}, "percent_bp"),
        ({"percent_bp": "100.01"}, "percent_bp"),
        ({"percent_bp": "ten"}, "percent_bp"),
        ({"kind": "amount"}, "__all__"),
        ({"kind": "amount", "amount_minor": "-5"}, "amount_minor"),
        ({"kind": "amount", "amount_minor": "5.001"}, "amount_minor"),
        ({"kind": "amount", "amount_minor": "5", "currency": "USD"}, "currency"),
        ({"kind": "gift"}, "__all__"),
        ({"kind": "gift", "gift": "NOTHING"}, "gift"),
        ({"percent_bp": "5", "applies_to": "products"}, "__all__"),
        ({"percent_bp": "5", "applies_to": "products", "products": "MUG, NOTHING"}, "products"),
        ({"percent_bp": "5", "valid_from": "2026-12-02", "valid_to": "2026-12-01"}, "__all__"),
        ({"percent_bp": "5", "valid_to": "2026-13-01"}, "valid_to"),
        ({"percent_bp": "5", "quantity": "0"}, "quantity"),
        ({"percent_bp": "5", "email": "nobody@example.com"}, "email"),
        ({"percent_bp": "5", "email": "\x00"}, "email"),
        ({"percent_bp": "5", "code": "x" * 41}, "code"),
        ({"percent_bp": "5", "kind": "money"}, "kind"),
    ],
)
def test_what_does_not_fit_is_said_where_it_stands(create, fields, where):
    assert where in errors(create(**fields))
    assert not Voucher.objects.exists()


def test_fields_that_are_not_offered_change_nothing(shop, create):
    other = factories.shop()
    columns = {one.attname: "1" for one in Voucher._meta.concrete_fields}
    columns |= {"shop": other.pk, "shop_id": other.pk, "is_recovery": "on", "used": "-5", "created_by": "nobody"}
    offered = {"kind": "percent", "percent_bp": "10", "amount_minor": "", "minimum_minor": "", "quantity": "",
               "per_customer": "", "priority": "0", "applies_to": "order", "valid_from": "", "valid_until": "",
               "currency": "EUR", "code": "", "exclude_discounted": "", "combinable": ""}  # fmt: skip
    assert create(**{**columns, **offered}).status_code == 302
    made = Voucher.objects.get()
    assert (made.shop, made.is_recovery, made.used, made.person_id) == (shop, False, 0, None)


def test_a_code_that_is_taken_is_said(shop, create):
    voucher(shop, "SPRING")
    assert errors(create(code="spring", percent_bp="5")) == {
        "__all__": ["There is already a voucher with the code SPRING."]
    }


def test_the_voucher_works_in_the_shop(shop, create):
    create(code="WELCOME", kind="amount", amount_minor="5")
    assert used_by(shop, person(shop)[0], "WELCOME").discount_minor == 500


def test_new_leads_to_a_shop_that_one_manages(shop):
    client = signed_in(Role.MANAGER, shop)
    assert client.get(reverse("backoffice:voucher-new"))["Location"] == f"{LIST}new/{shop.pk}/"
    foreign = factories.shop()
    assert client.get(reverse("backoffice:voucher-create", args=[foreign.pk])).status_code == 404


# -- roles, switching off, trust ---------------------------------------------------------------------


def test_a_viewer_and_an_agent_look_and_a_manager_makes_and_switches_off(shop):
    given = voucher(shop, "ONE")
    off = reverse("backoffice:voucher-off", args=[given.pk])
    for role in (Role.VIEWER, Role.AGENT):
        client = signed_in(role, shop)
        text = page_of(client, given).content.decode()
        assert off not in text
        assert reverse("backoffice:voucher-new") not in client.get(LIST).content.decode()
        assert client.post(off).status_code == 403
        assert client.get(reverse("backoffice:voucher-create", args=[shop.pk])).status_code == 403
    client = manager(shop)
    assert off in page_of(client, given).content.decode()
    client.post(off)
    given.refresh_from_db()
    assert not given.is_active
    assert off not in page_of(client, given).content.decode()


def test_a_voucher_of_another_shop_does_not_exist(shop):
    foreign = voucher(factories.shop(), "ONE")
    client = manager(shop)
    assert page_of(client, foreign).status_code == 404
    assert client.post(reverse("backoffice:voucher-off", args=[foreign.pk])).status_code == 404
    assert listed(client) == []


def test_a_manager_tells_the_guard_whom_to_trust_and_it_is_written_down(shop):
    ada, owner = person(shop)
    url = reverse("backoffice:customer-trust", args=[ada.pk])
    assert signed_in(Role.AGENT, shop).post(url, {"trusted": "1"}).status_code == 403
    client = manager(shop)
    client.post(url, {"trusted": "1"})
    owner.refresh_from_db()
    assert owner.is_trusted
    client.post(url, {"trusted": "0"})
    owner.refresh_from_db()
    assert not owner.is_trusted
    assert list(Decision.objects.values_list("reason", "person")) == [("trusted", owner.pk), ("not_trusted", owner.pk)]
    assert all(actor.startswith("staff:") for actor in Decision.objects.values_list("actor", flat=True))


@pytest.fixture
def kept_back(shop):
    """A decision by which the score kept a voucher back from Ada, with her cart."""
    ada, owner = person(shop)
    shopper = Shopper(shop)
    shopper.add("LAMP")
    campaign = Campaign.objects.create(shop=shop, kind="abandoned", name="Ghosts", salt="s", created_at=NOON)
    details = {"score": 85, "reasons": [{"code": "hasty", "points": 20}, {"code": "gone"}], "rung": "person"}
    told = Decision.objects.create(
        shop=shop, campaign=campaign, person=owner, cart=shopper.cart, verdict="voucher", reason="ask_a_person",
        details=details, at=NOON,
    )  # fmt: skip
    return ada, told


def test_the_one_who_decides_sees_the_reasons_and_can_overrule_which_is_written_down(shop, kept_back):
    ada, told = kept_back
    overrule = reverse("backoffice:decision-overrule", args=[told.pk])
    pages = [reverse("backoffice:customer", args=[ada.pk]), reverse("backoffice:cart", args=[told.cart_id])]
    for page in pages:
        text = signed_in(Role.AGENT, shop).get(page).content.decode()
        assert "Score 85 of 100" in text
        assert "Left several times within a minute" in text
        assert overrule not in text
        assert overrule in manager(shop).get(page).content.decode()
    assert signed_in(Role.AGENT, shop).post(overrule).status_code == 403
    client = manager(shop)
    assert client.post(overrule, {"next": pages[1]})["Location"] == pages[1]
    client.post(overrule)
    written = Decision.objects.exclude(pk=told.pk).get()
    assert (written.reason, written.cart_id, written.person_id) == ("overruled", told.cart_id, told.person_id)
    assert written.actor.startswith("staff:")
    for page in pages:
        assert overrule not in client.get(page).content.decode()


def test_the_page_of_a_customer_shows_their_vouchers_and_whether_they_are_trusted(shop):
    ada, owner = person(shop)
    given = voucher(shop, "FORADA", person_id=owner.pk, is_recovery=True)
    page = reverse("backoffice:customer", args=[ada.pk])
    text = manager(shop).get(page).content.decode()
    for expected in ("FORADA", reverse("backoffice:voucher", args=[given.pk]), "Trust this customer"):
        assert expected in text, expected
    manager(shop).post(reverse("backoffice:customer-trust", args=[ada.pk]), {"trusted": "1"})
    assert "Trusted: the score does not count" in signed_in(Role.VIEWER, shop).get(page).content.decode()
