"""A shop's database is opened with care: harmless to it, and plain about what is wrong."""

import pytest

from ghostcart.connectors import errors
from ghostcart.connectors.prestashop import checking
from ghostcart.connectors.prestashop.database import Database, password_of, with_password, without_password
from tests.connectors.prestashop.shopmaker import Maker


@pytest.fixture(scope="module")
def maker(shops_server):
    return Maker(shops_server, "care", "8", seed=2).fill(5)


def user(maker, name: str, *grants: str) -> str:
    maker.run(f"DROP USER IF EXISTS {name}@localhost")
    maker.run(f"CREATE USER {name}@localhost IDENTIFIED BY %s", "se:cr@t/ü%")
    for grant in grants:
        maker.run(f"GRANT SELECT ON care.{grant} TO {name}@localhost")
    return maker.server.url("care", name, "se%3Acr%40t%2F%C3%BC%25")


@pytest.mark.parametrize(
    "url",
    ["", "mysql://", "http://u:p@host/db", "mysql://host/db", "mysql://u@host", "mysql://u@host/a/b",
     "mysql://u@host:port/db", "mysql://u@host:99999/db", "mysql:///db", "mysql://u@/db"],
)  # fmt: skip
def test_what_is_no_address_is_refused_before_anybody_is_asked(url):
    with pytest.raises(errors.BadShopAddress):
        Database.open(url)


@pytest.mark.parametrize("prefix", ["ps_; DROP", "a`b", "ps-", "é"])
def test_a_prefix_is_a_word(maker, prefix):
    with pytest.raises(errors.BadShopAddress):
        Database.open(maker.url, prefix)


def test_each_trouble_has_its_code(maker, shops_server):
    def code(url: str, prefix: str = "ps_") -> str:
        with pytest.raises(errors.ShopTrouble) as caught, Database.open(url, prefix) as database:
            database.rows("SELECT * FROM {p}cart LIMIT 1")
        return caught.value.note

    few = user(maker, "few", "ps_shop")
    assert code("mysql://u:p@127.0.0.1:9/db") == "cannot_connect:127.0.0.1:9"
    assert code(shops_server.url("care", "few", "wrong")) == "access_denied"
    assert code(shops_server.url("nothing_here")) == "no_such_database"
    assert code(few) == "missing_right:ps_cart"
    assert code(maker.url, "other_") == "not_a_prestashop:other_cart"
    for note in ("cannot_connect:h:1", "missing_right:ps_cart", "access_denied", "nonsense:1"):
        assert errors.explain(note)


def test_select_is_enough_and_nothing_can_be_changed(maker):
    with Database.open(user(maker, "reader", "*")) as database:
        assert checking.check(database).is_fit
    with Database.open(maker.url) as database:  # even one who may change everything
        for statement in ("DELETE FROM {p}cart", "CREATE TABLE x (a INT)", "UPDATE {p}cart SET id_lang = 1"):
            with pytest.raises(errors.DatabaseTrouble):
                database.execute(statement)
    assert maker.ask("SELECT COUNT(*) FROM {p}cart")[0][0] == 5


def test_zero_dates_emojis_and_decimals_come_as_they_are(maker):
    with Database.open(maker.url) as database:
        row = database.rows("SELECT CAST('0000-00-00 00:00:00' AS DATETIME) at, '😀' face, 1.5000000 price")[0]
    assert row["face"] == "😀"
    assert str(row["at"]) == "0000-00-00 00:00:00"
    assert row["price"] == "1.5000000"


def test_a_statement_without_end_is_ended(maker):
    with Database.open(maker.url, statement_seconds=1) as database, pytest.raises(errors.TooSlow):
        database.rows("SELECT SUM(SIN(seq)) FROM seq_1_to_1000000000")


def test_a_stream_is_not_kept_in_memory_and_is_whole(maker):
    with Database.open(maker.url) as database:
        assert sum(1 for _row in database.stream("SELECT seq FROM seq_1_to_5000")) == 5000
        assert database.value("SELECT 7") == 7


def test_what_is_missing_is_told_in_plain_words(maker):
    few = ["ps_shop", "ps_lang", "ps_currency", "ps_cart_product", "ps_customer", "ps_orders", "ps_order_detail",
           "ps_order_state", "ps_product", "ps_product_shop", "ps_product_lang"]  # fmt: skip
    with Database.open(user(maker, "nocart", *few)) as database:
        found = checking.check(database)
    assert found.missing == ["missing_right:ps_cart"]
    with Database.open(user(maker, "bare", *few, "ps_cart")) as database:
        found = checking.check(database)
    assert found.missing == []
    assert {"no_configuration", "no_time_zone", "no_visits", "no_taxes"} <= set(found.notes)
    assert all(checking.sentence(note) != note for note in found.notes)


def test_the_check_sees_shops_languages_and_currencies(maker):
    with Database.open(maker.url) as database:
        found = checking.check(database)
    assert found.version == "8.1.7"
    assert [one.number for one in found.shops] == [1, 2, 3]
    first, third = found.shops[0], found.shops[2]
    assert (first.time_zone, first.languages, first.currencies) == (
        "Europe/Paris",
        ["it", "en", "pl"],
        ["EUR", "USD", "JPY"],
    )
    assert (first.address, first.country) == ("https://shop1.example/", "IT")
    assert third.time_zone == "America/New_York"
    assert found.shop(None) == first
    with pytest.raises(errors.NoSuchShop):
        found.shop(9)


def test_the_password_is_taken_out_of_the_address_and_comes_back():
    url = "mysql://u:p%40ss@host:3307/db?ssl=1"
    assert without_password(url) == "mysql://u@host:3307/db?ssl=1"
    assert with_password(without_password(url), password_of(url)) == url
    assert "p%40ss" not in without_password(url)
