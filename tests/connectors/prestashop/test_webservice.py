"""The client of the web service: what goes wrong is a trouble with a code, the key is nowhere, load is bounded."""

import ipaddress
import logging
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ghostcart.connectors import errors
from ghostcart.connectors.prestashop import webservice
from ghostcart.connectors.prestashop.voucher_service import WebserviceDesk
from ghostcart.connectors.prestashop.webservice import Webservice, read_rows
from ghostcart.connectors.vouchers import Fate, Wish
from ghostcart.vouchers.terms import Kind
from tests.connectors.prestashop.shopmaker import Maker
from tests.connectors.prestashop.webservice_server import KEY, Server, Shop


@pytest.fixture(scope="module")
def maker(shops_server):
    made = Maker(shops_server, "client", "8", seed=3)
    made.surroundings()
    made.people()
    return made


@pytest.fixture(params=["json", "xml"])
def shop(request, maker):
    return Shop(maker, speaks=request.param)


@pytest.fixture
def server(shop, settings):
    settings.PRIVATE_TARGETS = [ipaddress.ip_network("127.0.0.1/32")]
    with Server(shop) as server:
        yield server
    assert not shop.mistakes, shop.mistakes[0]


@pytest.fixture
def client(server):
    return Webservice(server.url, KEY, seconds=5, rest=lambda seconds: None)


# -- reading -----------------------------------------------------------------------------------------


def test_rows_are_the_same_in_both_formats(client):
    rows = client.rows("groups", sort="[id_ASC]")
    assert [(row["id"], row["price_display_method"]) for row in rows] == [
        ("1", "0"),
        ("2", "0"),
        ("3", "0"),
        ("4", "1"),
    ]
    assert rows[0]["name"] == {"1": "", "2": "Visitor", "3": "", "4": ""}
    assert client.rows("groups", **{"filter[id]": "[999]"}) == []


def test_pages_go_on_to_the_end_and_repeat_nothing(client, monkeypatch):
    monkeypatch.setattr(webservice, "PAGE", 7)
    numbers = [int(row["id"]) for rows in client.all("customers") for row in rows]
    assert numbers == list(range(1, 43))
    assert len(client.some("customers", list(range(1, 43)))) == 42


def test_changes_come_by_time_also_when_many_are_of_one_second(client, maker, monkeypatch):
    monkeypatch.setattr(webservice, "PAGE", 4)
    at = "2026-01-02 03:04:05"
    numbers = [maker.cart(date_upd=at) for _cart in range(11)]
    numbers += [maker.cart(date_upd=f"2026-01-02 03:05:{n:02}") for n in range(9)]
    found = [int(row["id"]) for rows in client.changed("carts", at, "2026-01-02 04:00:00") for row in rows]
    assert found == numbers
    maker.run("DELETE FROM {p}cart")


def test_there_is_a_rest_between_requests(server):
    rests = []
    client = Webservice(server.url, KEY, rest=rests.append)
    for _time in range(3):
        client.rows("languages")
    assert rests == [webservice.REST_SECONDS] * 2


# -- what goes wrong ---------------------------------------------------------------------------------

HTML = b"<!DOCTYPE html><html><body>We are back soon</body></html>"
FAULTS = {
    "401": ((401, b"{}"), errors.KeyRefused),
    "403": ((403, b"{}"), errors.MissingKeyRight),
    "404": ((404, b"{}"), errors.NoWebservice),
    "disabled": ((503, b"The PrestaShop webservice is disabled. Please activate it"), errors.NoWebservice),
    "500": ((500, b"{}"), errors.WebserviceTrouble),
    "429": ((429, b""), errors.WebserviceTrouble),
    "redirect": ((301, b""), errors.Redirected),
    "page": ((200, HTML), errors.StrangeAnswer),
    "xhtml": ((200, b"<?xml version='1.0'?><html><body/></html>"), errors.StrangeAnswer),
    "half JSON": ((200, b'{"carts":[{"id":1,'), errors.StrangeAnswer),
    "half XML": ((200, b"<prestashop><carts><cart><id>1"), errors.StrangeAnswer),
    "nothing": ((200, b""), errors.StrangeAnswer),
    "a number": ((200, b"7"), errors.StrangeAnswer),
    "a list": ((200, b"[1, 2]"), errors.StrangeAnswer),
    "other rows": ((200, b'{"carts": [1, null]}'), errors.StrangeAnswer),
    "deep JSON": ((200, b"[" * 100_000), errors.StrangeAnswer),
    "not UTF-8": ((200, b'{"carts": "\xff\xfe"}'), errors.StrangeAnswer),
    "entities": (
        (200, b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><prestashop><carts>&b;</carts></prestashop>'),
        errors.StrangeAnswer,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_a_trouble_with_a_code(client, shop, name):
    answer, kind = FAULTS[name]
    shop.fault = lambda path: answer
    with pytest.raises(errors.ShopTrouble) as caught:
        client.rows("carts")
    assert type(caught.value) is kind
    assert errors.explain(caught.value.note) != caught.value.note
    assert KEY not in f"{caught.value!r} {caught.value} {caught.value.note}"


def test_half_an_answer_a_closed_port_and_silence(client, shop, server):
    shop.cut_to = 5
    with pytest.raises(errors.ShopTrouble) as caught:
        client.rows("languages")
    assert caught.value.passes
    with pytest.raises(errors.CannotConnect):
        Webservice("http://127.0.0.1:1025/", KEY).rows("carts")
    impatient = Webservice(server.url, KEY, seconds=0.0)
    with pytest.raises(errors.TooSlow):
        impatient.rows("carts")


def test_more_than_can_be_taken_in_is_not_taken_in(client, shop, monkeypatch):
    monkeypatch.setattr(webservice, "MOST_BYTES", 100)
    with pytest.raises(errors.TooMuch):
        client.rows("customers")


def test_a_hiccup_is_over_at_the_second_try_and_a_long_one_is_not_asked_for_ever(client, shop):
    asked = []
    shop.fault = lambda path: asked.append(path) or ((500, b"") if len(asked) == 1 else None)
    assert client.rows("languages")
    shop.fault = lambda path: asked.append(path) or (500, b"")
    before = len(asked)
    with pytest.raises(errors.WebserviceTrouble):
        client.rows("languages")
    assert len(asked) - before == webservice.TRIES


@pytest.mark.parametrize("url", ["", "shop", "ftp://x/", "http://10.0.0.1/", "https://u:p@shop.example/", "file:///etc",
                                 "https://shop.example/?ws_key=X", "http://169.254.169.254/latest/"])  # fmt: skip
def test_an_address_that_must_not_be_called_is_not(url, settings):
    settings.PRIVATE_TARGETS = []
    with pytest.raises(errors.CannotCall):
        Webservice(url, KEY)


def test_the_key_goes_as_a_user_name_and_into_no_address_or_log(client, shop, caplog):
    caplog.set_level(logging.DEBUG)
    client.rows("carts")
    with pytest.raises(errors.KeyRefused):
        Webservice(client.base, "WRONGKEY", rest=lambda seconds: None).rows("carts")
    for bad in ("", "short", "with space", "with:colon0", "x" * 65):
        with pytest.raises(errors.KeyRefused):
            Webservice(client.base, bad)
    assert KEY not in " ".join(shop.asked) + caplog.text + repr(client)


def test_without_a_right_the_resource_is_named(client, shop):
    shop.closed = {("orders", "get")}
    with pytest.raises(errors.MissingKeyRight) as caught:
        client.rows("orders")
    assert caught.value.note == "missing_key_right:orders"
    assert "orders" not in client.rights()
    assert client.rights()["carts"] == {"get", "post", "put", "delete", "head"}


def test_a_text_that_looks_like_markup_stays_a_text():
    told = read_rows(
        b"<prestashop><carts><cart><id>1</id><x><![CDATA[<b>&amp;]]></x></cart></carts></prestashop>", "carts"
    )
    assert told == [{"id": "1", "x": "<b>&amp;"}]


# -- vouchers ----------------------------------------------------------------------------------------


def wish(**more):
    values = {
        "code": "GHOST-1", "names": {"en": "For you", "it": "Per te & i tuoi <3"}, "kind": Kind.PERCENT,
        "percent_bp": 1000, "minimum_minor": 5000, "currency": "USD", "customer": "7",
        "begins": datetime(2026, 3, 20, 9, 30, tzinfo=UTC), "ends": datetime(2026, 3, 29, 22, 0, tzinfo=UTC),
        "zone": ZoneInfo("Europe/Rome"),
    }  # fmt: skip
    return Wish(**{**values, **more})


@pytest.fixture
def desk(client, maker):
    yield WebserviceDesk(client, 1)
    maker.run("DELETE FROM {p}cart_rule")
    maker.run("DELETE FROM {p}cart_rule_lang")
    maker.run("DELETE FROM {p}order_cart_rule")


def test_a_voucher_by_the_web_service_is_the_same_as_by_the_database(desk, maker):
    desk.check()
    assert desk.find(wish()) == ""
    number = desk.make(wish())
    assert desk.find(wish()) == number
    columns = "code, id_customer, reduction_percent, minimum_amount, minimum_amount_currency, active, quantity, date_to"
    found = maker.ask(f"SELECT {columns} FROM {{p}}cart_rule WHERE id_cart_rule = {number}")[0]
    assert found == ("GHOST-1", 7, 10, Decimal(50), 2, 1, 1, datetime(2026, 3, 29, 23, 59, 59))
    names = dict(maker.ask("SELECT id_lang, name FROM {p}cart_rule_lang"))
    assert names == {1: "For you", 2: "Per te & i tuoi <3", 3: "For you", 4: "For you"}
    assert desk.take_away(number, "GHOST-1") == Fate.REMOVED
    assert maker.ask("SELECT COUNT(*) FROM {p}cart_rule")[0] == (0,)
    assert desk.take_away(number, "GHOST-1") == Fate.REMOVED


def test_one_that_was_used_stays_and_one_that_may_not_be_deleted_is_switched_off(desk, maker, shop):
    number = desk.make(wish())
    maker.add("order_cart_rule", id_order=1, id_cart_rule=number, name="x")
    assert desk.take_away(number, "GHOST-1") == Fate.USED
    maker.run("DELETE FROM {p}order_cart_rule")
    shop.closed = {("cart_rules", "delete")}
    assert desk.take_away(number, "GHOST-1") == Fate.SWITCHED_OFF
    assert maker.ask("SELECT active, code FROM {p}cart_rule")[0] == (0, "GHOST-1")


def test_without_the_right_to_read_orders_the_shops_own_count_tells(desk, maker, shop):
    number = desk.make(wish())
    shop.closed = {("order_cart_rules", "get")}
    maker.run("UPDATE {p}cart_rule SET quantity = 0")
    assert desk.take_away(number, "GHOST-1") == Fate.USED


def test_what_it_cannot_do_is_said(desk, shop):
    with pytest.raises(errors.NoCurrencyThere):
        desk.make(wish(currency="SEK"))
    with pytest.raises(errors.VoucherTrouble):
        desk.make(wish(products=("1",)))
    shop.closed = {("cart_rules", "post")}
    with pytest.raises(errors.MissingKeyRight):
        desk.check()
