"""The first morning: an empty installation, step by step."""

import pytest
from django.urls import reverse

from ghostcart.backoffice.models import Role, User
from ghostcart.mail.models import Message
from ghostcart.recovery import campaigns
from ghostcart.shops import services as shops
from ghostcart.shops.models import ConsentChoice, Shop
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db

TOLD = {"name": "Fern & Oak", "country": "DE", "language": "de", "currency": "eur", "time_zone": "Europe/Berlin",
        "consent_basis": "consent"}  # fmt: skip
PAGE = "/backoffice/set-up/"


@pytest.fixture
def chief(client):
    client.force_login(User.objects.create_superuser("chief@example.com"))
    return client


def done(client):
    return {step.key: step.is_done for step in client.get(PAGE).context["steps"]}


def test_before_there_is_a_shop_the_live_page_leads_to_the_first_steps(chief):
    assert chief.get("/backoffice/")["Location"] == PAGE
    answer = chief.get(PAGE)
    assert answer.context["form"] is not None
    assert reverse("backoffice:connection-new") in answer.content.decode()


@pytest.mark.parametrize(
    ("language", "country", "currency"), [("de", "DE", "EUR"), ("en", "GB", "GBP"), ("it", "IT", "EUR")]
)
def test_the_form_begins_where_the_reader_is_at_home(chief, language, country, currency):
    User.objects.update(language=language)
    form = chief.get(PAGE).context["form"]
    assert (form.initial["country"], form.initial["currency"]) == (country, currency)


def test_a_shop_is_opened_and_can_be_shopped_in(chief):
    assert chief.post(PAGE, TOLD)["Location"] == PAGE
    shop = Shop.objects.get()
    assert (shop.slug, shop.currency, shop.currencies, shop.country) == ("fern-oak", "EUR", ["EUR"], "DE")
    assert [method.code for method in shop.shipping_methods.all()] == ["standard"]
    assert chief.get("/backoffice/").status_code == 200
    assert chief.get("/fern-oak/de/").status_code == 200
    assert done(chief) == {"shop": True, "goods": False, "sender": False, "test": False, "campaign": False}


@pytest.mark.parametrize(
    ("name", "value"),
    [("name", ""), ("country", "XX"), ("language", "xx"), ("currency", "QQQ"), ("time_zone", "Mars/Base"),
     ("consent_basis", "all")],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_field_and_nothing_is_made(chief, name, value):
    answer = chief.post(PAGE, TOLD | {name: value})
    assert name in answer.context["form"].errors
    assert not Shop.objects.exists()


def test_a_shop_that_begins_with_reminding_who_never_agreed_confirms_it(chief):
    wanted = TOLD | {"consent_basis": "customer"}
    answer = chief.post(PAGE, wanted)
    assert "consent_confirmed" in answer.context["form"].errors
    assert not Shop.objects.exists()
    chief.post(PAGE, wanted | {"consent_confirmed": "on"})
    shop = Shop.objects.get()
    kept = ConsentChoice.objects.get()
    assert (shop.consent_basis, kept.shop, kept.basis) == ("customer", shop, "customer")
    assert kept.actor == User.objects.get().actor


def test_with_consent_alone_there_is_nothing_to_confirm(chief):
    chief.post(PAGE, TOLD)
    assert Shop.objects.get().consent_basis == "consent"
    assert not ConsentChoice.objects.exists()


def test_two_shops_of_one_name_have_addresses_of_their_own():
    rest = {name: value for name, value in TOLD.items() if name not in ("name", "consent_basis")}
    rest |= {"currency": "EUR", "now": NOON, "chosen": shops.Chosen("consent", "staff:1", NOON)}
    assert [shops.create(name, **rest).slug for name in ("Ada", "Ada", "店")] == ["ada", "ada-2", "shop"]


def test_each_step_is_done_once_it_is_done(client):
    shop = factories.shop()
    owner = factories.staff(Role.OWNER, shop)
    client.force_login(owner)
    assert done(client) == {"shop": True, "goods": True, "sender": False, "test": False, "campaign": False}
    shops.change_settings(shop, mail_from="shop@example.com", mail_imprint="Shop, Street 1")
    campaigns.start(campaigns.create(shop, "abandoned", "Ghosts", NOON), NOON)
    client.post(reverse("backoffice:set-up-test"))
    message = Message.objects.get()
    assert (message.kind, message.address, message.shop_id) == ("test", owner.email, shop.pk)
    assert done(client) == {"shop": True, "goods": True, "sender": True, "test": False, "campaign": True}
    Message.objects.update(state="sent", sent_at=NOON)
    assert set(done(client).values()) == {True}


def test_only_the_first_shop_is_opened_by_who_runs_the_installation(client):
    client.force_login(factories.staff(Role.OWNER, factories.shop()))
    assert client.post(PAGE, TOLD).status_code == 200
    assert Shop.objects.count() == 1
