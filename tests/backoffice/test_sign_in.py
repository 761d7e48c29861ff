"""Signing in: passwords, the lock after too many failures, the second factor, and how sessions end."""

import threading
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, reverse

from ghostcart.backoffice import sign_in
from ghostcart.backoffice.models import Role, SignInFailures, User
from ghostcart.lib import clock
from tests import factories

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-password"
LOGIN = "/backoffice/account/login/"
HOME = "/backoffice/"


@pytest.fixture(autouse=True)
def quick(settings):
    """A fast hasher, and none of allauth's own limits in memory from the test before."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()


@pytest.fixture
def ada() -> User:
    return factories.staff(Role.OWNER, factories.shop(), email="ada@example.com")


def enter(client: Client, email: str = "ada@example.com", password: str = PASSWORD, **more):
    return client.post(LOGIN, {"login": email, "password": password}, **more)


def is_in(client: Client) -> bool:
    return client.get(reverse("backoffice:profile")).status_code == 200


def pass_time(monkeypatch, **time) -> None:
    monkeypatch.setattr(clock, "offset", lambda: timedelta(**time))


# -- passwords ---------------------------------------------------------------------------------------


def test_the_right_password_opens_the_back_office(client, ada):
    answer = enter(client)
    assert (answer.status_code, answer["Location"]) == (302, HOME)
    assert is_in(client)


def test_the_case_of_the_address_and_spaces_around_it_do_not_matter(client, ada):
    enter(client, email="  ADA@Example.COM ")
    assert is_in(client)


def test_after_signing_in_people_land_where_they_wanted_to_go_but_never_on_another_site(client, ada):
    target = reverse("backoffice:order-list")
    refused = client.get(target)
    assert enter(client, QUERY_STRING=refused["Location"].partition("?")[2])["Location"] == target
    outside = Client()
    assert enter(outside, QUERY_STRING="next=https://evil.example/")["Location"] == HOME


def test_a_wrong_password_and_an_unknown_address_are_told_the_same(client, ada):
    wrong = enter(client, password="not this one").context["form"].errors
    unknown = enter(client, email="nobody@example.com").context["form"].errors
    assert wrong == unknown


def test_an_unknown_address_costs_a_hash_like_a_wrong_password(client, ada, monkeypatch):
    hashed = []
    monkeypatch.setattr(User, "set_password", lambda self, password: hashed.append(password))
    enter(client, email="nobody@example.com", password="whatever")
    assert hashed == ["whatever"]


def test_who_was_deactivated_is_out_at_once_and_stays_out(client, ada):
    enter(client)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert not is_in(client)
    enter(client)
    assert not is_in(client)


def test_nobody_can_sign_up_or_ask_for_a_password_by_mail():
    for name in ("account_signup", "account_reset_password", "account_email"):
        with pytest.raises(NoReverseMatch):
            reverse(name)


def test_opening_the_sign_out_page_signs_nobody_out(client, ada):
    enter(client)
    client.get(reverse("account_logout"))
    assert is_in(client)
    client.post(reverse("account_logout"))
    assert not is_in(client)


def test_the_sign_in_page_speaks_the_browsers_language(client):
    assert b'<html lang="de"' in client.get(LOGIN, headers={"Accept-Language": "de-AT, en;q=0.5"}).content


# -- the lock ----------------------------------------------------------------------------------------


def test_after_five_failures_the_right_password_is_refused_too(client, ada):
    for _ in range(5):
        enter(client, password="guess")
    answer = enter(client)
    assert "Try again in 15 minutes." in answer.content.decode()
    assert not is_in(client)


def test_without_the_counter_the_sixth_guess_would_pass(client, ada):
    """Guard: the protection of the test above is the counter, and nothing else."""
    for _ in range(5):
        enter(client, password="guess")
        SignInFailures.objects.all().delete()
    enter(client)
    assert is_in(client)


def test_the_lock_ends_after_a_quarter_of_an_hour(client, ada, monkeypatch):
    for _ in range(6):
        enter(client, password="guess")
    pass_time(monkeypatch, minutes=14)
    assert "Try again in 1 minute." in enter(client).content.decode()
    pass_time(monkeypatch, minutes=15, seconds=5)
    enter(client)
    assert is_in(client)


def test_asking_again_during_the_lock_does_not_make_it_longer(client, ada, monkeypatch):
    for minute in range(15):
        pass_time(monkeypatch, minutes=minute)
        for _ in range(6):
            enter(client, password="guess")
        cache.clear()
    pass_time(monkeypatch, minutes=15, seconds=5)
    enter(client)
    assert is_in(client)


def test_a_success_forgets_the_failures_before_it(client, ada):
    for _ in range(3):
        for _ in range(4):
            enter(Client(), password="guess")
        enter(client)
        client.logout()
    assert not SignInFailures.objects.filter(key=sign_in.address_key(ada.email)).exists()


def test_an_address_that_nobody_has_locks_like_any_other(client):
    for _ in range(5):
        enter(client, email="nobody@example.com")
    assert "Try again in" in enter(client, email="nobody@example.com").content.decode()


def test_one_source_that_tries_many_addresses_is_locked_and_others_are_not(client, ada):
    for number in range(30):
        enter(client, email=f"guess{number}@example.com", REMOTE_ADDR="203.0.113.9")
        cache.clear()  # allauth's own limit per minute, in memory, is not what is tested here
    answer = enter(client, REMOTE_ADDR="203.0.113.9")
    assert "Try again in" in answer.content.decode()
    enter(client, REMOTE_ADDR="203.0.113.10")
    assert is_in(client)


def test_an_own_account_does_not_buy_a_source_more_guesses(client, ada):
    for number in range(20):
        enter(client, email=f"guess{number}@example.com")
        cache.clear()
    enter(client)
    assert SignInFailures.objects.get(key=sign_in.source_key("127.0.0.1")).count == 20


def test_of_ipv6_a_whole_network_counts_as_one_source():
    assert sign_in.source_key("2001:db8::1") == sign_in.source_key("2001:db8::ffff:2")
    assert sign_in.source_key("2001:db8::1") != sign_in.source_key("2001:db8:0:1::1")


def test_addresses_are_not_kept_in_clear(client):
    enter(client, email="secret@example.com", REMOTE_ADDR="203.0.113.9")
    enter(client, email="secret@example.com", REMOTE_ADDR="2001:db8::1")
    kept = [one.key for one in SignInFailures.objects.all()]
    assert len(kept) == 3
    assert not [key for key in kept if "secret" in key or "203.0" in key or "2001" in key]


@pytest.mark.django_db(transaction=True)
def test_failures_at_the_same_moment_are_all_counted():
    now = clock.now()

    def guess() -> None:
        for _ in range(25):
            sign_in.count("address:x", 5, now)
        connection.close()

    threads = [threading.Thread(target=guess) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert SignInFailures.objects.get(key="address:x").count == 100


# -- the second factor -------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def one_half_minute(monkeypatch):
    """No code runs out between its making and its use."""
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: iter([60_000_000]))


def code_of(user: User) -> str:
    return code_for(Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP).data["secret"])


def code_for(secret: str) -> str:
    cache.clear()  # allauth refuses a code twice within its half minute; tests do not wait for the next
    return totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))


@pytest.fixture
def careful(client, ada) -> User:
    """Ada, with a second factor switched on through the pages."""
    enter(client)
    page = reverse("mfa_activate_totp")
    asked = client.get(page)
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    client.post(asked["Location"], {"password": PASSWORD})
    assert "data:image/svg+xml" in client.get(page).content.decode()
    done = client.post(page, {"code": code_for(client.session[totp.SECRET_SESSION_KEY])})
    assert done.status_code == 302, done.context["form"].errors
    client.post(reverse("account_logout"))
    return ada


def test_with_a_second_factor_the_password_alone_opens_nothing(client, careful):
    answer = enter(client)
    assert answer["Location"].startswith(reverse("mfa_authenticate"))
    assert not is_in(client)
    client.post(reverse("mfa_authenticate"), {"code": code_of(careful)})
    assert is_in(client)


def test_a_wrong_code_is_refused_and_five_lock_even_the_right_one(client, careful):
    enter(client)
    for _ in range(5):
        assert client.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
        cache.clear()
    answer = client.post(reverse("mfa_authenticate"), {"code": code_of(careful)})
    assert "Try again in 15 minutes." in answer.content.decode()
    assert not is_in(client)


def test_a_recovery_code_works_once(client, careful):
    codes = Authenticator.objects.get(user=careful, type=Authenticator.Type.RECOVERY_CODES).wrap()
    code = codes.get_unused_codes()[0]
    for expected in (True, False):
        enter(client)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert is_in(client) is expected
        client.post(reverse("account_logout"))
        cache.clear()


def test_the_second_factor_can_be_switched_off_again(client, careful):
    enter(client)
    client.post(reverse("mfa_authenticate"), {"code": code_of(careful)})
    page = reverse("mfa_deactivate_totp")
    client.post(client.get(page)["Location"], {"password": PASSWORD})
    client.post(page)
    client.post(reverse("account_logout"))
    enter(client)
    assert is_in(client)


# -- sessions ----------------------------------------------------------------------------------------


def test_signing_in_gives_the_session_and_the_form_new_names(client, ada):
    """Whoever put a session or a form's token into this browser before knows neither of them afterwards."""
    client.post(reverse("backoffice:language"), {"language": "de"})
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = planted = session.session_key
    client.get(LOGIN)
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    enter(client)
    assert is_in(client)
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != planted
    assert client.cookies[settings.CSRF_COOKIE_NAME].value != token
    stranger = Client()
    stranger.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert not is_in(stranger)


def test_a_changed_password_ends_the_other_sessions(client, ada):
    elsewhere = Client()
    enter(client)
    enter(elsewhere)
    changed = {"oldpassword": PASSWORD, "password1": "quite-another-1", "password2": "quite-another-1"}
    assert client.post(reverse("account_change_password"), changed).status_code == 302
    assert is_in(client)
    assert not is_in(elsewhere)


def test_who_came_with_a_one_time_password_first_chooses_their_own(client, ada):
    User.objects.filter(pk=ada.pk).update(must_change_password=True)
    enter(client)
    answer = client.get(reverse("backoffice:order-list"))
    assert answer["Location"] == reverse("account_change_password")
    changed = {"oldpassword": PASSWORD, "password1": "quite-another-1", "password2": "quite-another-1"}
    client.post(reverse("account_change_password"), changed)
    assert client.get(reverse("backoffice:order-list")).status_code == 200


def test_a_weak_password_is_refused(client, ada):
    enter(client)
    for weak in ("short", "password123", "ada@example.com"):
        changed = {"oldpassword": PASSWORD, "password1": weak, "password2": weak}
        assert client.post(reverse("account_change_password"), changed).status_code == 200


def test_language_and_theme_are_kept(client, ada):
    enter(client)
    client.post(reverse("backoffice:language"), {"language": "de"})
    client.post(reverse("backoffice:theme"), {"theme": "dark"})
    again = Client()
    enter(again)
    assert b'<html lang="de"' in again.get(reverse("backoffice:profile")).content
    assert b'data-bs-theme="dark"' in client.get(reverse("backoffice:profile")).content
    client.post(reverse("backoffice:theme"), {"theme": "<script>"})
    client.post(reverse("backoffice:language"), {"language": "xx"})
    assert b'data-bs-theme="dark"' in client.get(reverse("backoffice:profile")).content
