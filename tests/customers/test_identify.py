"""Who a shopper says they are: guests and accounts, and what a stranger cannot change."""

from datetime import timedelta

import pytest

from ghostcart.customers import queries, services
from ghostcart.customers.errors import BadAddress
from ghostcart.customers.models import Customer
from ghostcart.customers.services import Consented
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db
YES = Consented(is_given=True, text="Remind me.", text_version="1")
NO = Consented(is_given=False, text="Remind me.", text_version="1")


@pytest.fixture
def shop():
    return factories.shop()


def identify(shop, email="ada@example.com", **more):
    return services.identify(shop.pk, email=email, now=NOON, **more)


def test_an_unknown_address_makes_a_guest(shop):
    guest = identify(shop, " Ada@Example.com ", first_name="Ada", language="it")
    assert (guest.email, guest.email_key, guest.is_guest) == ("Ada@Example.com", "ada@example.com", True)
    assert (guest.first_name, guest.language, guest.registered_at) == ("Ada", "it", NOON)


def test_the_same_address_is_the_same_guest_and_keeps_what_is_not_said_again(shop):
    first = identify(shop, first_name="Ada", last_name="Byron", phone="1")
    again = identify(shop, "ADA@example.com", last_name="Lovelace")
    assert (again.pk, again.name, again.phone) == (first.pk, "Ada Lovelace", "1")


def test_each_shop_has_its_own_customers(shop):
    assert identify(shop).pk != identify(factories.shop()).pk


def test_a_stranger_changes_nothing_of_an_account(shop):
    account = _account(shop)
    said = identify(shop, account.email, first_name="Mallory", last_name="M", phone="666", language="de")
    account.refresh_from_db()
    assert said.pk == account.pk
    assert (account.name, account.phone, account.language) == ("Ada Byron", "", "en")


def test_a_bad_address_makes_nobody(shop):
    with pytest.raises(BadAddress):
        identify(shop, "nobody")
    assert not Customer.objects.exists()


def test_hostile_names_are_kept_as_plain_text(shop):
    guest = identify(shop, first_name="<script>\x00\n", last_name="x" * 500)
    assert guest.first_name == "<script>"
    assert len(guest.last_name) == 120


# -- consent -----------------------------------------------------------------------------------------


def test_consent_is_kept_with_the_sentence_that_was_shown(shop):
    guest = identify(shop, consent=YES)
    proof = guest.consents.get()
    assert (proof.is_given, proof.text, proof.text_version, proof.source) == (True, "Remind me.", "1", "checkout")
    assert queries.has_consented(guest)


def test_an_empty_box_is_no_news_but_withdraws_what_was_given(shop):
    guest = identify(shop, consent=NO)
    assert not guest.consents.exists()
    identify(shop, consent=YES)
    identify(shop, consent=YES)
    assert guest.consents.count() == 1
    services.record_consent(guest, NO, NOON + timedelta(days=1))
    assert not queries.has_consented(guest)


def test_a_new_wording_is_recorded_again(shop):
    identify(shop, consent=YES)
    guest = identify(shop, consent=Consented(is_given=True, text="Other words.", text_version="2"))
    assert [proof.text_version for proof in guest.consents.order_by("id")] == ["1", "2"]


# -- addresses, notes, search ------------------------------------------------------------------------


def test_the_same_address_is_kept_once(shop):
    guest = identify(shop)
    services.keep_address(guest, factories.ADDRESS, NOON)
    services.keep_address(guest, factories.ADDRESS, NOON + timedelta(days=1))
    assert guest.addresses.get().created_at == NOON + timedelta(days=1)
    assert queries.last_address(guest) == guest.addresses.get()


def test_notes_are_saved(shop):
    guest = identify(shop)
    services.save_note(guest, " rings\ntwice\x00 ")
    assert Customer.objects.get().note == "rings\ntwice"


def test_search_finds_every_word_anywhere_without_accents(shop):
    zoe = identify(shop, "zoe@example.org", first_name="Zoë", last_name="Müller-Straße")
    identify(shop, "max@example.org", first_name="Max", last_name="Muller")
    assert list(queries.search([shop.pk], "mull ZOE")) == [zoe]
    assert list(queries.search([shop.pk], "strasse zoe@")) == [zoe]
    assert queries.search([shop.pk], "example.org").count() == 2
    assert not queries.search([shop.pk], "100%").exists()
    assert not queries.search([shop.pk + 1], "zoe").exists()


def test_search_forgets_the_old_name(shop):
    account = _account(shop)
    services.change_details(account, first_name="Augusta", last_name="King")
    assert queries.search([shop.pk], "augusta").exists()
    assert not queries.search([shop.pk], "byron").exists()


def _account(shop):
    services.register(
        shop.pk, email="ada@example.com", password="correct horse battery", first_name="Ada", last_name="Byron",
        now=NOON,
    )  # fmt: skip
    return Customer.objects.get()
