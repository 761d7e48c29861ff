"""Signing in: by e-mail address and password, locked for a while after too many failures, no sign-up.

Every attempt is counted before the password is looked at, in one statement, so that a hundred guesses at once are
a hundred counted guesses; a success takes its count back. Keys hold no address in clear.
"""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.base import forms as code_forms
from django.contrib.auth import authenticate
from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import ngettext

from ghostcart.backoffice.models import SignInFailures, User
from ghostcart.customers.keys import keyed_hash
from ghostcart.lib import clock
from ghostcart.lib.networks import network
from ghostcart.lib.sql import from_db, statement, to_db

ADDRESS_LIMIT = 5
SOURCE_LIMIT = 30
CODE_LIMIT = 5
WINDOW = timedelta(minutes=15)
"""Failures are forgotten after this time, and a lock lasts as long."""

SQL = Path(__file__).parent / "sql"


class StaffBackend(BaseBackend):
    """Knows members of staff by e-mail address; an unknown address takes as long as a wrong password."""

    def authenticate(
        self, request: HttpRequest | None, email: str | None = None, password: str | None = None, **others: Any
    ) -> User | None:
        if not email or not password:
            return None
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            User().set_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()


class StaffAdapter(DefaultAccountAdapter):
    """How allauth's pages treat staff."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person, or None; ValidationError while the address or the source is locked."""
        now = clock.now()
        address, source = address_key(credentials.get("email") or ""), source_key(self.get_client_ip(request))
        refuse_while(count(address, ADDRESS_LIMIT, now), now)
        refuse_while(count(source, SOURCE_LIMIT, now), now)
        user = authenticate(request, **credentials)
        if user is not None:
            forgive(address, source, now)
        return user

    def reauthenticate(self, user: User, password: str) -> bool:
        again = self.authenticate(context.request, email=user.email, password=password)
        return again is not None and again.pk == user.pk

    def set_password(self, user: User, password: str) -> None:
        user.set_password(password)
        user.must_change_password = False
        user.save(update_fields=["password", "must_change_password"])

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Everything but "you have signed in": the page says so itself."""
        if message_template not in ("account/messages/logged_in.txt", "account/messages/logged_out.txt"):
            super().add_message(request, level, message_template, *args, **kwargs)


class CodeForm(code_forms.AuthenticateForm):
    """The second factor: its codes are counted like passwords, for all processes together."""

    def clean_code(self) -> str:
        now, key = clock.now(), f"code:{self.user.pk}"
        refuse_while(count(key, CODE_LIMIT, now), now)
        code = super().clean_code()
        SignInFailures.objects.filter(key=key).delete()
        return code


class CodeAgainForm(CodeForm, code_forms.ReauthenticateForm):
    """The same, asked again before something delicate."""

    save = code_forms.ReauthenticateForm.save


def address_key(email: str) -> str:
    return f"address:{hashlib.sha256(email.strip().lower().encode()).hexdigest()}"


def source_key(ip: str | None) -> str:
    return f"source:{keyed_hash('source', network(ip or ''))}"


def count(key: str, limit: int, now: datetime) -> datetime | None:
    """Count an attempt. Returns when the lock ends if there were more than `limit`, else None."""
    values = {"key": key, "now": to_db(now), "forgotten": to_db(now - WINDOW), "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(statement(SQL, "count_failure", connection.vendor), values)
        attempts, since = cursor.fetchone()
    begun = from_db(since)
    return begun + WINDOW if begun and attempts > limit else None


def forgive(address: str, source: str, now: datetime) -> None:
    """After a success: the address starts afresh; the source only gets this attempt back, it may try others' too."""
    SignInFailures.objects.filter(key=address).delete()
    SignInFailures.objects.filter(key=source, count__gt=0).update(count=F("count") - 1)
    SignInFailures.objects.filter(since__lt=now - WINDOW).delete()


def refuse_while(locked_until: datetime | None, now: datetime) -> None:
    if locked_until is None:
        return
    minutes = max(1, -((now - locked_until) // timedelta(minutes=1)))
    raise ValidationError(
        ngettext(
            "Signing in is locked after too many failed attempts. Try again in %(minutes)d minute.",
            "Signing in is locked after too many failed attempts. Try again in %(minutes)d minutes.",
            minutes,
        )
        % {"minutes": minutes},
        code="locked",
    )
