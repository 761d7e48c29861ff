"""Makes databases of PrestaShop 1.6, 1.7, 8 and 9, filled by a seed with what real shops are full of: zero dates,
people and products that are gone, guests who repeat their address, split orders, names that bite."""

import random
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests import mariadb
from tests.connectors.prestashop.tables import describe, statements

ZERO = "0000-00-00 00:00:00"
NOW = datetime(2026, 11, 22, 13, 0, 30)
"""The shop's own time (Europe/Paris) when all of this is looked at: 12:00:30 UTC."""
NAMES = [
    "Ada",
    "Zoë",
    "Łukasz",
    "O'Brien",
    "<script>alert(1)</script>",
    "=1+1",
    "名前",
    "😀 Emoji",
    "Anna-Maria",
    "'; --",
]


@dataclass
class Maker:
    """One PrestaShop. `rows` remembers what was put in, by table."""

    server: mariadb.Server
    database: str
    version: str = "8"
    prefix: str = "ps_"
    seed: int = 1
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.columns = describe(self.version)
        charset = "utf8mb3" if self.version in ("1.6", "1.7") else "utf8mb4"
        self.server.make(self.database, charset)
        self.connection = self.server.connect(self.database)
        self.run("SET SESSION sql_mode = ''")
        for statement in statements(self.version, self.prefix, charset):
            self.run(statement)

    @property
    def url(self) -> str:
        return self.server.url(self.database)

    # -- writing ---------------------------------------------------------------------------------

    def run(self, sql: str, *parameters: Any) -> int:
        """Run a statement with `{p}` for the prefix; the number of the new row."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql.replace("{p}", self.prefix), parameters or None)
            return int(cursor.lastrowid or 0)

    def ask(self, sql: str, *parameters: Any) -> Sequence[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql.replace("{p}", self.prefix), parameters or None)
            return cursor.fetchall()

    def reconnect(self) -> None:
        """After the server was killed."""
        self.connection = self.server.connect(self.database)
        self.run("SET SESSION sql_mode = ''")

    def add(self, table: str, **values: Any) -> int:
        """One row; columns that this version lacks are left out, the others have a default. Its number."""
        columns = self.columns[table]
        for name, kind in columns.items():
            if name not in values and kind == "dt":
                values[name] = ZERO
        known = {name: value for name, value in values.items() if name in columns}
        names = ", ".join(f"`{name}`" for name in known)
        marks = ", ".join(["%s"] * len(known))
        number = self.run(f"INSERT INTO `{{p}}{table}` ({names}) VALUES ({marks})", *known.values())
        self.rows.setdefault(table, []).append({**known, "": number})
        return number

    def at(self, **before: float) -> str:
        """So long before NOW, as the shop writes it."""
        return f"{NOW - timedelta(**before):%Y-%m-%d %H:%M:%S}"

    def keep(self) -> "Maker":
        """Note what there is, for `restore`."""
        self.server.make(f"{self.database}_kept", "utf8mb4")
        for table in self.columns:
            self.run(f"CREATE TABLE {self.database}_kept.`{table}` AS SELECT * FROM `{{p}}{table}`")
        self.noted = self.chance.getstate(), deepcopy(self.rows)
        return self

    def restore(self) -> None:
        """Everything is as it was when it was kept; only that numbers are not given again."""
        self.run("START TRANSACTION")
        for table in self.columns:
            self.run(f"DELETE FROM `{{p}}{table}`")
            self.run(f"INSERT INTO `{{p}}{table}` SELECT * FROM {self.database}_kept.`{table}`")
        self.run("COMMIT")
        chance, rows = self.noted
        self.chance.setstate(chance)
        self.rows = deepcopy(rows)

    # -- the shop --------------------------------------------------------------------------------

    def fill(self, carts: int = 120) -> "Maker":
        """The whole shop."""
        self.surroundings()
        self.people()
        self.catalogue()
        for _number in range(carts):
            self.some_cart()
        self.lone_orders()
        return self

    def surroundings(self) -> None:
        versions = {"1.6": "1.6.1.24", "1.7": "1.7.8.11", "8": "8.1.7", "9": "9.0.2"}
        settings = {
            "PS_VERSION_DB": versions[self.version], "PS_TIMEZONE": "Europe/Paris", "PS_LANG_DEFAULT": 2,
            "PS_CURRENCY_DEFAULT": 1, "PS_COUNTRY_DEFAULT": 10, "PS_PRICE_ROUND_MODE": 2, "PS_ROUND_TYPE": 2,
            "PS_TAX": 1, "PS_SSL_ENABLED": 1, "PS_UNIDENTIFIED_GROUP": 1, "PS_GUEST_GROUP": 2, "PS_CUSTOMER_GROUP": 3,
            "PS_OS_CANCELED": 6, "PS_OS_REFUND": 7, "PS_OS_ERROR": 8, "PS_SHOP_NAME": "Maker & Söhne",
            "PS_TAX_ADDRESS_TYPE": "id_address_delivery",
            "PS_SPECIFIC_PRICE_PRIORITIES": "id_shop;id_currency;id_country;id_group",
        }  # fmt: skip
        for name, value in settings.items():
            self.add("configuration", name=name, value=str(value))
        self.add("configuration", name="PS_TIMEZONE", value="America/New_York", id_shop=3, id_shop_group=2)
        for number, shares in ((1, 1), (2, 0)):
            self.add("shop_group", id_shop_group=number, name=f"Group {number}", share_customer=shares, active=1)
        for number, group in ((1, 1), (2, 1), (3, 2)):
            self.add("shop", id_shop=number, id_shop_group=group, name=f"Shop {number}", active=1)
            self.add("shop_url", id_shop=number, domain=f"shop{number}.example", domain_ssl=f"shop{number}.example",
                     physical_uri="/", virtual_uri="", main=1, active=1)  # fmt: skip
        languages = ((1, "en", "en-us", 1), (2, "it", "it-it", 1), (3, "pl", "pl-pl", 1), (4, "de", "de-de", 0))
        for number, code, long, active in languages:
            self.add("lang", id_lang=number, name=code, iso_code=code, language_code=long, active=active)
            for shop in (1, 2, 3):
                self.add("lang_shop", id_lang=number, id_shop=shop)
        currencies = ((1, "EUR", 1, 0), (2, "USD", "1.100000", 0), (3, "JPY", "160.5", 0), (4, "GBP", "0.86", 1))
        for number, code, rate, deleted in currencies:
            self.add("currency", id_currency=number, name=code, iso_code=code, conversion_rate=rate, deleted=deleted,
                     active=1 - deleted)  # fmt: skip
            for shop in (1, 2, 3):
                self.add("currency_shop", id_currency=number, id_shop=shop, conversion_rate=rate)
        for number, code in ((8, "FR"), (10, "IT"), (21, "US"), (4, "CA")):
            self.add("country", id_country=number, iso_code=code, active=1)
        for number, rate in ((1, 22), (2, 20), (3, 10), (4, "5.5"), (5, 5), (6, "9.975")):
            self.add("tax", id_tax=number, rate=rate, active=1)
        for group in (1, 2):
            self.add("tax_rules_group", id_tax_rules_group=group, name=f"Rules {group}", active=1)
        rules = ((1, 10, 1, 0), (1, 8, 2, 0), (1, 4, 5, 1), (1, 4, 6, 1), (2, 10, 3, 0), (2, 8, 4, 0))
        for group, country, tax, behavior in rules:
            self.add("tax_rule", id_tax_rules_group=group, id_country=country, id_tax=tax, behavior=behavior,
                     zipcode_from="0", zipcode_to="0")  # fmt: skip
        for number, name, reduction, excludes in ((1, "Visitor", 0, 0), (2, "Guest", 0, 0), (3, "Customer", 0, 0),
                                                  (4, "Trade", "5.00", 1)):  # fmt: skip
            self.add("group", id_group=number, reduction=reduction, price_display_method=excludes, show_prices=1)
            self.add("group_lang", id_group=number, id_lang=2, name=name)
        for number, name in ((1, "0"), (2, "Corriere <b>veloce</b>"), (3, "Poste 📮")):
            self.add("carrier", id_carrier=number, id_reference=number, name=name, active=1)
        states = ((1, 0, 0), (2, 1, 1), (3, 1, 1), (4, 1, 1), (5, 1, 1), (6, 0, 0), (7, 0, 0), (8, 0, 0), (10, 0, 0),
                  (13, 1, 0))  # fmt: skip
        for number, logable, paid in states:
            self.add("order_state", id_order_state=number, logable=logable, paid=paid)

    def people(self) -> None:
        chance = self.chance
        for number in range(1, 41):
            is_guest = chance.random() < 0.3
            shop = chance.choice([1, 1, 1, 1, 2, 3])
            email = f"guest{number % 3}@example.com" if is_guest else f"c{number}@example.com"
            self.add(
                "customer", id_customer=number, id_shop_group=2 if shop == 3 else 1, id_shop=shop,
                id_default_group=2 if is_guest else chance.choice([3, 3, 3, 4]), id_lang=chance.choice([1, 2, 3]),
                firstname=chance.choice(NAMES), lastname=chance.choice(NAMES), email=email, is_guest=is_guest,
                active=1, newsletter=chance.random() < 0.4, deleted=number % 13 == 0,
                date_add=chance.choice([self.at(days=chance.randint(1, 900)), ZERO]), date_upd=self.at(days=1),
            )  # fmt: skip
            self.add("guest", id_guest=number, id_customer=number)
            self.add("address", id_address=number, id_customer=number, id_country=chance.choice([8, 10, 21, 4]),
                     firstname="A", lastname="B", address1="Via Roma 1", postcode="10121", city="Torino",
                     phone="+39 011 123 4567")  # fmt: skip
        self.add("customer", id_customer=41, id_shop_group=1, id_shop=1, id_default_group=3, email="not an address",
                 firstname="Broken", lastname="Address")  # fmt: skip
        self.add("customer", id_customer=42, id_shop_group=1, id_shop=1, id_default_group=3,
                 email="anonymous@psgdpr.com", firstname="Anonymous", lastname="Anonymous")  # fmt: skip
        for number in range(43, 60):
            self.add("guest", id_guest=number)

    def catalogue(self) -> None:
        chance = self.chance
        for number, name, public in ((1, "Size", "Taglia"), (2, "Colour", "Colore")):
            self.add("attribute_group", id_attribute_group=number, group_type="select")
            self.add("attribute_group_lang", id_attribute_group=number, id_lang=2, name=name, public_name=public)
            self.add("attribute_group_lang", id_attribute_group=number, id_lang=1, name=name, public_name=name)
            for value in range(1, 4):
                attribute = number * 10 + value
                self.add("attribute", id_attribute=attribute, id_attribute_group=number)
                for language in (1, 2):
                    self.add("attribute_lang", id_attribute=attribute, id_lang=language, name=f"{name[0]}{value}")
        for number in range(1, 13):
            price = Decimal(chance.randint(50, 20_000)) / 100
            common = {"id_product": number, "id_tax_rules_group": chance.choice([1, 1, 2, 0]), "active": number != 5,
                      "price": price, "wholesale_price": price / 2, "date_add": self.at(days=500),
                      "date_upd": self.at(days=20)}  # fmt: skip
            self.add("product", **common, reference=f"R{number % 5}", state=1)
            for shop in (1, 2, 3):
                self.add("product_shop", **{**common, "price": price + shop - 1}, id_shop=shop)
                for language in (1, 2):
                    self.add("product_lang", id_product=number, id_shop=shop, id_lang=language,
                             name=f"{chance.choice(NAMES)} {number} ({language})", link_rewrite="x")  # fmt: skip
            self.add("image", id_image=100 + number, id_product=number, cover=1)
            self.add("stock_available", id_product=number, id_shop=1, quantity=chance.randint(-3, 50))
            for shop in (1, 2, 3):
                self.add("image_shop", id_product=number, id_image=100 + number, id_shop=shop, cover=1)
            for variant in range(3) if number % 2 else ():
                attribute = number * 10 + variant
                impact = Decimal(chance.randint(-40, 400)) / 100
                self.add("product_attribute", id_product_attribute=attribute, id_product=number, price=impact,
                         reference=f"R{number}")  # fmt: skip
                self.add("product_attribute_combination", id_attribute=11 + variant, id_product_attribute=attribute)
                self.add("product_attribute_combination", id_attribute=21 + variant, id_product_attribute=attribute)
                for shop in (1, 2, 3):
                    self.add("product_attribute_shop", id_product=number, id_product_attribute=attribute, id_shop=shop,
                             price=impact)  # fmt: skip
        self.reductions()
        self.vouchers()

    def reductions(self) -> None:
        base = {"price": -1, "from_quantity": 1, "reduction_tax": 1}
        self.add("specific_price", **base, id_product=1, reduction="0.200000", reduction_type="percentage")
        self.add("specific_price", **base, id_product=2, reduction="1.500000", reduction_type="amount")
        self.add("specific_price", **{**base, "from_quantity": 3}, id_product=3, reduction="0.1",
                 reduction_type="percentage")  # fmt: skip
        self.add("specific_price", **base, id_product=4, reduction="0.5", reduction_type="percentage",
                 **{"from": self.at(days=10), "to": self.at(days=-10)})  # fmt: skip
        self.add("specific_price", **base, id_product=4, reduction="0.9", reduction_type="percentage",
                 **{"from": self.at(days=400), "to": self.at(days=390)})  # fmt: skip
        self.add("specific_price", **{**base, "price": "7.77"}, id_product=6, id_currency=2)
        self.add("specific_price", **base, id_product=7, id_group=4, reduction="2", reduction_type="amount")
        self.add("specific_price", **base, id_product=8, id_customer=1, reduction="0.3", reduction_type="percentage")
        self.add("product_group_reduction_cache", id_product=9, id_group=4, reduction="0.1500")

    def vouchers(self) -> None:
        rules: list[dict[str, Any]] = [
            {"code": "TEN", "reduction_percent": 10},
            {"code": "FIVE", "reduction_amount": 5, "reduction_currency": 1, "reduction_tax": 1},
            {"code": "", "free_shipping": 1},
            {"code": "MUG", "reduction_percent": 50, "reduction_product": 2},
            {"code": "GIFT", "gift_product": 2},
            {"code": "x" * 60 + "😀", "reduction_percent": 100, "priority": 5},
        ]
        for number, rule in enumerate(rules, 1):
            self.add("cart_rule", id_cart_rule=number, quantity=100, active=1, date_from=ZERO, date_to=ZERO,
                     **{"priority": 1, **rule})  # fmt: skip
            self.add("cart_rule_lang", id_cart_rule=number, id_lang=2, name=f"Buono {number} <b>")

    # -- carts and orders ------------------------------------------------------------------------

    def some_cart(self) -> int:
        chance = self.chance
        age = chance.choice([chance.uniform(0, 2), chance.uniform(0.9, 1.1), chance.uniform(0, 700)])
        added = self.at(days=age)
        updated = self.at(days=age * chance.random())
        if chance.random() < 0.04:
            added, updated = chance.choice([(ZERO, updated), (added, ZERO), (ZERO, ZERO)])
        if chance.random() < 0.03:
            added = updated = self.at(days=-2)
        customer = chance.choice([0, 0, chance.randint(1, 45)])
        guest = customer or chance.randint(43, 59)
        number = self.cart(
            id_shop=chance.choice([1, 1, 1, 1, 2, 3]), id_customer=customer, id_guest=guest, date_add=added,
            date_upd=updated, id_lang=chance.choice([1, 2, 3, 4, 99]), id_currency=chance.choice([1, 1, 2, 3, 4, 99]),
            id_carrier=chance.choice([0, 1, 2, 3, 99]), id_address_delivery=customer if chance.random() < 0.5 else 0,
        )  # fmt: skip
        for _line in range(chance.choice([0, 1, 1, 2, 3, 5])):
            self.some_line(number)
        if chance.random() < 0.2:
            self.run("INSERT IGNORE INTO {p}cart_cart_rule VALUES (%s, %s)", number, chance.randint(1, 6))
        for _order in range(chance.choice([0, 0, 0, 1, 1, 2])):
            self.order(number, state=chance.choice([1, 2, 3, 4, 6, 7, 8, 10, 13, 0]))
        return number

    def cart(self, **more: Any) -> int:
        """An empty cart of shop 1, made just now."""
        values = {"id_shop": 1, "id_currency": 1, "id_lang": 2, "date_add": self.at(), "date_upd": self.at(),
                  "delivery_option": "", "secure_key": "-1", **more}  # fmt: skip
        values["id_shop_group"] = 2 if values["id_shop"] == 3 else 1
        return self.add("cart", **values)

    def some_line(self, cart: int) -> None:
        chance = self.chance
        product = chance.randint(1, 14)  # 13 and 14 are gone
        variant = product * 10 + chance.randint(0, 3) if product % 2 else 0
        quantity = chance.choice([1, 1, 1, 2, 3, 7, 0, 20_000])
        custom = 0
        if chance.random() < 0.15 and quantity:
            custom = self.add("customization", id_cart=cart, id_product=product, id_product_attribute=variant,
                              quantity=1, in_cart=1)  # fmt: skip
            self.add("customized_data", id_customization=custom, type=1, index=1, value="Für <Oma> 😀", price="1.50")
        self.line(cart, product, quantity, variant=variant, customization=custom,
                  id_address_delivery=chance.choice([0, 0, 0, 1]))  # fmt: skip

    def line(
        self, cart: int, product: int, quantity: int = 1, *, variant: int = 0, customization: int = 0, **more: Any
    ):
        """Put a product in a cart, as the shop does; a second one adds to the first."""
        values = {"id_cart": cart, "id_product": product, "id_product_attribute": variant, "quantity": quantity,
                  "id_customization": customization, "id_shop": 1, "date_add": ZERO, **more}  # fmt: skip
        known = {name: value for name, value in values.items() if name in self.columns["cart_product"]}
        names = ", ".join(f"`{name}`" for name in known)
        marks = ", ".join(["%s"] * len(known))
        self.run(
            f"INSERT INTO {{p}}cart_product ({names}) VALUES ({marks}) "
            "ON DUPLICATE KEY UPDATE quantity = quantity + VALUES(quantity)", *known.values(),
        )  # fmt: skip

    def touch(self, cart: int, at: str) -> None:
        """What the shop does after each change of a cart."""
        self.run("UPDATE {p}cart SET date_upd = %s WHERE id_cart = %s", at, cart)

    def order(self, cart: int, state: int = 2, **more: Any) -> int:
        """An order of a cart (0: of none), at prices of its own."""
        chance = self.chance
        rows = self.ask(
            "SELECT id_shop, id_customer, id_currency, id_lang, date_upd FROM {p}cart WHERE id_cart = %s", cart
        )
        shop, customer, currency, language, at = rows[0] if rows else (1, 1, 1, 2, self.at(days=3))
        lines = self.ask(
            "SELECT id_product, id_product_attribute, quantity FROM {p}cart_product WHERE id_cart = %s", cart
        )
        lines = lines or [(1, 10, 2)]
        details = []
        for product, variant, quantity in lines:
            excl = Decimal(chance.randint(100, 9_999)) / 100
            incl = (excl * Decimal("1.22")).quantize(Decimal("0.000001"))
            details.append((product, variant, quantity, excl, incl))
        products = sum((_cents(excl * quantity) for _p, _v, quantity, excl, _i in details), Decimal(0))
        with_tax = sum((_cents(incl * quantity) for _p, _v, quantity, _e, incl in details), Decimal(0))
        shipping = Decimal(chance.choice(["0", "5.00"]))
        at = str(at) if isinstance(at, datetime) else at
        at = at if at and at > "1000" else self.at(days=1)
        values: dict[str, Any] = {
            "reference": f"REF{cart:06d}"[:9], "id_shop": shop, "id_shop_group": 2 if shop == 3 else 1, "id_carrier": 2,
            "id_lang": language, "id_customer": customer, "id_cart": cart, "id_currency": currency,
            "id_address_delivery": customer, "current_state": state, "payment": "Carta <b>", "module": "x",
            "total_products": products, "total_products_wt": with_tax, "total_shipping": shipping * 2,
            "total_shipping_tax_excl": shipping, "total_shipping_tax_incl": shipping * 2,
            "total_paid_tax_excl": products + shipping, "total_paid_tax_incl": with_tax + shipping * 2,
            "total_paid": with_tax + shipping * 2, "valid": state in (2, 3, 4, 13), "date_add": at, "date_upd": at,
            **more,
        }  # fmt: skip
        number = self.add("orders", **values)
        for product, variant, quantity, excl, incl in details:
            self.add(
                "order_detail", id_order=number, id_shop=shop, product_id=product, product_attribute_id=variant,
                product_name=f"Sold {product} <i>", product_quantity=quantity, product_reference=f"R{product % 5}",
                unit_price_tax_excl=excl, unit_price_tax_incl=incl, product_price=excl,
                total_price_tax_excl=_cents(excl * quantity),
                total_price_tax_incl=_cents(incl * quantity),
            )  # fmt: skip
        if state:
            self.move(number, state, at)
        return number

    def move(self, order: int, state: int, at: str) -> None:
        """A new state, as the shop sets it."""
        self.run("UPDATE {p}orders SET current_state = %s, date_upd = %s WHERE id_order = %s", state, at, order)
        self.add("order_history", id_order=order, id_order_state=state, date_add=at)

    def refund(self, order: int, with_tax: str, without_tax: str, shipping: str = "0") -> int:
        """A credit slip over a part of an order: neither its state nor its dates move."""
        return self.add(
            "order_slip", id_order=order, conversion_rate=1, total_products_tax_incl=with_tax, partial=1,
            total_products_tax_excl=without_tax, total_shipping_tax_incl=shipping, amount=with_tax,
        )  # fmt: skip

    def lone_orders(self) -> None:
        """Orders whose cart is gone, or never was."""
        self.order(0)
        self.order(999_999)

    # -- what must come out ----------------------------------------------------------------------

    def classified(self, shop: int, now: datetime) -> Iterator[tuple[int, str]]:
        """Each cart as PrestaShop's own page classifies it (facts, 7.1)."""
        yield from classified(self.ask, shop, now)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def classified(ask: Any, shop: int, now: datetime) -> Iterator[tuple[int, str]]:
    """The reference statement: `now` is the shop's own time, floored to the minute by the page itself."""
    floored = f"{now:%Y-%m-%d %H:%M}:00"
    sql = """SELECT DISTINCT c.id_cart, IF(o.id_order IS NOT NULL, 'ordered',
               IF(TIME_TO_SEC(TIMEDIFF(%s, c.date_add)) > 86400, 'abandoned_cart', 'not_ordered')) AS status
             FROM {p}cart c
             LEFT JOIN {p}orders o ON o.id_cart = c.id_cart
             LEFT JOIN {p}shop s ON s.id_shop = c.id_shop
             WHERE s.id_shop = %s ORDER BY c.id_cart"""
    for number, status in ask(sql, floored, shop):
        yield int(number), str(status)
