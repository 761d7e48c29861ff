"""Staff: taking people on, roles, ending access; nobody is left without an owner, nobody raises themselves."""

import re
import threading

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from ghostcart.backoffice import services
from ghostcart.backoffice.errors import LastOwner, NotYours, OwnRole
from ghostcart.backoffice.models import Membership, Role, User
from ghostcart.lib.errors import GhostcartError
from tests import factories

pytestmark = pytest.mark.django_db

NEW = "/backoffice/staff/new/"


@pytest.fixture(autouse=True)
def quick(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def owner(client, shop) -> User:
    user = factories.staff(Role.OWNER, shop, email="owner@example.com")
    client.force_login(user)
    return user


def take_on(client, shop, email="new@example.com", role="agent", **more):
    values = {"email": email, "name": "New Person", "language": "it", f"role_{shop.pk}": role} | more
    return client.post(NEW, values)


def set_role(client, person, shop, role):
    return client.post(reverse("backoffice:staff-member", args=[person.pk]), {f"role_{shop.pk}": role})


def password_in(answer) -> str:
    return re.search(r'<code class="one-time">([a-z0-9-]+)</code>', answer.content.decode())[1]


# -- taking people on --------------------------------------------------------------------------------


def test_a_new_person_signs_in_with_the_one_time_password_that_is_shown_once(client, shop, owner):
    answer = take_on(client, shop)
    password = password_in(answer)
    assert "no-store" in answer["Cache-Control"]
    person = User.objects.get(email="new@example.com")
    assert person.role_in(shop.pk) == Role.AGENT
    for page in (reverse("backoffice:staff"), reverse("backoffice:staff-member", args=[person.pk])):
        assert password not in client.get(page).content.decode()
    fresh = Client()
    fresh.post(reverse("account_login"), {"login": person.email, "password": password})
    assert fresh.get("/backoffice/")["Location"] == reverse("account_change_password")


def test_one_time_passwords_are_long_and_different():
    made = {services.one_time_password() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", one) for one in made)


def test_who_already_signs_in_here_keeps_their_password(client, shop, owner):
    person = factories.staff(Role.VIEWER, factories.shop(), email="elsewhere@example.com")
    assert take_on(client, shop, email="Elsewhere@example.com").status_code == 302
    person.refresh_from_db()
    assert person.check_password("a-long-password")
    assert (person.name, person.role_in(shop.pk)) == ("", Role.AGENT)


def test_an_address_and_a_role_are_needed(client, shop, owner):
    for wrong in (
        {"email": ""},
        {"email": "nobody"},
        {f"role_{shop.pk}": ""},
        {f"role_{shop.pk}": "king"},
        {"language": "x"},
    ):
        assert take_on(client, shop, **wrong).context["form"].errors, wrong
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_role_in_a_shop_of_others_cannot_be_given(client, shop, owner):
    other = factories.shop()
    take_on(client, shop, **{f"role_{other.pk}": "owner"})
    person = User.objects.get(email="new@example.com")
    services.change_roles(owner, person, {other.pk: Role.VIEWER})
    assert person.role_in(other.pk) is None
    owner.memberships.create(shop=other, role=Role.OWNER)
    services.change_roles(owner, person, {other.pk: Role.VIEWER})
    assert person.role_in(other.pk) == Role.VIEWER


# -- roles -------------------------------------------------------------------------------------------


def test_a_role_is_changed_and_taken_away(client, shop, owner):
    person = factories.staff(Role.VIEWER, shop)
    set_role(client, person, shop, "manager")
    assert person.role_in(shop.pk) == Role.MANAGER
    set_role(client, person, shop, "")
    assert person.role_in(shop.pk) is None


def test_the_last_owner_cannot_be_lowered_removed_or_deactivated(client, shop, owner):
    for role in ("manager", "viewer", ""):
        answer = set_role(client, owner, shop, role)
        assert "without an owner" in answer.content.decode()
    chief = User.objects.create_superuser("chief@example.com")
    with pytest.raises(LastOwner):
        services.deactivate(chief, owner)
    assert owner.role_in(shop.pk) == Role.OWNER


def test_an_owner_who_cannot_sign_in_does_not_count_as_one(client, shop, owner):
    User.objects.filter(pk=factories.staff(Role.OWNER, shop).pk).update(is_active=False)
    set_role(client, owner, shop, "viewer")
    assert owner.role_in(shop.pk) == Role.OWNER


def test_with_a_second_owner_the_first_may_step_back(client, shop, owner):
    factories.staff(Role.OWNER, shop)
    set_role(client, owner, shop, "viewer")
    assert owner.role_in(shop.pk) == Role.VIEWER


def test_nobody_raises_their_own_role(shop):
    """Even where the pages would let them ask: a superuser's own membership counts like any other."""
    chief = User.objects.create_superuser("chief@example.com")
    Membership.objects.create(user=chief, shop=shop, role=Role.AGENT)
    with pytest.raises(OwnRole):
        services.change_roles(chief, chief, {shop.pk: Role.OWNER})


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT, Role.MANAGER])
def test_lesser_roles_reach_no_page_of_staff_and_change_nothing(client, shop, role):
    person = factories.staff(role, shop)
    client.force_login(person)
    assert set_role(client, person, shop, "owner").status_code == 403
    assert take_on(client, shop).status_code == 403
    services.change_roles(person, person, {shop.pk: Role.OWNER})
    assert person.role_in(shop.pk) == role


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_lower_each_other_at_once_leave_one(settings):
    shop = factories.shop()
    pair = [factories.staff(Role.OWNER, shop) for _ in range(2)]
    start = threading.Barrier(2)

    def lower(by: User, other: User) -> None:
        start.wait()
        try:
            services.change_roles(by, other, {shop.pk: Role.VIEWER})
        except GhostcartError:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=lower, args=order) for order in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Membership.objects.filter(shop=shop, role=Role.OWNER).count() == 1


# -- access ------------------------------------------------------------------------------------------


def test_deactivating_ends_access_at_once_and_it_can_be_given_back(client, shop, owner):
    person = factories.staff(Role.VIEWER, shop)
    theirs = Client()
    theirs.force_login(person)
    url = reverse("backoffice:staff-active", args=[person.pk])
    client.post(url, {"active": "0"})
    assert theirs.get("/backoffice/").status_code == 302
    client.post(url, {"active": "1"})
    theirs.force_login(person)
    assert theirs.get("/backoffice/").status_code == 200


def test_nobody_deactivates_themselves(client, shop, owner):
    factories.staff(Role.OWNER, shop)
    client.post(reverse("backoffice:staff-active", args=[owner.pk]), {"active": "0"})
    owner.refresh_from_db()
    assert owner.is_active


def test_a_new_one_time_password_ends_the_sessions_of_the_old_one(client, shop, owner):
    person = factories.staff(Role.VIEWER, shop)
    theirs = Client()
    theirs.force_login(person)
    password = password_in(client.post(reverse("backoffice:staff-password", args=[person.pk])))
    assert theirs.get("/backoffice/").status_code == 302
    person.refresh_from_db()
    assert person.check_password(password)
    assert person.must_change_password


def test_an_owner_of_one_shop_neither_locks_out_nor_takes_over_who_works_for_another(client, shop, owner):
    """A new password would be a key to the other shop."""
    person = factories.staff(Role.VIEWER, shop)
    Membership.objects.create(user=person, shop=factories.shop(), role=Role.OWNER)
    before = person.password
    for name in ("staff-password", "staff-active"):
        client.post(reverse(f"backoffice:{name}", args=[person.pk]))
    person.refresh_from_db()
    assert (person.password, person.is_active) == (before, True)
    with pytest.raises(NotYours):
        services.renew_password(owner, person)


def test_a_superusers_password_is_not_an_owners_to_renew(shop, owner):
    chief = User.objects.create_superuser("chief@example.com")
    Membership.objects.create(user=chief, shop=shop, role=Role.VIEWER)
    for act in (services.renew_password, services.deactivate):
        with pytest.raises(NotYours):
            act(owner, chief)


def test_the_list_shows_only_ones_own_shops(client, shop, owner):
    person = factories.staff(Role.VIEWER, shop, email="both@example.com")
    other = factories.shop(name="Secret Shop")
    Membership.objects.create(user=person, shop=other, role=Role.OWNER)
    factories.staff(Role.OWNER, other, email="stranger@example.com")
    text = client.get(reverse("backoffice:staff")).content.decode()
    assert "both@example.com" in text
    assert "Secret Shop" not in text
    assert "stranger@example.com" not in text
