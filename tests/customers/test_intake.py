"""Customers as another shop tells them: one address is one customer, and nobody erased comes back."""

from datetime import timedelta

import pytest

from ghostcart.customers import intake, queries
from ghostcart.customers.keys import address_hash
from ghostcart.customers.models import Consent, Customer, ExternalCustomer, Tombstone
from ghostcart.customers.services import Consented
from ghostcart.lib.snapshots import Taken
from tests.factories import NOON
from tests.outside import SOURCE, customer

pytestmark = pytest.mark.django_db


def take(shop, *told):
    return intake.take(shop.pk, SOURCE, told, NOON)


def test_guests_who_repeat_their_address_are_one_customer(shop):
    told = [customer(str(n), "Ada@Example.com", is_guest=True) for n in range(3)]
    assert set(take(shop, *told).values()) == {Taken.CREATED}
    assert Customer.objects.count() == 1
    assert ExternalCustomer.objects.count() == 3
    assert intake.known(shop.pk, SOURCE, ["0", "2", "5"]).keys() == {"0", "2"}


def test_an_account_stays_one_when_its_owner_buys_as_a_guest(shop):
    take(shop, customer("1"), customer("2", is_guest=True))
    assert Customer.objects.get().is_guest is False


def test_the_newest_name_stands_and_told_again_nothing_changes(shop):
    take(shop, customer("1", version=3))
    assert take(shop, customer("1", version=2, first_name="Old")) == {"1": Taken.STALE}
    assert take(shop, customer("1", version=4, first_name="Augusta")) == {"1": Taken.CHANGED}
    assert take(shop, customer("1", version=4, first_name="Augusta")) == {"1": Taken.UNCHANGED}
    assert Customer.objects.get().name == "Augusta Byron"
    assert "augusta byron ada@example.com" in Customer.objects.get().search_text


def test_a_corrected_address_is_corrected_here(shop):
    take(shop, customer("1", "ada@exmaple.com"))
    assert take(shop, customer("1", "ada@example.com", version=2)) == {"1": Taken.CHANGED}
    assert [one.email_key for one in queries.search([shop.pk], "ada@example.com")] == ["ada@example.com"]


def test_an_address_that_no_mail_reaches_is_kept_as_none(shop):
    take(shop, customer("1", "no address"), customer("2", ""), customer("3"))
    take(shop, customer("3", "no address", version=2))
    assert [one.email for one in Customer.objects.all()] == ["", "", ""]


def test_who_was_erased_does_not_come_back(shop):
    Tombstone.objects.create(shop=shop, address_hash=address_hash("ada@example.com"), at=NOON)
    assert take(shop, customer("1", registered_at=NOON - timedelta(days=1))) == {"1": Taken.FORGOTTEN}
    assert not Customer.objects.exists()
    assert intake.known(shop.pk, SOURCE, ["1"]) == {}


def test_consent_is_kept_with_its_text(shop):
    consent = Consented(True, "Yes, write to me", "v1", SOURCE)
    for _again in range(2):
        take(shop, customer("1", consent=consent))
    assert list(Consent.objects.values_list("is_given", "text", "source")) == [(True, "Yes, write to me", SOURCE)]
