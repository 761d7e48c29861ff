"""Accounts: registering tells nobody who shops here, signing in is limited, sessions end with the password."""

from datetime import timedelta
from hashlib import sha256

import pytest
from django.utils import translation

from ghostcart.customers import queries, services
from ghostcart.customers.errors import BadAddress, SignInLocked, SignInRefused, WeakPassword
from ghostcart.customers.models import Customer, SignInFailures
from tests import factories
from tests.factories import NOON

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def register(shop, email="ada@example.com", password=PASSWORD, now=NOON, **more):
    names = {"first_name": "Ada", "last_name": "Byron"} | more
    return services.register(shop.pk, email=email, password=password, now=now, **names)


def sign_in(shop, password=PASSWORD, email="ada@example.com", source="192.0.2.1", now=NOON):
    return services.sign_in(shop.pk, email=email, password=password, source=source, now=now)


# -- registering -------------------------------------------------------------------------------------


def test_registering_opens_an_account(shop):
    assert register(shop) is None
    account = sign_in(shop, email=" ADA@example.com ")
    assert (account.name, account.is_guest) == ("Ada Byron", False)


def test_registering_an_account_again_changes_nothing_and_says_nothing(shop):
    register(shop)
    before = Customer.objects.values().get()
    assert register(shop, password="another long password", first_name="Mallory") is None
    assert Customer.objects.values().get() == before
    with pytest.raises(SignInRefused):
        sign_in(shop, "another long password")


def test_a_guest_becomes_the_account_but_what_the_guest_left_is_not_shown(shop):
    guest = factories.customer(shop, phone="0123")
    services.keep_address(guest, factories.ADDRESS, NOON)
    register(shop, now=NOON + timedelta(days=1), first_name="Someone", last_name="Else")
    account = sign_in(shop, now=NOON + timedelta(days=1))
    assert account.pk == guest.pk
    assert (account.name, account.phone) == ("Someone Else", "")
    assert queries.last_address(account) is None
    assert queries.visible_since(account) == NOON + timedelta(days=1)


def test_an_account_speaks_the_language_it_was_opened_in_and_keeps_what_was_agreed_to(shop):
    yes = services.Consented(is_given=True, text="Remind me.", text_version="1", source="account")
    register(shop, language="it", consent=yes, first_name="f" * 500, last_name="l" * 500)
    account = Customer.objects.get()
    assert (account.language, account.email, account.registered_at, account.last_seen_at) == (
        "it", "ada@example.com", NOON, NOON,
    )  # fmt: skip
    assert (len(account.first_name), len(account.last_name)) == (120, 120)
    assert account.consents.get().source == "account"
    assert account.person is not None
    assert list(queries.search([shop.pk], "f" * 120)) == [account]


def test_a_password_has_500_characters_and_not_one_more(shop):
    longest = "correct horse battery".ljust(500, "y")
    register(shop, password=longest)
    assert sign_in(shop, longest)
    with pytest.raises(SignInRefused):
        sign_in(shop, longest + "y")
    with pytest.raises(WeakPassword) as refused:
        services.check_password_strength(longest + "y", Customer())
    assert "500" in refused.value.reasons[0]


def test_a_password_that_was_lost_opens_an_account_also_where_a_guest_was(shop):
    guest = factories.customer(shop)
    with pytest.raises(WeakPassword):
        services.set_password(guest, "short")
    with pytest.raises(SignInRefused):
        sign_in(shop, "short")
    services.set_password(guest, PASSWORD)
    assert sign_in(shop) == guest


@pytest.mark.parametrize("password", ["short", "password1234", "1234567890", "x" * 501])
def test_weak_passwords_are_refused_with_reasons(shop, password):
    with pytest.raises(WeakPassword) as refused:
        register(shop, password=password, email="zz@example.com")
    assert refused.value.reasons or password == "1234567890"
    assert not Customer.objects.exists()


def test_a_bad_address_is_refused(shop):
    with pytest.raises(BadAddress):
        register(shop, email="nobody")


# -- signing in --------------------------------------------------------------------------------------


def test_wrong_passwords_unknown_addresses_and_guests_get_the_same_answer(shop):
    register(shop)
    factories.customer(shop, "guest@example.com")
    for email in ("ada@example.com", "guest@example.com", "nobody@example.com", "nonsense"):
        with pytest.raises(SignInRefused):
            sign_in(shop, "wrong", email=email, source=email)


def test_an_account_of_another_shop_does_not_open(shop):
    register(factories.shop())
    with pytest.raises(SignInRefused):
        sign_in(shop)


def test_too_many_failures_lock_the_address_for_a_while(shop):
    register(shop)
    for turn in range(services.MOST_FAILURES_OF_ADDRESS):
        with pytest.raises(SignInRefused):
            sign_in(shop, "wrong", source=f"192.0.2.{turn}")
    with pytest.raises(SignInLocked):
        sign_in(shop, source="192.0.2.99")
    assert sign_in(shop, source="192.0.2.99", now=NOON + services.LOCKED_FOR)


def test_ten_failures_of_an_address_and_thirty_of_a_source_lock_for_a_quarter_of_an_hour():
    limits = services.MOST_FAILURES_OF_ADDRESS, services.MOST_FAILURES_OF_SOURCE, services.LOCKED_FOR
    assert limits == (10, 30, timedelta(minutes=15))


def test_a_lock_holds_until_its_last_second_and_tells_its_minutes(shop):
    register(shop)
    for turn in range(10):
        with pytest.raises(SignInRefused):
            sign_in(shop, "wrong", source=f"192.0.2.{turn}")
    with pytest.raises(SignInLocked) as locked:
        sign_in(shop, source="192.0.2.99", now=NOON + services.LOCKED_FOR - timedelta(seconds=1))
    assert locked.value.params == {"minutes": 15}


def test_signing_in_takes_back_its_own_try_of_the_source_and_no_others(shop):
    register(shop)
    for turn in range(29):
        with pytest.raises(SignInRefused):
            sign_in(shop, "wrong", email=f"n{turn}@example.com")
    account = sign_in(shop, now=NOON + timedelta(minutes=1))
    account.refresh_from_db()
    assert account.last_seen_at == NOON + timedelta(minutes=1)
    with pytest.raises(SignInRefused):
        sign_in(shop, "wrong", email="another@example.com")
    with pytest.raises(SignInLocked):
        sign_in(shop)


def test_what_failed_for_an_address_is_forgotten_with_it(shop):
    for email in ("ada@example.com", "bob@example.com"):
        with pytest.raises(SignInRefused):
            sign_in(shop, email=email)
    services.forget_failures(shop.pk, "ada@example.com")
    assert SignInFailures.objects.count() == 2  # another address, and the source
    services.forget_failures(shop.pk, "ada@example.com")
    services.forget_failures(factories.shop().pk, "bob@example.com")
    assert SignInFailures.objects.count() == 2


@pytest.mark.parametrize(
    ("language", "minutes", "said"),
    [("en", 1, "Wait 1 minute and"), ("en", 15, "Wait 15 minutes and"), ("it", 1, "Aspetta 1 minuto e"),
     ("de", 1, "Warten Sie 1 Minute und"), ("de", 15, "Warten Sie 15 Minuten und")],
)  # fmt: skip
def test_the_wait_is_told_in_words(language, minutes, said):
    with translation.override(language):
        assert said in str(SignInLocked(minutes=minutes))


def test_too_many_failures_lock_the_source_for_every_address(shop):
    register(shop)
    for turn in range(services.MOST_FAILURES_OF_SOURCE):
        with pytest.raises(SignInRefused):
            sign_in(shop, "wrong", email=f"n{turn}@example.com")
    with pytest.raises(SignInLocked):
        sign_in(shop)
    assert sign_in(shop, source="198.51.100.7")


def test_of_ipv6_a_whole_network_counts_as_one_source(shop):
    """Its owner has more addresses in it than guesses."""
    register(shop)
    for turn in range(services.MOST_FAILURES_OF_SOURCE):
        with pytest.raises(SignInRefused):
            sign_in(shop, "wrong", email=f"n{turn}@example.com", source=f"2001:db8::{turn:x}")
    with pytest.raises(SignInLocked):
        sign_in(shop, source="2001:db8::8000:0:0:1")
    assert sign_in(shop, source="2001:db8:0:1::1")


def test_no_address_is_kept_in_clear(shop):
    with pytest.raises(SignInRefused):
        sign_in(shop, source="203.0.113.9")
    kept = list(SignInFailures.objects.values_list("key", flat=True))
    assert len(kept) == 2
    for word in ("ada@example.com", "203.0.113.9"):
        assert not [key for key in kept if word in key or sha256(word.encode()).hexdigest()[:40] in key]


def test_signing_in_clears_the_count(shop):
    register(shop)
    for _turn in range(services.MOST_FAILURES_OF_ADDRESS * 2):
        sign_in(shop)
    assert not SignInFailures.objects.filter(count__gt=0).exists()


def test_old_counts_are_swept(shop):
    with pytest.raises(SignInRefused):
        sign_in(shop)
    with pytest.raises(SignInRefused):
        sign_in(shop, email="b@example.com", now=NOON + services.LOCKED_FOR)
    assert SignInFailures.objects.count() == 2


# -- sessions ----------------------------------------------------------------------------------------


def test_a_session_ends_with_the_password(shop):
    register(shop)
    account = sign_in(shop)
    kept = queries.session_value(account)
    assert queries.of_session(shop.pk, kept) == account
    assert queries.of_session(shop.pk, [str(kept[0]), kept[1]]) is None
    services.set_password(account, "quite another one")
    assert queries.of_session(shop.pk, kept) is None
    assert queries.of_session(shop.pk, queries.session_value(account)) == account


@pytest.mark.parametrize("kept", [None, "", [], [1], ["1", "x"], {"a": 1}, [1, "x", 3], [1, "wrong"], [True, ""]])
def test_anything_else_in_a_session_is_nobody(shop, kept):
    register(shop)
    assert queries.of_session(shop.pk, kept) is None


def test_a_session_of_a_guest_is_nobodys(shop):
    guest = factories.customer(shop)
    assert queries.of_session(shop.pk, queries.session_value(guest)) is None


def test_an_account_is_shown_what_it_left_itself(shop):
    register(shop)
    account = sign_in(shop)
    services.keep_address(account, factories.ADDRESS, NOON - timedelta(seconds=1))
    assert queries.last_address(account) is None
    kept = services.keep_address(account, factories.ADDRESS | {"city": "Roma"}, NOON)
    assert queries.last_address(account) == kept


def test_a_session_of_one_shop_opens_no_other(shop):
    register(shop)
    assert queries.of_session(factories.shop().pk, queries.session_value(sign_in(shop))) is None
