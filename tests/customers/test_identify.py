"""Who a shopper says they are: guests and accounts, and what a stranger cannot change."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostcart.customers import queries, services
from ghostcart.customers.errors import AddressErased, BadAddress
from ghostcart.customers.keys import address_hash
from ghostcart.customers.models import Customer, PersonKey, Tombstone
from ghostcart.customers.services import Consented
from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.lib.marks import mark
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db
YES = Consented(is_given=True, text="Remind me.", text_version="1")
NO = Consented(is_given=False, text="Remind me.", text_version="1")


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


def test_what_is_longer_than_its_column_is_cut(shop):
    guest = identify(shop, first_name="f" * 500, last_name="l" * 500, phone="1" * 500)
    assert (len(guest.first_name), len(guest.last_name), len(guest.phone)) == (120, 120, 40)
    services.change_details(guest, first_name="f" * 500, last_name="l" * 500, phone="1" * 500)
    guest.refresh_from_db()
    assert (len(guest.first_name), len(guest.last_name), len(guest.phone)) == (120, 120, 40)
    kept = services.keep_address(guest, dict.fromkeys(factories.ADDRESS, "9" * 500) | {"phone": "9" * 500}, NOON)
    names = ("first_name", "last_name", "street", "postcode", "city", "country", "phone")
    assert [len(getattr(kept, name)) for name in names] == [120, 120, 200, 20, 120, 2, 40]


def test_a_guest_who_comes_again_is_seen_now_and_speaks_their_language_now(shop):
    identify(shop, language="it", first_name="Ada")
    later = NOON + timedelta(days=3)
    again = services.identify(shop.pk, email="ada@example.com", language="de", last_name="Byron", now=later)
    again.refresh_from_db()
    assert (again.language, again.last_seen_at, again.registered_at) == ("de", later, NOON)
    assert list(queries.search([shop.pk], "ada byron")) == [again]
    assert identify(shop, first_name="Augusta").name == "Augusta Byron"


def test_the_device_is_noted_with_the_person(shop):
    guest = identify(shop, device="d" * 64)
    assert set(PersonKey.objects.filter(person=guest.person_id).values_list("kind", flat=True)) == {"email", "device"}


@pytest.mark.parametrize(("seconds", "is_erased"), [(-1, True), (0, True), (1, False)])
def test_what_happened_before_somebody_was_erased_is_not_kept(shop, seconds, is_erased):
    Tombstone.objects.create(shop=shop, address_hash=address_hash("ada@example.com"), at=NOON)
    at = NOON + timedelta(seconds=seconds)
    if is_erased:
        with pytest.raises(AddressErased):
            services.identify(shop.pk, email="ADA@example.com", now=at)
    else:
        services.identify(shop.pk, email="ADA@example.com", now=at)
    assert Customer.objects.exists() != is_erased
    assert services.identify(factories.shop().pk, email="ada@example.com", now=at)  # elsewhere nobody asked for it


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


def test_who_never_agreed_has_not_consented_and_neither_has_who_agreed_to_something_else(shop):
    guest = identify(shop)
    assert queries.has_consented(guest) is False
    services.record_consent(guest, Consented(True, "News.", "1", purpose="newsletter"), NOON)
    assert queries.has_consented(guest) is False
    assert queries.has_consented(guest, "newsletter") is True
    services.record_consent(guest, NO, NOON)  # no news: to reminders nobody agreed
    assert guest.consents.get().purpose == "newsletter"


def test_agreeing_again_after_a_withdrawal_is_news(shop):
    guest = identify(shop, consent=YES)
    services.record_consent(guest, NO, NOON + timedelta(days=1))
    services.record_consent(guest, NO, NOON + timedelta(days=2))
    services.record_consent(guest, YES, NOON + timedelta(days=3))
    told = [(proof.is_given, proof.at) for proof in guest.consents.order_by("id")]
    assert told == [(True, NOON), (False, NOON + timedelta(days=1)), (True, NOON + timedelta(days=3))]


@pytest.mark.parametrize(("seconds", "holds"), [(-1, True), (0, False), (1, False)])
def test_an_answer_older_than_the_last_one_changes_nothing(shop, seconds, holds):
    guest = identify(shop, consent=YES)
    late = Consented(False, "No.", "1", at=NOON + timedelta(seconds=seconds))
    services.record_consent(guest, late, NOON + timedelta(days=9))
    assert queries.has_consented(guest) == holds
    assert guest.consents.first().at == (NOON if holds else late.at)
    assert guest.consents.count() == (1 if holds else 2)
    services.record_consent(
        guest, YES if not holds else NO, NOON - timedelta(days=9)
    )  # said now, by a clock that is off
    assert guest.consents.count() == (2 if holds else 3)


def test_a_first_answer_is_kept_with_the_time_it_was_given(shop):
    guest, then = identify(shop), NOON - timedelta(days=400)
    services.record_consent(guest, Consented(True, "Yes.", "1", "api", at=then), NOON)
    assert guest.consents.get().at == then


def test_the_proof_is_cut_to_what_is_kept(shop):
    guest = identify(shop, consent=Consented(True, "t" * 3000, "v" * 30, "api", "newsletter"))
    proof = guest.consents.get()
    assert (len(proof.text), len(proof.text_version), proof.source, proof.purpose) == (2000, 20, "api", "newsletter")
    services.record_consent(guest, Consented(True, "t", "v" * 40, "api", "newsletter"), NOON)
    assert guest.consents.count() == 1  # the same version, as far as it is kept


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["1", "2"])), max_size=6))
def test_the_newest_answer_holds_and_nothing_is_kept_twice(answers):
    guest = identify(factories.shop())
    for number, (is_given, version) in enumerate(answers):
        said = Consented(is_given=is_given, text="Remind me.", text_version=version)
        services.record_consent(guest, said, NOON + timedelta(days=number))
    assert queries.has_consented(guest) == (bool(answers) and answers[-1][0])
    told = [(proof.is_given, proof.text_version) for proof in guest.consents.order_by("id")]
    assert not told or told[0][0]
    assert all(one[0] or other[0] for one, other in pairwise(told))
    assert all(one != other for one, other in pairwise(told))


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


def test_a_note_that_somebody_changed_meanwhile_is_not_written_over(shop):
    guest, seen = identify(shop), mark("rings")
    services.save_note(guest, "rings", mark(""))
    services.save_note(guest, "rings twice", seen)
    with pytest.raises(SavedMeanwhile):
        services.save_note(guest, "never rings", seen)
    services.save_note(guest, " rings twice", seen)  # it says the same
    assert Customer.objects.get().note == "rings twice"
    services.save_note(guest, "never rings")
    assert Customer.objects.get().note == "never rings"


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


def test_customers_are_listed_newest_first_of_the_shops_that_are_asked_for(shop):
    one, other = identify(shop), identify(shop, "bob@example.com")
    identify(factories.shop())
    assert list(queries.list_customers([shop.pk])) == [other, one]


def test_a_customer_is_found_by_their_address_however_it_is_typed(shop):
    guest = identify(shop)
    assert queries.by_email(shop.pk, " ADA@Example.com") == guest
    assert queries.by_email(shop.pk, "nobody") is None
    assert queries.by_email(factories.shop().pk, "ada@example.com") is None


def test_all_rows_of_a_human_are_found_by_any_of_them(shop):
    rows = [identify(shop, email) for email in ("ada@example.com", "ada+1@example.com", "bob@example.com")]
    eve = identify(shop, "eve@example.com")
    services.identify(shop.pk, email="bob@example.com", phone="+39 011 5551234", now=NOON)
    services.identify(shop.pk, email="ada@example.com", phone="+39 011 5551234", now=NOON)
    for one in rows:
        assert set(queries.of_person(one.person_id)) == set(rows)
    assert list(queries.of_person(eve.person_id)) == [eve]


def test_only_the_first_eight_words_are_looked_for(shop):
    guest = identify(shop, first_name="a b c d e f g h")
    assert list(queries.search([shop.pk], "a b c d e f g h q")) == [guest]
    assert not queries.search([shop.pk], "a b c d e f g q").exists()


def _account(shop):
    services.register(
        shop.pk, email="ada@example.com", password="correct horse battery", first_name="Ada", last_name="Byron",
        now=NOON,
    )  # fmt: skip
    return Customer.objects.get()
