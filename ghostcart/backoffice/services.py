"""What staff change about themselves and each other: profiles, roles, saved views of lists."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from ghostcart.backoffice.errors import LastOwner, NotYours, OwnAccount, OwnRole
from ghostcart.backoffice.models import Membership, Role, SavedView, Summary, User
from ghostcart.shops.models import Shop

ONE_TIME_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike: the password is read out or typed from paper."""

# -- oneself -----------------------------------------------------------------------------------------


def set_language(user: User, language: str) -> None:
    user.language = language
    user.save(update_fields=["language"])


def change_profile(user: User, *, name: str, language: str) -> None:
    user.name, user.language = name, language
    user.save(update_fields=["name", "language"])


def choose_mails(user: User, chosen: Mapping[int, tuple[str, bool]], now: datetime) -> None:
    """Keep what somebody wants from their shops: {membership id: (summary, notices)}.

    A summary that is switched on begins with the next one due.
    """
    for membership in user.memberships.filter(pk__in=list(chosen)):
        summary, notices = chosen[membership.pk]
        if membership.summary == Summary.NEVER:
            membership.summary_sent_at = now
        membership.summary, membership.wants_notices = summary, notices
        membership.save(update_fields=["summary", "summary_sent_at", "wants_notices"])


def make_owner(user: User, shop: Shop) -> None:
    """Of a shop that somebody has just made."""
    Membership.objects.get_or_create(user=user, shop=shop, defaults={"role": Role.OWNER})


# -- each other --------------------------------------------------------------------------------------


@transaction.atomic
def take_on(
    by: User, *, email: str, name: str, language: str, roles: Mapping[int, Role | None]
) -> tuple[User, str | None]:
    """Give somebody roles in shops that `by` owns; returns them and their one-time password.

    Who already signs in here (they work for another shop) keeps their password: None is returned for it.
    """
    email = email.strip().lower()
    user = User.objects.filter(email=email).first()
    password = None
    if user is None:
        password = one_time_password()
        user = User.objects.create_user(email, password, name=name, language=language, must_change_password=True)
    change_roles(by, user, roles)
    return user, password


@transaction.atomic
def change_roles(by: User, user: User, roles: Mapping[int, Role | None]) -> None:
    """Set the roles of a person, by shop; None takes the role away. Shops that `by` does not own are left alone.

    Raises OwnRole and LastOwner.
    """
    owned = by.shops(Role.OWNER).values_list("pk", flat=True)
    # Locked: two owners who demote each other at the same moment would leave the shop to nobody.
    for shop in Shop.objects.select_for_update().filter(pk__in=[pk for pk in roles if pk in set(owned)]).order_by("pk"):
        _change_role(by, user, shop, roles[shop.pk])


def _change_role(by: User, user: User, shop: Shop, role: Role | None) -> None:
    membership = Membership.objects.filter(user=user, shop=shop).first()
    before = Role(membership.role) if membership else None
    if role == before:
        return
    if user == by and role is not None and (before is None or role.rank > before.rank):
        raise OwnRole
    if before == Role.OWNER and not _other_owners(shop, user):
        raise LastOwner(shop=shop.name)
    if role is None:
        Membership.objects.filter(user=user, shop=shop).delete()
    else:
        Membership.objects.update_or_create(user=user, shop=shop, defaults={"role": role})


def _other_owners(shop: Shop, user: User) -> bool:
    owners = Membership.objects.filter(shop=shop, role=Role.OWNER, user__is_active=True)
    return owners.exclude(user=user).exists()


@transaction.atomic
def deactivate(by: User, user: User) -> None:
    """End a person's access at once, everywhere. Raises OwnAccount, NotYours, LastOwner."""
    if by == user:
        raise OwnAccount
    _require_all_shops(by, user)
    owned = Membership.objects.filter(user=user, role=Role.OWNER).values("shop")
    for shop in Shop.objects.select_for_update().filter(pk__in=owned).order_by("pk"):
        if not _other_owners(shop, user):
            raise LastOwner(shop=shop.name)
    user.is_active = False
    user.save(update_fields=["is_active"])


def reactivate(by: User, user: User) -> None:
    """Raises NotYours."""
    _require_all_shops(by, user)
    user.is_active = True
    user.save(update_fields=["is_active"])


def renew_password(by: User, user: User) -> str:
    """A new one-time password for somebody who lost theirs; their sessions end. Raises OwnAccount, NotYours."""
    if by == user:
        raise OwnAccount
    _require_all_shops(by, user)
    password = one_time_password()
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    return password


def _require_all_shops(by: User, user: User) -> None:
    """Who owns one shop must not lock out, or sign in as, somebody who also works for another."""
    if by.is_superuser:
        return
    theirs = set(user.memberships.values_list("shop_id", flat=True))
    if user.is_superuser or not theirs <= set(by.shops(Role.OWNER).values_list("pk", flat=True)):
        raise NotYours


def one_time_password() -> str:
    """Four groups of four, about 79 bits."""
    letters = "".join(secrets.choice(ONE_TIME_LETTERS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


# -- saved views: the filters of lists ----------------------------------------------------------------


def remember_view(user: User, page: str, query: str) -> None:
    """Keep the filters last used on a list (`query` without its question mark)."""
    SavedView.objects.update_or_create(user=user, page=page, name="", defaults={"query": query})


def last_view(user: User, page: str) -> str:
    """The filters last used on a list; empty if there are none."""
    view = SavedView.objects.filter(user=user, page=page, name="").first()
    return view.query if view else ""


def forget_view(user: User, page: str) -> None:
    SavedView.objects.filter(user=user, page=page, name="").delete()


def save_view(user: User, page: str, name: str, query: str) -> None:
    """Keep filters under a name; the same name again replaces them."""
    SavedView.objects.update_or_create(user=user, page=page, name=name, defaults={"query": query})


def delete_view(user: User, page: str, name: str) -> None:
    SavedView.objects.filter(user=user, page=page, name=name).exclude(name="").delete()
