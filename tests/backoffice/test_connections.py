"""The pages on attached shops: looked at before anything is read, and the password never comes back."""

import json
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.urls import reverse

from ghostcart.backoffice.models import Role, User
from ghostcart.backoffice.views import connections as pages
from ghostcart.connectors import errors
from ghostcart.connectors.models import Connection, Kind, State
from ghostcart.connectors.options import SEALED
from ghostcart.connectors.prestashop.checking import Found, FoundShop
from ghostcart.lib import clock, sealing
from tests import factories
from tests.backoffice.cast import signed_in
from tests.factories import NOON

pytestmark = pytest.mark.django_db
SECRET = "p@ss:w/rd"
LINE = "mysql://reader:p%40ss%3Aw%2Frd@db.example:3307/presta"
FIELDS = {"host": "db.example", "port": 3307, "database": "presta", "user": "reader", "password": SECRET,
          "table_prefix": "ps_"}  # fmt: skip
URL = LINE


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)
    cache.clear()


@pytest.fixture
def owner(shop):
    return signed_in(Role.OWNER, shop)


def one(number: int = 1, **more):
    values = {
        "name": f"<b>Shop {number}", "group": 1, "address": "https://shop.example/", "time_zone": "Europe/Paris",
        "languages": ["fr", "en"], "currencies": ["EUR"], "carts": 1200, "orders": 60,
    }  # fmt: skip
    return FoundShop(number=number, **{**values, **more})


def found(**more):
    values = {
        "server": "10.11-MariaDB", "version": "8.1.7", "shops": [one()], "customers": 400, "products": 90,
        "notes": ["no_visits"],
    }  # fmt: skip
    return Found("db.example:3307", "ps_", **{**values, **more})


@pytest.fixture
def looked(monkeypatch):
    """What the check was asked for; it finds one good shop unless told otherwise."""
    calls = []

    def look(url, prefix, time_zone=""):
        calls.append((url, prefix))
        if isinstance(look.answer, Exception):
            raise look.answer
        return look.answer

    look.answer, look.calls = found(), calls
    monkeypatch.setattr(pages.services, "check", look)
    return look


@pytest.fixture
def kept(monkeypatch):
    """What would be attached."""
    calls = []

    def attach(**more):
        calls.append(more)
        return connection(more["shop"] or factories.shop(name="Made"))

    monkeypatch.setattr(pages.services, "attach", attach)
    return calls


def connection(shop, **more) -> Connection:
    values = {"kind": Kind.PRESTASHOP, "address": "mysql://reader@db.example:3307/presta", "created_at": NOON}
    return Connection.objects.create(shop=shop, **{**values, **more})


def address(name, *of):
    return reverse(f"backoffice:{name}", args=of)


def text_of(answer) -> str:
    assert answer.status_code == 200
    return " ".join(answer.text.split())


# -- attaching ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{"line": LINE, "table_prefix": "ps_"}, FIELDS], ids=["one line", "fields"])
def test_the_shop_is_looked_at_and_shown_before_it_is_attached(owner, shop, looked, kept, given):
    answer = owner.post(address("connection-new"), given)
    assert answer["Location"] == address("connection-found")
    assert looked.calls == [(URL, "ps_")]
    text = text_of(owner.get(answer["Location"]))
    for part in ("PrestaShop 8.1.7", "&lt;b&gt;Shop 1", "1,200", "FR, EN", "Europe/Paris", "reader",
                 "Visits (table connections) cannot be read"):  # fmt: skip
        assert part in text, part
    assert not Connection.objects.exists()
    chosen = {"shop": "1", "target": shop.pk, "newsletter_is_consent": "on"}
    answer = owner.post(answer["Location"], chosen, follow=True)
    assert "is attached. Its history is coming in now." in text_of(answer)
    assert (kept[0]["shop"], kept[0]["url"], kept[0]["kind"]) == (shop, URL, "prestashop")
    told = {
        "newsletter_is_consent": True,
        "is_spared": False,
        "shop_id": 1,
        "prefix": "ps_",
        "time_zone": "",
    }
    assert kept[0]["options"] == told
    assert owner.get(address("connection-found")).status_code == 302  # what was kept for this is gone


def test_the_password_is_on_no_page_and_in_no_session(owner, shop, looked):
    pages_seen = [owner.post(address("connection-new"), FIELDS).text]
    pages_seen.append(owner.get(address("connection-found")).text)
    pages_seen.append(owner.post(address("connection-found"), {"shop": "77"}).text)
    looked.answer = errors.AccessDenied()
    pages_seen.append(owner.post(address("connection-new"), FIELDS).text)
    again = owner.post(address("connection-new"), {"line": LINE, "table_prefix": "xy_"}).text
    for kept in ('value="db.example"', 'value="3307"', 'value="presta"', 'value="reader"', 'value="xy_"'):
        assert kept in again, kept
    pages_seen += [again, owner.post(address("connection-new"), {"line": f"{LINE}?x=1"}).text]
    sessions = [json.dumps(one.get_decoded()) for one in Session.objects.all()]
    for text in [*pages_seen, *sessions]:
        assert SECRET not in text
        assert "p%40ss" not in text


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (errors.CannotConnect(place="db.example:3307"), "Nothing answers at db.example:3307"),
        (errors.AccessDenied(), "refuses this user or password"),
        (errors.NotAPrestaShop(table="ps_cart"), "ps_cart is missing"),
    ],
    ids=lambda one: one.code if isinstance(one, Exception) else "",
)
def test_what_is_wrong_is_told_on_the_form(owner, shop, looked, trouble, told):
    looked.answer = trouble
    assert told in text_of(owner.post(address("connection-new"), FIELDS))


@pytest.mark.parametrize(
    "line",
    [
        "postgresql://a:b@host/db",
        "mysql://host",
        "mysql://a:b@/db?unix_socket=/run/mysqld.sock",
        "mysql://a:b@host/db?unix_socket=/run/mysqld.sock",
        "mysql://a:b@host/db?ssl_ca=/etc/passwd",
        "mysql://a:b@host:99999/db",
        "mysql://a:b@[::1/db",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_an_address_that_names_anything_else_is_not_called(owner, shop, looked, line):
    assert owner.post(address("connection-new"), {"line": line}).status_code == 200
    assert looked.calls == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("host", "a b"), ("host", "a/../b"), ("port", 0), ("table_prefix", "ps`;"), ("user", "")],
)
def test_a_field_that_cannot_be_is_told(owner, shop, looked, name, value):
    assert "field-error" in text_of(owner.post(address("connection-new"), {**FIELDS, name: value}))
    assert looked.calls == []


def test_looking_for_what_listens_in_the_network_ends_soon(owner, shop, looked):
    looked.answer = errors.CannotConnect(place="x")
    for port in range(pages.CHECKS + 5):
        answer = owner.post(address("connection-new"), {**FIELDS, "port": 3306 + port})
    assert len(looked.calls) == pages.CHECKS
    assert "Too many attempts" in text_of(answer)


def test_what_is_missing_stops_it_and_says_so(owner, shop, looked, kept):
    looked.answer = found(missing=["missing_right:ps_orders"], shops=[])
    owner.post(address("connection-new"), FIELDS)
    text = text_of(owner.get(address("connection-found")))
    assert "This user may not read the table ps_orders" in text
    assert "Attach and begin" not in text
    owner.post(address("connection-found"), {"shop": "1"})
    assert kept == []


def test_one_of_several_shops_is_chosen_and_no_other(owner, shop, looked, kept):
    looked.answer = found(shops=[one(1), one(2)])
    owner.post(address("connection-new"), FIELDS)
    for wrong in ("3", "", "x", "1 OR 1"):
        owner.post(address("connection-found"), {"shop": wrong})
    assert kept == []
    owner.post(address("connection-found"), {"shop": "2"})
    assert kept[0]["options"]["shop_id"] == 2


def test_what_was_found_is_not_kept_for_long_and_is_nobody_else_s(owner, shop, looked, monkeypatch):
    owner.post(address("connection-new"), FIELDS)
    assert signed_in(Role.OWNER, shop).get(address("connection-found")).status_code == 302
    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(hours=2))
    assert owner.get(address("connection-found"))["Location"] == address("connection-new")


def test_another_s_shop_cannot_be_the_target(owner, shop, looked, kept):
    owner.post(address("connection-new"), FIELDS)
    for target in (factories.shop().pk, 10**30, "x"):
        owner.post(address("connection-found"), {"shop": "1", "target": target})
    connection(shop)
    owner.post(address("connection-found"), {"shop": "1", "target": shop.pk})
    assert kept == []


def test_a_new_shop_belongs_to_who_attached_it(owner, shop, looked, kept):
    owner.post(address("connection-new"), FIELDS)
    assert "Made" in text_of(owner.post(address("connection-found"), {"shop": "1", "target": ""}, follow=True))
    assert kept[0]["shop"] is None


def test_where_the_shop_does_not_tell_its_time_zone_it_is_asked(owner, looked, kept):
    looked.answer = found(shops=[one(time_zone="")], notes=["no_time_zone"])
    owner.post(address("connection-new"), FIELDS)
    assert "Time zone of the shop" in text_of(owner.get(address("connection-found")))
    owner.post(address("connection-found"), {"shop": "1", "time_zone": "Nowhere/Land"})
    assert kept == []
    owner.post(address("connection-found"), {"shop": "1", "time_zone": "Europe/Rome"})
    assert kept[0]["options"]["time_zone"] == "Europe/Rome"


def test_a_shop_that_goes_away_meanwhile_is_told(owner, looked, monkeypatch):
    owner.post(address("connection-new"), FIELDS)

    def gone(**_):
        raise errors.AlreadyAttached

    monkeypatch.setattr(pages.services, "attach", gone)
    assert "This shop is attached already." in text_of(owner.post(address("connection-found"), {"shop": "1"}))


def test_whoever_set_this_up_attaches_the_first_shop_before_there_is_any(client, looked, kept):
    client.force_login(User.objects.create_superuser("chief@example.com"))
    for name in ("live", "cart-list", "order-list", "customer-list", "staff", "campaigns", "report", "vouchers"):
        assert client.get(address(name), follow=True).status_code == 200, name
    assert client.get(address("settings"))["Location"] == address("set-up")
    assert "Attach a PrestaShop" in text_of(client.get(address("connections")))
    client.post(address("connection-new"), FIELDS)
    assert "Made" in text_of(client.post(address("connection-found"), {"shop": "1"}, follow=True))


# -- how it is doing ---------------------------------------------------------------------------------


def state_of(owner, made) -> str:
    page = text_of(owner.get(address("connections")))
    alone = text_of(owner.get(address("connection-state", made.pk)))
    assert alone in page
    return alone


def test_each_state_is_told_in_words(owner, shop):
    made = connection(shop, done=1500, total=6000)
    text = state_of(owner, made)
    assert "1,500 of 6,000 rows have come in" in text
    assert 'max="6000" value="1500"' in text
    for values, told in (
        ({"state": State.FOLLOWING, "read_at": NOON - timedelta(seconds=2)}, "2 seconds behind"),
        ({"read_at": NOON - timedelta(minutes=7)}, "No worker reads it"),
        ({"state": State.PAUSED}, "Nothing is read until you go on."),
        ({"state": State.FOLLOWING, "trouble": "access_denied", "trouble_at": NOON}, "Was the password changed?"),
        ({"trouble": "cannot_connect:db:3306"}, "Nothing answers at db:3306"),
        ({"trouble": "something <new>"}, "something &lt;new&gt;"),
    ):
        Connection.objects.update(**values)
        assert told in state_of(owner, made), told


def test_every_trouble_has_a_way_to_mend_it():
    from ghostcart.backoffice.connection_words import MENDING

    never = {
        "shop_trouble",
        "bad_shop_address",
        "no_way",
        "missing_write_right",
        "vouchers_off",
        "no_database",
        "too_much",
    }
    of_vouchers = {one.code for one in errors.VoucherTrouble.__subclasses__()} | {"voucher_trouble"}
    told = set(errors.TROUBLES) - never - of_vouchers
    assert told <= set(MENDING)


def test_pages_say_that_the_history_is_still_coming_in(shop):
    viewer = signed_in(Role.VIEWER, shop)
    connection(shop, done=10, total=40)
    for name in ("cart-list", "order-list", "customer-list", "live", "importing"):
        assert "10 of 40 rows have come in" in text_of(viewer.get(address(name))), name
    Connection.objects.update(state=State.FOLLOWING)
    assert "The import is finished." in text_of(viewer.get(address("importing")))
    assert "coming in" not in text_of(viewer.get(address("order-list")))


def test_what_is_wrong_with_an_import_in_detail_is_for_owners(owner, shop):
    connection(shop, trouble="cannot_connect:db.internal:3306", trouble_at=NOON)
    viewer = text_of(signed_in(Role.VIEWER, shop).get(address("cart-list")))
    assert "It is interrupted" in viewer
    for page in (viewer, text_of(owner.get(address("cart-list")))):
        assert "db.internal" not in page
    link = f'href="{address("connections")}"'
    assert link in text_of(owner.get(address("importing")))
    assert link not in text_of(signed_in(Role.VIEWER, shop).get(address("importing")))


def test_another_shop_s_import_is_nobody_s_business(shop):
    connection(factories.shop(), done=10, total=40)
    assert "coming in" not in text_of(signed_in(Role.VIEWER, shop).get(address("cart-list")))


def test_the_settings_say_what_does_not_apply(owner, shop):
    assert "attached to another one" not in text_of(owner.get(address("shop-settings", shop.pk)))
    connection(shop)
    assert "attached to another one" in text_of(owner.get(address("shop-settings", shop.pk)))


# -- pause, options, detach --------------------------------------------------------------------------


def test_it_is_paused_and_goes_on(owner, shop):
    made = connection(shop, state=State.FOLLOWING)
    owner.post(address("connection-pause", made.pk))
    made.refresh_from_db()
    assert made.state == State.PAUSED
    owner.post(address("connection-pause", made.pk))
    made.refresh_from_db()
    assert made.state != State.PAUSED


def test_options_are_saved_and_others_stay(owner, shop):
    made = connection(shop, options={"prefix": "ps_", "newsletter_is_consent": True})
    owner.post(address("connection-options", made.pk), {"is_spared": "on", "vouchers": "none"})
    made.refresh_from_db()
    told = {"prefix": "ps_", "newsletter_is_consent": False, "is_spared": True, "vouchers": "none"}
    assert told.items() <= made.options.items()


def test_the_shop_s_own_link_needs_its_key_and_the_key_is_never_shown(owner, shop):
    made = connection(shop)
    sent = {"vouchers": "none", "recovery_link": "on"}
    assert "This is needed." in text_of(owner.post(address("connection-options", made.pk), sent))
    owner.post(address("connection-options", made.pk), {**sent, "cookie_key": "c00kie-s3cret"})
    made.refresh_from_db()
    assert made.options["recovery_link"] is True
    assert "c00kie-s3cret" not in json.dumps(made.options) + owner.get(address("connections")).text
    kept = made.options["cookie_key"]
    assert kept not in owner.get(address("connections")).text
    owner.post(address("connection-options", made.pk), sent)  # the key that is kept serves on
    made.refresh_from_db()
    assert made.options["cookie_key"] == kept
    owner.post(address("connection-options", made.pk), {"vouchers": "none"})
    made.refresh_from_db()
    assert (made.options["recovery_link"], made.options["cookie_key"]) == (False, "")


def test_a_way_for_vouchers_is_tried_before_it_is_chosen(owner, shop, monkeypatch):
    made = connection(shop)

    @contextmanager
    def desk(connection):
        raise errors.MissingWriteRight(table="ps_cart_rule")
        yield

    monkeypatch.setattr(pages, "open_desk", desk)
    text = text_of(owner.post(address("connection-options", made.pk), {"vouchers": "database"}))
    assert "may not write into the table ps_cart_rule" in text
    made.refresh_from_db()
    assert made.options["vouchers"] == "none"
    text = text_of(owner.post(address("connection-options", made.pk), {"vouchers": "webservice"}))
    assert text.count("This is needed.") == 2


def test_the_web_service_is_the_second_way(owner, shop, kept, monkeypatch):
    monkeypatch.setattr(pages.webservice_checking, "check", lambda service: found(server=""))
    given = {"by": "webservice", "url": "https://shop.example/", "key": "ABCDEFGH12345678"}
    for wrong in ({"key": "short"}, {"url": "ftp://shop.example/"}):
        assert owner.post(address("connection-new"), {**given, **wrong}).status_code == 200
    assert owner.post(address("connection-new"), given)["Location"] == address("connection-found")
    assert given["key"] not in owner.get(address("connection-found")).text
    owner.post(address("connection-found"), {"shop": "1"})
    assert (kept[0]["kind"], kept[0]["url"]) == (Kind.PRESTASHOP_API, given["url"])
    assert kept[0]["options"]["key"] == given["key"]


def test_a_new_password_is_tried_before_it_is_kept(owner, shop, looked):
    made = connection(shop, secret="old", trouble="access_denied", trouble_at=NOON, options={"shop_id": 1})
    page = text_of(owner.get(address("connections")))
    assert page.count("Change the address or password") == 2
    assert "Try again now" in page
    looked.answer = errors.AccessDenied()
    page = text_of(owner.post(address("connection-address", made.pk), FIELDS))
    assert "refuses this user or password" in page
    made.refresh_from_db()
    assert made.secret == "old"
    looked.answer = found(shops=[one(2)])
    assert "has no shop 1" in text_of(owner.post(address("connection-address", made.pk), FIELDS))
    looked.answer = found()
    owner.post(address("connection-address", made.pk), FIELDS)
    made.refresh_from_db()
    assert sealing.unseal(made.secret, SEALED) == SECRET
    assert SECRET not in made.address
    assert (made.trouble, made.trouble_at, made.options["shop_id"]) == ("", None, 1)


def test_it_is_tried_again_and_read_again_when_asked(owner, shop):
    made = connection(
        shop, state=State.FOLLOWING, trouble="too_slow", trouble_at=NOON, due_at=NOON + timedelta(hours=1)
    )
    owner.post(address("connection-retry", made.pk))
    made.refresh_from_db()
    assert made.due_at == NOON
    owner.post(address("connection-again", made.pk))
    made.refresh_from_db()
    assert made.state == State.IMPORTING


def test_detaching_says_what_happens_and_forgets_the_address(owner, shop):
    made = connection(shop, secret="sealed")
    text = text_of(owner.get(address("connection-detach", made.pk)))
    assert "What was read stays here" in text
    assert Connection.objects.exists()
    owner.post(address("connection-detach", made.pk))
    assert not Connection.objects.exclude(secret="").exists()


# -- the health page ---------------------------------------------------------------------------------


def test_the_health_page_tells_of_trouble_without_telling_where(client, shop):
    def told():
        return client.get("/readyz").json()["checks"]["shops"]

    assert told() == "ok"
    connection(shop, state=State.FOLLOWING, read_at=NOON)
    assert told() == "ok"
    Connection.objects.update(trouble="cannot_connect:db.internal:3306", trouble_at=NOON)
    assert told().startswith(f"{shop.slug}: its database cannot be reached since 2026-11-22 12:00 UTC.")
    assert "db.internal" not in told()
    Connection.objects.update(trouble="", trouble_at=None, read_at=NOON - timedelta(hours=1))
    assert "no worker does it" in told()
    Connection.objects.update(state=State.PAUSED)
    assert told() == "ok"
