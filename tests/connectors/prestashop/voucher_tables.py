"""The tables of a PrestaShop that vouchers live in, self-made, as 1.6, 8 and 9.1 have them; and users with rights."""

from typing import Any

from tests.mariadb import Server

VERSIONS = ("1.6", "8", "9.1")
RULE = """id_customer int unsigned NOT NULL DEFAULT 0, date_from datetime NOT NULL, date_to datetime NOT NULL,
 description text, quantity int unsigned NOT NULL DEFAULT 0, quantity_per_user int unsigned NOT NULL DEFAULT 0,
 priority int unsigned NOT NULL DEFAULT 1, partial_use tinyint(1) unsigned NOT NULL DEFAULT 0,
 code varchar(254) NOT NULL, minimum_amount decimal(20,6) NOT NULL DEFAULT 0,
 minimum_amount_tax tinyint(1) NOT NULL DEFAULT 0, minimum_amount_currency int unsigned NOT NULL DEFAULT 0,
 minimum_amount_shipping tinyint(1) NOT NULL DEFAULT 0, country_restriction tinyint(1) unsigned NOT NULL DEFAULT 0,
 carrier_restriction tinyint(1) unsigned NOT NULL DEFAULT 0, group_restriction tinyint(1) unsigned NOT NULL DEFAULT 0,
 cart_rule_restriction tinyint(1) unsigned NOT NULL DEFAULT 0,
 product_restriction tinyint(1) unsigned NOT NULL DEFAULT 0, shop_restriction tinyint(1) unsigned NOT NULL DEFAULT 0,
 free_shipping tinyint(1) NOT NULL DEFAULT 0, reduction_percent decimal(5,2) NOT NULL DEFAULT 0,
 reduction_amount decimal(20,6) NOT NULL DEFAULT 0, reduction_tax tinyint(1) unsigned NOT NULL DEFAULT 0,
 reduction_currency int unsigned NOT NULL DEFAULT 0, reduction_product int NOT NULL DEFAULT 0,
 gift_product int unsigned NOT NULL DEFAULT 0, gift_product_attribute int unsigned NOT NULL DEFAULT 0,
 highlight tinyint(1) unsigned NOT NULL DEFAULT 0, active tinyint(1) unsigned NOT NULL DEFAULT 0,
 date_add datetime NOT NULL, date_upd datetime NOT NULL"""
SINCE = {
    "1.6": "",
    "8": ", reduction_exclude_special tinyint(1) unsigned NOT NULL DEFAULT 0",
    "9.1": """, reduction_exclude_special tinyint(1) unsigned NOT NULL DEFAULT 0, id_cart_rule_type int unsigned,
 minimum_product_quantity int unsigned NOT NULL DEFAULT 0, total_quantity int unsigned""",
}
INDEXES = """KEY id_customer (id_customer, active, date_to), KEY group_restriction (group_restriction, active, date_to),
 KEY date_from (date_from), KEY date_to (date_to)"""
N, KEY = "int unsigned NOT NULL", "int unsigned AUTO_INCREMENT PRIMARY KEY"
OTHERS = {
    "cart_rule_lang": f"id_cart_rule {N}, id_lang {N}, name varchar(254) NOT NULL, PRIMARY KEY (id_cart_rule, id_lang)",
    "cart_rule_shop": f"id_cart_rule {N}, id_shop {N}, PRIMARY KEY (id_cart_rule, id_shop)",
    "cart_cart_rule": f"id_cart {N}, id_cart_rule {N}, PRIMARY KEY (id_cart, id_cart_rule)",
    "cart_rule_product_rule_group": f"id_product_rule_group {KEY}, id_cart_rule {N}, quantity {N} DEFAULT 1",
    "cart_rule_product_rule": f"""id_product_rule {KEY}, id_product_rule_group {N},
        type enum('products', 'categories', 'attributes', 'manufacturers', 'suppliers') NOT NULL""",
    "cart_rule_product_rule_value": f"id_product_rule {N}, id_item {N}, PRIMARY KEY (id_product_rule, id_item)",
    "order_cart_rule": f"""id_order_cart_rule {KEY}, id_order {N}, id_cart_rule {N}, name varchar(254) NOT NULL
        DEFAULT '', value decimal(20,6) NOT NULL DEFAULT 0, KEY id_cart_rule (id_cart_rule)""",
    "lang": f"id_lang {KEY}, iso_code char(2), active tinyint NOT NULL DEFAULT 1",
    "currency": f"id_currency {KEY}, iso_code char(3), deleted tinyint NOT NULL DEFAULT 0, active tinyint DEFAULT 1",
    "shop": f"id_shop {KEY}, id_shop_group {N} DEFAULT 1, name varchar(64), deleted tinyint NOT NULL DEFAULT 0",
    "configuration": f"id_configuration {KEY}, name varchar(254), value text",
}
ROWS = (
    "INSERT INTO {p}lang (id_lang, iso_code) VALUES (1, 'en'), (2, 'it'), (3, 'pl')",
    "INSERT INTO {p}currency (id_currency, iso_code) VALUES (1, 'EUR'), (2, 'CHF')",
    "INSERT INTO {p}shop (id_shop, name) VALUES (1, 'Here')",
    "INSERT INTO {p}configuration (name, value) VALUES ('PS_CART_RULE_FEATURE_ACTIVE', '1')",
)
CLERK = ("cart_rule", "cart_rule_lang", "cart_rule_shop", "cart_rule_product_rule_group", "cart_rule_product_rule",
         "cart_rule_product_rule_value")  # fmt: skip


def make(server: Server, database: str, version: str, prefix: str = "ps_") -> None:
    """An empty shop with three languages and two currencies."""
    server.make(database)
    with server.connect(database) as connection, connection.cursor() as cursor:
        rule = f"id_cart_rule {KEY}, {RULE}{SINCE[version]}, {INDEXES}"
        cursor.execute(f"CREATE TABLE {prefix}cart_rule ({rule}) ENGINE=InnoDB")
        for table, columns in OTHERS.items():
            cursor.execute(f"CREATE TABLE {prefix}{table} ({columns}) ENGINE=InnoDB")
        for row in ROWS:
            cursor.execute(row.format(p=prefix))


def user(server: Server, database: str, name: str, *, writes: str = "", tables: tuple[str, ...] = CLERK) -> str:
    """A user who may read everything and has these rights on these tables; the address to connect with."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP USER IF EXISTS '{name}'@'localhost'")
        cursor.execute(f"CREATE USER '{name}'@'localhost' IDENTIFIED BY 'secret'")
        cursor.execute(f"GRANT SELECT ON `{database}`.* TO '{name}'@'localhost'")
        for table in tables if writes else ():
            cursor.execute(f"GRANT {writes} ON `{database}`.`ps_{table}` TO '{name}'@'localhost'")
    return server.url(database, name, "secret")


def rows(server: Server, database: str, sql: str) -> list[tuple[Any, ...]]:
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
