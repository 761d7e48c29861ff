"""Who is the same human: e-mail and phone join people, addresses and devices only relate them."""

import itertools
from datetime import timedelta

import pytest
from django.db import connection, transaction

from ghostcart.customers import identity, services
from ghostcart.customers.models import Customer, Person, PersonKey
from tests import factories
from tests.factories import ADDRESS, NOON, Shopper
from tests.races import order, together

pytestmark = pytest.mark.django_db
threads = pytest.mark.django_db(transaction=True)
only_postgres = pytest.mark.postgres


def somebody(shop, email, **more):
    return services.identify(shop.pk, email=email, now=NOON, **more)


def person(customer, **seen):
    return identity.recognise(customer, NOON, **seen)


def same(*customers):
    return len({identity.root(customer.person_id) for customer in customers}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.com", "ADA@Example.com "),
        ("ada@example.com", "ada+carts@example.com"),
        ("ada.byron@gmail.com", "adabyron+x@googlemail.com"),
        ("a.d.a@gmail.com", "ada@gmail.com"),
    ],
)
def test_two_spellings_of_a_mailbox_are_one_person(shop, one, other):
    assert same(somebody(shop, one), somebody(shop, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.com", "ada@example.org"),
        ("a.da@example.com", "ada@example.com"),  # dots matter everywhere but at Gmail
        ("+x@example.com", "+y@example.com"),
    ],
)
def test_two_mailboxes_are_two_people(shop, one, other):
    assert not same(somebody(shop, one), somebody(shop, other))


def test_a_phone_joins_two_people_and_the_older_one_stays(shop):
    ada, eve, bob = (somebody(shop, f"{name}@example.com") for name in ("ada", "eve", "bob"))
    person(eve, phone="+39 011 5551234")
    joined = person(bob, phone="011 5551234")
    assert joined.pk == eve.person_id
    assert identity.family(bob.person_id) == {bob.person_id, eve.person_id}
    person(ada, phone="+39 011 555 1234")
    assert identity.family(bob.person_id) == {one.person_id for one in (ada, eve, bob)}
    assert {one.merged_into_id for one in Person.objects.exclude(pk=ada.person_id)} == {ada.person_id}  # no chains


def test_an_address_relates_and_does_not_join(shop):
    ada, bob = somebody(shop, "ada@example.com"), somebody(shop, "bob@example.com")
    person(ada, address=ADDRESS)
    person(bob, address=ADDRESS | {"street": "via  ROMA, 1", "first_name": "Bob"})
    assert not same(ada, bob)
    assert identity.relatives(ada.person_id) == {ada.person_id, bob.person_id}


def test_relatives_reach_over_several_steps(shop):
    people = [somebody(shop, f"p{number}@example.com") for number in range(4)]
    for one, other in itertools.pairwise(people):
        device = f"device of {one.pk}"
        person(one, device=device)
        person(other, device=device)
    assert identity.relatives(people[0].person_id) == {one.person_id for one in people}
    assert identity.sharing([people[0].person_id])[people[0].person_id] == {people[1].person_id}


def test_what_very_many_share_relates_nobody(shop):
    people = [somebody(shop, f"p{number}@example.com") for number in range(identity.MOST_SHARING + 1)]
    for one in people[:-1]:
        person(one, address=ADDRESS)
    assert len(identity.relatives(people[0].person_id)) == identity.MOST_SHARING
    person(people[-1], address=ADDRESS)
    assert identity.relatives(people[0].person_id) == {people[0].person_id}


def test_shops_know_nothing_of_each_other(shop):
    one, other = somebody(shop, "ada@example.com"), somebody(factories.shop(), "ada@example.com")
    person(one, address=ADDRESS)
    person(other, address=ADDRESS)
    assert identity.relatives(one.person_id) == {one.person_id}


def test_nothing_that_was_typed_stands_in_the_keys(shop):
    person(somebody(shop, "ada@example.com"), phone="+39 011 5551234", address=ADDRESS, device="d" * 64)
    kept = " ".join(PersonKey.objects.values_list("value_hash", flat=True))
    assert sorted(PersonKey.objects.values_list("kind", flat=True)) == ["address", "device", "email", "phone"]
    assert not any(word in kept for word in ("ada@", "5551234", "roma", "d" * 64))  # longer than chance makes of hex


def test_an_order_tells_address_number_and_device(shop):
    shopper = Shopper(shop)
    shopper.add("MUG")
    ada = somebody(shop, "ada@example.com")
    order(shopper, ada, address=ADDRESS | {"phone": "+39 011 5551234"})
    kinds = PersonKey.objects.filter(person=ada.person_id).values_list("kind", flat=True)
    assert sorted(kinds) == ["address", "device", "email", "phone"]


def test_once_known_it_only_reads(shop, django_assert_max_num_queries):
    ada = somebody(shop, "ada@example.com")
    ada.refresh_from_db()
    with django_assert_max_num_queries(7) as asked:
        person(ada)
    assert not [one for one in asked.captured_queries if one["sql"].startswith(("INSERT", "UPDATE"))]


def test_customers_written_without_it_are_caught_up_with(shop):
    rows = [
        Customer(shop=shop, email=f"p{n}@example.com", email_key=f"p{n}@example.com", registered_at=NOON)
        for n in range(5)
    ]
    Customer.objects.bulk_create(rows)
    assert identity.catch_up(NOON)
    assert not identity.catch_up(NOON)
    assert Customer.objects.filter(person=None).count() == 0


def test_who_was_erased_is_not_caught_up_with_and_the_others_a_batch_at_a_time(shop):
    rows = [
        Customer(shop=shop, email=f"p{n}@example.com", email_key=f"p{n}@example.com", registered_at=NOON)
        for n in range(3)
    ]
    rows[0].erased_at = NOON
    Customer.objects.bulk_create(rows)
    assert identity.catch_up(NOON, limit=1)
    assert Customer.objects.exclude(person=None).get().email == "p1@example.com"
    assert identity.catch_up(NOON, limit=1)
    assert not identity.catch_up(NOON)


def test_a_number_of_an_order_is_read_as_one_of_the_country_it_goes_to(shop):
    ada, bob, eve = (somebody(shop, f"{name}@example.com") for name in ("ada", "bob", "eve"))
    person(ada, phone="+49 30 5551234")
    person(bob, phone="030 5551234", address=ADDRESS | {"country": "DE"})
    assert same(ada, bob)
    person(eve, phone="030 5551234")  # at home, where the shop is
    assert not same(ada, eve)


def test_the_number_of_an_account_counts_without_an_order(shop):
    ada = somebody(shop, "ada@example.com", phone="+39 011 5551234")
    assert same(ada, somebody(shop, "bob@example.com", phone="+39 0115551234"))


def test_an_address_that_no_mail_reaches_names_nobody(shop):
    nobody = [
        Customer.objects.create(shop=shop, email="", email_key=f"x:{number}", registered_at=NOON) for number in range(2)
    ]
    assert len({person(one).pk for one in nobody}) == 2
    assert not PersonKey.objects.exists()


def test_who_got_a_person_meanwhile_gets_no_second_one(shop):
    Customer.objects.create(shop=shop, email="", email_key="x:1", registered_at=NOON)
    one, other = Customer.objects.get(), Customer.objects.get()  # as two requests have read it
    assert person(one) == person(other)
    assert Person.objects.count() == 1


def test_whoever_comes_by_a_key_of_one_who_was_joined_is_named_by_the_oldest(shop):
    ada, bob = somebody(shop, "ada@example.com"), somebody(shop, "bob@example.com")
    for one in (ada, bob):
        person(one, phone="+39 011 5551234")
    alias = somebody(shop, "bob+shop@example.com")
    assert alias.person_id == ada.person_id
    assert person(bob).pk == ada.person_id


def test_who_is_known_by_an_order_alone_is_named_by_the_oldest_too(shop):
    ada = somebody(shop, "ada@example.com")
    caller = Customer.objects.create(shop=shop, email="", email_key="x:1", registered_at=NOON)
    person(caller)
    for one in (ada, caller):
        person(one, phone="+39 011 5551234")
    assert person(Customer.objects.get(pk=caller.pk)).pk == ada.person_id


def test_two_who_are_related_by_all_but_a_strong_key_stay_two(shop):
    ada, bob = somebody(shop, "ada@example.com"), somebody(shop, "bob@example.com")
    for one in (ada, bob):
        person(one, address=ADDRESS, device="d" * 64)
    assert identity.family(ada.person_id) == {ada.person_id}
    assert identity.root(bob.person_id) == bob.person_id


def test_when_a_key_was_seen_moves_by_days_and_only_for_who_brought_it(shop):
    ada, bob = somebody(shop, "ada@example.com"), somebody(shop, "bob@example.com")
    for one in (ada, bob):
        person(one, address=ADDRESS)

    def seen(one):
        return set(PersonKey.objects.filter(person=one.person_id).values_list("kind", "seen_at"))

    before = seen(bob)
    identity.recognise(ada, NOON + identity.SEEN_STEP, address=ADDRESS)
    assert {at for _kind, at in seen(ada)} == {NOON}  # most visits write nothing
    later = NOON + timedelta(days=1, seconds=1)
    identity.recognise(ada, later, address=ADDRESS)
    assert seen(ada) == {("email", later), ("address", later)}
    assert seen(bob) == before
    identity.recognise(ada, later + timedelta(days=2))
    assert dict(seen(ada)) == {"email": later + timedelta(days=2), "address": later}


def test_a_key_that_a_joined_row_brought_is_the_persons_and_is_not_noted_twice(shop):
    ada, bob = somebody(shop, "ada@example.com"), somebody(shop, "bob@example.com")
    person(bob, address=ADDRESS)
    for one in (ada, bob):
        person(one, phone="+39 011 5551234")
    person(ada, address=ADDRESS)
    assert PersonKey.objects.filter(kind="address").get().person_id == bob.person_id
    assert identity.relatives(ada.person_id) == {ada.person_id, bob.person_id}


def test_of_three_who_turn_out_to_be_one_the_oldest_names_them_and_each_knows_the_others(shop):
    ada, bob, eve = (somebody(shop, f"{name}@example.com") for name in ("ada", "bob", "eve"))
    for one in (bob, eve):
        person(one, phone="+39 011 5551234")
    assert person(ada, phone="+39 011 5551234").pk == ada.person_id
    everybody = {one.person_id for one in (ada, bob, eve)}
    assert {identity.root(one) for one in everybody} == {ada.person_id}
    assert identity.families(everybody) == dict.fromkeys(everybody, everybody)
    bob.refresh_from_db()
    assert person(bob).pk == ada.person_id  # the row stays bob's, the person is the oldest
    assert identity.root(10**9) == 10**9
    assert identity.family(10**9) == {10**9}


def test_sharing_tells_whole_families_and_never_oneself(shop):
    ada, bob, eve = (somebody(shop, f"{name}@example.com") for name in ("ada", "bob", "eve"))
    person(eve, address=ADDRESS)
    for one in (bob, eve):
        person(one, phone="+39 011 5551234")
    person(ada, address=ADDRESS)
    found = identity.sharing([ada.person_id, eve.person_id])
    assert found == {ada.person_id: {bob.person_id, eve.person_id}, eve.person_id: {bob.person_id, ada.person_id}}
    assert identity.sharing([bob.person_id]) == {bob.person_id: frozenset()}
    assert identity.related([ada.person_id]) == {one.person_id for one in (ada, bob, eve)}
    assert identity.related([]) == frozenset()


def test_an_address_and_a_device_that_happen_to_have_one_hash_relate_nobody(shop):
    ada, bob = somebody(shop, "ada@example.com"), somebody(shop, "bob@example.com")
    for one, kind in ((ada, "address"), (bob, "device")):
        PersonKey.objects.create(shop=shop, person_id=one.person_id, kind=kind, value_hash="x" * 64, seen_at=NOON)
    assert identity.relatives(ada.person_id) == {ada.person_id}


def test_relatives_are_no_more_than_so_many_for_each_who_is_asked_for(shop, monkeypatch):
    assert (identity.MOST_RELATIVES, identity.MOST_SHARING) == (200, 20)
    people = [somebody(shop, f"p{number}@example.com") for number in range(9)]
    for number, one in enumerate(people):
        person(one, device=f"half {number % 2}")
    monkeypatch.setattr(identity, "MOST_RELATIVES", 3)
    first, second = people[0].person_id, people[1].person_id
    assert identity.relatives(first) == {one.person_id for one in people[0:5:2]}  # the oldest of them
    assert len(identity.related([first, second])) == 6


# -- at once ------------------------------------------------------------------------------------------


@threads
def test_eight_spellings_at_once_are_one_person(shop):
    names = [f"ada+{number}@example.com" for number in range(8)]
    results = together([lambda name=name: somebody(shop, name) for name in names])
    assert not [result for result in results if isinstance(result, Exception)]
    assert same(*Customer.objects.all())
    assert PersonKey.objects.filter(kind="email").count() == 1


@threads
def test_crossing_joins_do_not_wait_in_a_circle(shop):
    people = [somebody(shop, f"p{number}@example.com") for number in range(6)]
    for number, one in enumerate(people):
        person(one, phone=f"+39 011 555 12{number:02d}")

    def join(one, number):
        return lambda: person(one, phone=f"+39 011 555 12{number:02d}", address=ADDRESS)

    results = together([join(one, (place * 5 + 1) % 6) for place, one in enumerate(people)])
    assert not [result for result in results if isinstance(result, Exception)]
    assert len(identity.relatives(people[0].person_id)) == 6


def test_whoever_holds_holds_those_who_join_meanwhile(shop, monkeypatch):
    """The set grows between looking and locking: it is let go, and taken again as a whole."""
    ada, bob = somebody(shop, "ada@example.com"), somebody(shop, "bob@example.com")
    person(bob, address=ADDRESS)
    real, grown = identity.lock, []

    def lock(ids):
        if not grown:
            grown.append(person(ada, address=ADDRESS))
        real(ids)

    monkeypatch.setattr(identity, "lock", lock)
    with transaction.atomic():
        assert identity.hold([bob.person_id]) == {ada.person_id, bob.person_id}


@threads
@only_postgres
def test_holding_keeps_others_from_holding(shop):
    ada = somebody(shop, "ada@example.com")

    def try_it():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '100ms'")
            identity.hold([ada.person_id])

    with transaction.atomic():
        identity.hold([ada.person_id])
        (result,) = together([try_it])
    assert "lock timeout" in str(result)
