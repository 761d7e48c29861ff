"""Everything that writes about customers: making and finding them, accounts, signing in, consent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from ghostcart.customers import identity, queries
from ghostcart.customers.errors import AddressErased, BadAddress, SignInLocked, SignInRefused, WeakPassword
from ghostcart.customers.keys import email_key, keyed_hash, searched, tidy
from ghostcart.customers.models import Address, Consent, Customer, SignInFailures
from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.lib.marks import mark
from ghostcart.lib.networks import network

LOCKED_FOR = timedelta(minutes=15)
"""How long failures count, and so the longest time that an address or a source is locked."""
MOST_FAILURES_OF_ADDRESS = 10
MOST_FAILURES_OF_SOURCE = 30
LONGEST_PASSWORD = 500  # a longer one only keeps the hash function busy


@dataclass(frozen=True, slots=True)
class Consented:
    """What a person answered when asked for consent, with the very sentence that they saw."""

    is_given: bool
    text: str
    text_version: str
    source: str = "checkout"
    purpose: str = "reminders"
    at: datetime | None = None
    """When, if it was not now: an answer older than the last one changes nothing."""


# -- who it is ---------------------------------------------------------------------------------------


@transaction.atomic
def identify(
    shop_id: int,
    *,
    email: str,
    first_name: str = "",
    last_name: str = "",
    phone: str = "",
    language: str = "en",
    consent: Consented | None = None,
    device: str = "",
    now: datetime,
) -> Customer:
    """The customer with this address, made as a guest if the shop does not know it yet.

    Whoever types an address has not proved that it is theirs: a guest's name may be corrected this way, what stands
    in an account stays as it is. `device` is the hash of the cart token that they shop with. Raises BadAddress,
    and AddressErased for what happened before the person asked to be forgotten.
    """
    key = email_key(email)
    if queries.is_erased(shop_id, key, now):
        raise AddressErased
    customer, _is_new = Customer.objects.get_or_create(
        shop_id=shop_id,
        email_key=key,
        defaults={"email": tidy(email, 320), "language": language, "registered_at": now, "last_seen_at": now},
    )
    if customer.is_guest:
        changed = {
            "first_name": tidy(first_name, 120) or customer.first_name,
            "last_name": tidy(last_name, 120) or customer.last_name,
            "phone": tidy(phone, 40) or customer.phone,
            "language": language,
            "last_seen_at": now,
        }
        _save(customer, **changed)
    if consent:
        record_consent(customer, consent, now)
    identity.recognise(customer, now, device=device)
    return customer


def change_details(customer: Customer, *, first_name: str, last_name: str, phone: str = "") -> None:
    """The signed-in customer corrects their own name and number."""
    names = {"first_name": tidy(first_name, 120), "last_name": tidy(last_name, 120)}
    _save(customer, **names, phone=tidy(phone, 40))


@transaction.atomic
def save_note(customer: Customer, note: str, shown: str | None = None) -> None:
    """Keep what staff noted about a customer.

    `shown` is the mark of the note that its writer saw; None: it counts whatever stands there. Raises SavedMeanwhile.
    """
    note = note.replace("\x00", "").strip()
    kept = Customer.objects.select_for_update(no_key=True).values_list("note", flat=True).get(pk=customer.pk)
    if shown is not None and shown != mark(kept) and note != kept:
        raise SavedMeanwhile
    customer.note = note
    customer.save(update_fields=["note"])


def keep_address(customer: Customer, address: dict[str, str], now: datetime) -> Address:
    """Keep a delivery address for the next order; the same one again only becomes the newest."""
    fields = {name: tidy(address.get(name, ""), most) for name, most in _ADDRESS_FIELDS.items()}
    kept, is_new = Address.objects.get_or_create(customer=customer, **fields, defaults={"created_at": now})
    if not is_new:
        kept.created_at = now
        kept.save(update_fields=["created_at"])
    return kept


_ADDRESS_FIELDS = {
    "first_name": 120,
    "last_name": 120,
    "street": 200,
    "postcode": 20,
    "city": 120,
    "country": 2,
    "phone": 40,
}


def _save(customer: Customer, **changed: object) -> None:
    for name, value in changed.items():
        setattr(customer, name, value)
    customer.search_text = searched(customer.first_name, customer.last_name, customer.email, customer.phone)
    customer.save(update_fields=[*changed, "search_text"])


def record_consent(customer: Customer, consented: Consented, now: datetime) -> None:
    """Keep an answer as proof, if it changes what holds: a box left empty by who never agreed is no news."""
    at = consented.at or now
    last = customer.consents.filter(purpose=consented.purpose).first()
    if last is not None and consented.at is not None and at < last.at:
        return
    version = tidy(consented.text_version, 20)
    if consented.is_given:
        is_news = last is None or not last.is_given or last.text_version != version
    else:
        is_news = last is not None and last.is_given
    if is_news:
        Consent.objects.create(
            customer=customer,
            purpose=consented.purpose,
            is_given=consented.is_given,
            text=tidy(consented.text, 2000),
            text_version=version,
            source=consented.source,
            at=at,
        )


# -- accounts ----------------------------------------------------------------------------------------


@transaction.atomic
def register(
    shop_id: int,
    *,
    email: str,
    password: str,
    first_name: str,
    last_name: str,
    language: str = "en",
    consent: Consented | None = None,
    now: datetime,
) -> None:
    """Open an account, unless the address already has one: the answer is the same, so that nobody can ask who has.

    A guest with this address becomes the account. As nobody proved yet that the mailbox is theirs, the account starts
    afresh: `registered_at` is now, and what happened before is not shown to it (`queries.visible_since`).
    Raises BadAddress and WeakPassword.
    """
    key = email_key(email)
    person = Customer(email=email, first_name=first_name, last_name=last_name)
    check_password_strength(password, person)
    hashed = make_password(password)  # before looking: it takes the same time whether the account exists or not
    customer, _is_new = Customer.objects.select_for_update().get_or_create(
        shop_id=shop_id, email_key=key, defaults={"email": tidy(email, 320), "registered_at": now}
    )
    if not customer.is_guest:
        return
    _save(
        customer,
        first_name=tidy(first_name, 120),
        last_name=tidy(last_name, 120),
        phone="",
        language=language,
        is_guest=False,
        password=hashed,
        registered_at=now,
        last_seen_at=now,
    )
    if consent:
        record_consent(customer, consent, now)
    identity.recognise(customer, now)


def set_password(customer: Customer, password: str) -> None:
    """Give an account a new password; every sign-in made with the old one ends. Raises WeakPassword."""
    check_password_strength(password, customer)
    customer.password = make_password(password)
    customer.is_guest = False
    customer.save(update_fields=["password", "is_guest"])


def check_password_strength(password: str, customer: Customer) -> None:
    """Raises WeakPassword, with the reasons."""
    if len(password) > LONGEST_PASSWORD:
        raise WeakPassword([_("At most %(most)s characters, please.") % {"most": LONGEST_PASSWORD}])
    try:
        validate_password(password, customer)  # type: ignore[arg-type]
    except ValidationError as weak:
        raise WeakPassword(weak.messages) from None


# -- signing in --------------------------------------------------------------------------------------


def sign_in(shop_id: int, *, email: str, password: str, source: str, now: datetime) -> Customer:
    """The account that this address and password open. `source` is where the attempt comes from (an IP address).

    Attempts are counted per address and per source, before the password is looked at: many at once gain nothing.
    Raises SignInRefused and SignInLocked.
    """
    try:
        key = email_key(email)
    except BadAddress:
        raise SignInRefused from None
    of_address = _failures_key(shop_id, "address", key)
    of_source = _failures_key(shop_id, "source", network(source))
    _count_attempt(of_address, MOST_FAILURES_OF_ADDRESS, now)
    _count_attempt(of_source, MOST_FAILURES_OF_SOURCE, now)
    customer = Customer.objects.filter(shop_id=shop_id, email_key=key, is_guest=False).first()
    if customer is None or len(password) > LONGEST_PASSWORD:
        make_password(password[:LONGEST_PASSWORD])  # as long as looking at a real one takes
        raise SignInRefused
    if not customer.knows_password(password):
        raise SignInRefused
    SignInFailures.objects.filter(key=of_address).delete()
    SignInFailures.objects.filter(key=of_source, count__gt=0).update(count=F("count") - 1)
    customer.last_seen_at = now
    customer.save(update_fields=["last_seen_at"])
    return customer


def forget_failures(shop_id: int, key: str) -> None:
    """Nothing of an address stays among the failed attempts; `key` is its `email_key`."""
    SignInFailures.objects.filter(key=_failures_key(shop_id, "address", key)).delete()


def _failures_key(shop_id: int, kind: str, value: str) -> str:
    return f"{shop_id}:{kind}:{keyed_hash(kind, value)[:40]}"


@transaction.atomic
def _count_attempt(key: str, most: int, now: datetime) -> None:
    """Count one more attempt within the window. Raises SignInLocked if there were too many."""
    SignInFailures.objects.filter(since__lte=now - LOCKED_FOR).delete()
    SignInFailures.objects.bulk_create([SignInFailures(key=key, since=now)], ignore_conflicts=True)
    if not SignInFailures.objects.filter(key=key, count__lt=most).update(count=F("count") + 1):
        raise SignInLocked(minutes=int(LOCKED_FOR.total_seconds() // 60))
