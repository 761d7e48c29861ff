"""Reading is leased, survives whatever goes away, and writes nothing half."""

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection as db

from ghostcart.carts.models import Cart
from ghostcart.connectors import errors, reading, services
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.options import SEALED
from ghostcart.connectors.prestashop import access
from ghostcart.connectors.prestashop.ways import ByDatabase
from ghostcart.lib import sealing
from tests import factories
from tests.connectors.prestashop.attaching import NOW, attach, import_all, look
from tests.connectors.prestashop.shopmaker import Maker

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def maker(shops_server):
    return Maker(shops_server, "serve", "8", seed=5).fill(25)


@pytest.mark.django_db
def test_the_password_is_sealed_and_never_in_the_address(maker):
    maker.run("DROP USER IF EXISTS sealed@localhost")
    maker.run("CREATE USER sealed@localhost IDENTIFIED BY 'hush'")
    maker.run("GRANT SELECT ON serve.* TO sealed@localhost")
    url = maker.server.url("serve", "sealed", "hush")
    made = services.attach(kind="prestashop", url=url, options={}, now=NOW)
    stored = Connection.objects.filter(pk=made.pk).values()[0]
    assert "hush" not in str(stored)
    assert sealing.unseal(made.secret, SEALED) == "hush"
    import_all(made)
    assert Cart.objects.filter(shop=made.shop).exists()


@pytest.mark.django_db
def test_a_shop_is_attached_once_and_to_a_named_one_if_wished(maker):
    ours = factories.shop()
    made = services.attach(kind="prestashop", url=maker.url, options={"shop_id": 2}, now=NOW, shop=ours)
    assert made.shop == ours
    for shop_id in (2, 1):
        with pytest.raises(errors.AlreadyAttached):
            services.attach(kind="prestashop", url=maker.url, options={"shop_id": shop_id}, now=NOW, shop=ours)
    with pytest.raises(errors.NoSuchShop):
        attach(maker, 77)


@pytest.mark.django_db
def test_one_worker_reads_and_another_takes_over_when_it_falls_silent(maker, monkeypatch):
    connection = import_all(attach(maker, 1))
    look(connection, NOW + SECOND)
    monkeypatch.setattr(reading, "_PROCESS", "another")
    Connection.objects.filter(pk=connection.pk).update(due_at=None)
    assert reading._claim(NOW + 2 * SECOND) is None
    assert reading._claim(NOW + 2 * SECOND + ByDatabase.lease) is not None


@pytest.mark.django_db
def test_while_one_shop_is_imported_the_others_are_followed(maker, monkeypatch):
    monkeypatch.setattr(reading, "WORKS_SECONDS", 0)
    followed, importing = import_all(attach(maker, 1)), attach(maker, 2)
    now = NOW + 2 * SECOND
    Connection.objects.filter(pk=importing.pk).update(due_at=NOW)
    Connection.objects.filter(pk=followed.pk).update(due_at=NOW + SECOND)
    for _turn in range(2):
        reading.read_due(now)
    followed.refresh_from_db()
    importing.refresh_from_db()
    assert (followed.read_at, importing.read_at) == (now, now)
    assert importing.state == State.IMPORTING


@pytest.mark.django_db
def test_a_process_that_ends_leaves_its_shops_to_others_at_once(maker, monkeypatch):
    connection = import_all(attach(maker, 1))
    look(connection, NOW + SECOND)
    reading.release()
    monkeypatch.setattr(reading, "_PROCESS", "another")
    assert reading._claim(NOW + 2 * SECOND) is not None


@pytest.mark.django_db
def test_a_worker_that_lost_its_lease_writes_nothing(maker, monkeypatch):
    connection = import_all(attach(maker, 1))
    number = maker.cart(date_upd=maker.at())
    real = reading._hold

    def overtaken(mine):
        Connection.objects.filter(pk=mine.pk).update(claimed_by="another")
        real(mine)

    monkeypatch.setattr(reading, "_hold", overtaken)
    look(connection, NOW + 2 * SECOND)
    assert not Cart.objects.filter(external_id=str(number)).exists()
    monkeypatch.setattr(reading, "_hold", real)
    Connection.objects.update(claimed_by="", claimed_until=None)
    look(connection, NOW + 3 * SECOND)
    assert Cart.objects.filter(external_id=str(number)).exists()


@pytest.mark.django_db
def test_a_paused_shop_is_left_alone_and_resumed_where_it_was(maker, monkeypatch):
    monkeypatch.setattr(reading, "WORKS_SECONDS", 0)
    connection = attach(maker, 1)
    services.pause(connection)
    services.resume(connection, NOW)  # before the first look
    reading.read_due(NOW)
    services.pause(connection)
    assert reading.read_due(NOW + SECOND) is False
    connection.refresh_from_db()
    services.resume(connection, NOW + 2 * SECOND)
    connection.refresh_from_db()
    assert connection.state == State.IMPORTING
    import_all(connection, NOW + 2 * SECOND)
    services.pause(connection)
    services.resume(connection, NOW + 3 * SECOND)
    connection.refresh_from_db()
    assert connection.state == State.FOLLOWING


@pytest.mark.django_db
def test_the_database_killed_in_an_import_and_in_following_loses_nothing(own_server, monkeypatch):
    maker = Maker(own_server, "killed", "8", seed=9).fill(40)
    monkeypatch.setattr(access, "SLICE", 5)
    monkeypatch.setattr(reading, "WORKS_SECONDS", 0)
    connection, now = attach(maker, 1), NOW
    for _turn in range(6):
        reading.read_due(now)
    own_server.kill()
    reading.read_due(now)
    connection.refresh_from_db()
    assert connection.trouble.split(":")[0] in ("connection_lost", "cannot_connect")
    since = connection.trouble_at
    rests = []
    for _turn in range(5):
        now = connection.due_at
        reading.read_due(now)
        connection.refresh_from_db()
        rests.append(connection.due_at - now)
    assert rests == sorted(rests)
    assert rests[-1] > 10 * SECOND
    assert connection.trouble_at == since
    assert errors.explain(connection.trouble) != connection.trouble
    own_server.boot()
    maker.reconnect()
    now = connection.due_at
    for _turn in range(200):
        reading.read_due(now)
        connection.refresh_from_db()
        assert not connection.trouble
    assert connection.state == State.FOLLOWING
    assert (connection.trouble, connection.trouble_at) == ("", None)
    told = {str(row[0]) for row in maker.ask("SELECT id_cart FROM {p}cart WHERE id_shop = 1")}
    assert told <= set(Cart.objects.values_list("external_id", flat=True))
    # the same while it is followed: what happened meanwhile is seen afterwards
    look(connection, now + SECOND)
    own_server.kill()
    look(connection, now + 2 * SECOND)
    own_server.boot()
    maker.reconnect()
    local = f"{(now + 60 * SECOND).astimezone(connection.shop.zone):%Y-%m-%d %H:%M:%S}"
    number = maker.cart(date_add=local, date_upd=local)
    maker.line(number, 2, 4)
    look(connection, now + 400 * SECOND)
    assert Cart.objects.get(external_id=str(number)).item_count == 4


@pytest.mark.django_db(transaction=True)
def test_several_workers_import_one_shop_once(maker):
    connection = attach(maker, 1)
    seen = []

    def work(name: str):
        with suppress(reading.LeaseLost):
            for _turn in range(30):
                try:
                    seen.append(reading.read_due(NOW))
                except Exception as error:  # a locked SQLite is no matter here: the turn is taken again
                    seen.append(error)
        db.close()

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    import_all(connection)
    theirs = Cart.objects.filter(shop=connection.shop).values_list("external_id", flat=True)
    assert len(theirs) == len(set(theirs))
    told = {str(row[0]) for row in maker.ask("SELECT id_cart FROM {p}cart WHERE id_shop = 1")}
    assert told <= set(theirs)
