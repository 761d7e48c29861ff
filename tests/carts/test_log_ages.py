"""Old entries of the log go, whole months at once on PostgreSQL, and a reader who missed some is told so."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection, transaction

from ghostcart.carts import log
from ghostcart.carts.log import TABLE, Cursor
from ghostcart.carts.models import Cart, CartEvent, LogStart
from ghostcart.lib import partitions
from tests.factories import NOON, Shopper
from tests.horizon import settle
from tests.races import together

KEPT = timedelta(days=92)
only_postgres = pytest.mark.postgres


def entries_at(shop, *moments: datetime) -> list[int]:
    """A change of one cart at each of these moments; the numbers of their entries."""
    shopper = Shopper(shop)
    for _moment in moments:
        shopper.add("MUG")
    numbers = list(CartEvent.objects.filter(cart=shopper.cart).order_by("pk").values_list("pk", flat=True))
    for number, moment in zip(numbers, moments, strict=True):
        CartEvent.objects.filter(pk=number).update(at=moment)
    connection.check_constraints()  # those that wait for a commit would hold the tables
    return numbers


def forget_all(now: datetime) -> None:
    while log.forget(now, KEPT):
        pass


def part_of(number: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM carts_cartevent WHERE id = %s", [number])
        return str(cursor.fetchone()[0])


@pytest.fixture
def border() -> datetime:
    """Where the first part ends."""
    until = partitions.parts(TABLE)[0].until
    assert until
    return until


# -- everywhere ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_old_goes_and_the_rest_and_the_carts_stay(shop, monkeypatch):
    monkeypatch.setattr(log, "FORGOTTEN_AT_ONCE", 2)
    months = partitions.parts(TABLE)
    now = (months[0].until if months else NOON) + KEPT
    old = entries_at(shop, *[now - KEPT - timedelta(days=3)] * 5)
    young = entries_at(shop, *[now - timedelta(days=1)] * 2)
    while log.forget(now, KEPT):
        pass
    assert list(CartEvent.objects.order_by("pk").values_list("pk", flat=True)) == young
    assert Cart.objects.count() == 2
    assert log.start().id == old[-1]
    while log.forget(now, KEPT):
        pass
    assert CartEvent.objects.count() == 2


@pytest.mark.django_db
def test_what_is_told_late_from_before_what_is_kept_is_read_by_all_and_goes_when_its_turn_comes(shop):
    months = partitions.parts(TABLE)
    now = (months[0].until if months else NOON) + KEPT
    old = entries_at(shop, now - KEPT - timedelta(days=3))
    young = entries_at(shop, now - timedelta(days=1))
    forget_all(now)
    before = set(CartEvent.objects.values_list("pk", flat=True))
    assert before == set(young)
    (late,) = entries_at(shop, now - KEPT - timedelta(days=300))
    forget_all(now + timedelta(hours=1))
    assert CartEvent.objects.filter(pk=late).exists()  # who follows the log must still come by
    assert log.start().id == old[-1]
    entries_at(shop, now + timedelta(hours=2))
    beyond = entries_at(shop, now + timedelta(days=40))
    forget_all(now + KEPT + timedelta(days=35))
    assert list(CartEvent.objects.values_list("pk", flat=True)) == beyond
    assert Cart.objects.count() == 5


@pytest.mark.django_db
def test_what_is_dated_ahead_by_a_wrong_clock_holds_up_nothing(shop):
    months = partitions.parts(TABLE)
    now = (months[0].until if months else NOON) + KEPT
    entries_at(shop, now - KEPT - timedelta(days=3))
    ahead = entries_at(shop, now + timedelta(days=3650))
    entries_at(shop, now - KEPT - timedelta(days=2))
    young = entries_at(shop, now - timedelta(days=1))
    forget_all(now)
    assert set(CartEvent.objects.values_list("pk", flat=True)) == {*ahead, *young}


@pytest.mark.django_db
def test_of_a_log_in_one_piece_nothing_goes_that_stands_behind_what_is_kept(shop, monkeypatch):
    """The guard of the tests above, on both databases: by its date alone, what was told late would go at once."""
    _old, young, late = entries_at(shop, NOON - 2 * KEPT, NOON, NOON - 2 * KEPT)
    assert not log._forget_some(NOON - KEPT, NOON)
    assert set(CartEvent.objects.values_list("pk", flat=True)) == {young, late}
    monkeypatch.setattr(log, "takewhile", filter)
    log._forget_some(NOON - KEPT, NOON)
    assert set(CartEvent.objects.values_list("pk", flat=True)) == {young}


@pytest.mark.django_db(transaction=True)
def test_whoever_missed_forgotten_entries_cannot_follow_and_others_can(shop):
    shopper, place = Shopper(shop), log.position()
    for _entry in range(3):
        shopper.add("MUG")
    settle()
    first, second, third = (entry.cursor for entry in log.after(place))
    assert log.can_follow(first, 100)
    LogStart.objects.create(transaction=second.transaction, number=second.id)
    assert not log.can_follow(Cursor(0, 0), 100)
    assert not log.can_follow(first, 100)
    assert log.can_follow(second, 100)
    assert log.can_follow(third, 100)


# -- months, on PostgreSQL -----------------------------------------------------------------------


@only_postgres
@pytest.mark.django_db
def test_the_coming_months_are_made_ahead_and_take_their_entries(shop, border):
    month = timedelta(days=31)
    made = partitions.prepare(TABLE, "at", border)
    assert [name.removeprefix(f"{TABLE}_") for name in made] == [
        f"{(border + n * month).replace(day=1):%Y_%m}" for n in range(4)
    ]
    assert partitions.prepare(TABLE, "at", border) == []
    before, first, last_moment, beyond = entries_at(
        shop, border - timedelta(microseconds=1), border, border + timedelta(days=28, hours=23), border + 50 * month
    )
    assert part_of(before) == f"{TABLE}_first"
    assert part_of(first) == part_of(last_moment) == made[0]
    assert part_of(beyond) == f"{TABLE}_spare"


@only_postgres
@pytest.mark.django_db
def test_entries_that_no_month_took_move_into_theirs_when_it_is_made_and_keep_their_place(shop, border):
    (number,) = entries_at(shop, border + timedelta(days=3))
    assert part_of(number) == f"{TABLE}_spare"
    with connection.cursor() as cursor:
        cursor.execute("SELECT xid, data FROM carts_cartevent WHERE id = %s", [number])
        before = cursor.fetchone()
        partitions.prepare(TABLE, "at", border)
        assert part_of(number) == f"{TABLE}_{border:%Y_%m}"
        cursor.execute("SELECT xid, data FROM carts_cartevent WHERE id = %s", [number])
        assert cursor.fetchall() == [before]


@only_postgres
@pytest.mark.django_db
def test_a_month_that_is_not_wholly_old_stays(shop, border):
    partitions.prepare(TABLE, "at", border)
    old, young = entries_at(shop, border + timedelta(hours=1), border + timedelta(days=20))
    log.forget(border + KEPT + timedelta(days=10), KEPT)
    assert set(CartEvent.objects.values_list("pk", flat=True)) == {old, young}


@only_postgres
@pytest.mark.django_db(transaction=True)
def test_a_month_is_not_made_while_somebody_writes_and_nobody_waits_behind_it(shop, border, monkeypatch):
    monkeypatch.setattr(partitions, "LOCK_SECONDS", 1)
    far = border + timedelta(days=4)
    with transaction.atomic():
        entries_at(shop, far)  # in the spare part
        (result,) = together([lambda: partitions.prepare(TABLE, "at", border)])
        assert isinstance(result, OperationalError)
    assert f"{TABLE}_{border:%Y_%m}" not in [part.name for part in partitions.parts(TABLE)]


@only_postgres
@pytest.mark.django_db
def test_a_table_with_rows_is_split_in_place(border):
    now = datetime(2026, 5, 17, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE note (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, at timestamptz)")
        cursor.execute("CREATE INDEX note_by_time ON note (at, id)")
        cursor.execute("INSERT INTO note (at) SELECT %s FROM generate_series(1, 5)", [now])
    with connection.schema_editor() as editor:
        partitions.split(editor, "note", "at", now, {"note_by_time": "at, id"}, [])
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO note (at) VALUES (%s), (%s) RETURNING id", [now, now + timedelta(days=30)])
        assert cursor.fetchall() == [(6,), (7,)]
        cursor.execute("SELECT count(*), count(DISTINCT id) FROM note")
        assert cursor.fetchone() == (7, 7)
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'note_by_time'")
        assert "(at, id)" in cursor.fetchone()[0]
        cursor.execute("DROP TABLE note")
    assert partitions.parts("note") == []
