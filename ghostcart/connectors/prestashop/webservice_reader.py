"""A PrestaShop read by its web service: rows asked for in pages, made into the same snapshots as by its database.

It tells no totals of carts (they are reckoned, as always, and marked), no vouchers on them, and no visits: who is
online is known from cart changes only.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ghostcart.carts.snapshots import VoucherSnapshot
from ghostcart.connectors.portions import Portion
from ghostcart.connectors.prestashop import orders as ordering
from ghostcart.connectors.prestashop import people, webservice_basics
from ghostcart.connectors.prestashop.basics import Basics, micros
from ghostcart.connectors.prestashop.carts import Batch, Head
from ghostcart.connectors.prestashop.carts import Row as Piece
from ghostcart.connectors.prestashop.telling import Teller
from ghostcart.connectors.prestashop.webservice import Row, Webservice, number
from ghostcart.connectors.prestashop.webservice_basics import Source, text, whole
from ghostcart.connectors.prestashop.webservice_catalogue import WebserviceCatalogue
from ghostcart.customers.intake import CustomerSnapshot

BASICS_KEPT = timedelta(minutes=10)
MOST_REMEMBERED = 50_000


@dataclass
class WebserviceReader:
    """Reads one shop of a PrestaShop into one of ours. `recent`: what was taken lately, with its date_upd."""

    webservice: Webservice
    shop_id: int
    source_name: str
    number: int
    time_zone: str = ""
    newsletter_is_consent: bool = False
    writes_two: bool = False
    recent: dict[tuple[str, int], str] = field(default_factory=dict)
    _source: Source | None = field(default=None, repr=False)
    _basics: Basics | None = field(default=None, repr=False)
    _catalogue: WebserviceCatalogue | None = field(default=None, repr=False)
    _read_at: datetime | None = None

    def refresh(self, now: datetime) -> None:
        """Read what every cart needs, if it is not fresh. Raises ShopTrouble."""
        if self._basics is None or self._read_at is None or now - self._read_at > BASICS_KEPT:
            self._source = Source.of(self.webservice, self.number)
            self._basics = webservice_basics.read(self._source, self.time_zone)
            self._catalogue = WebserviceCatalogue(self._source, self._basics)
            self._read_at = now

    @property
    def source(self) -> Source:
        assert self._source is not None, "refresh first"
        return self._source

    @property
    def basics(self) -> Basics:
        assert self._basics is not None, "refresh first"
        return self._basics

    @property
    def catalogue(self) -> WebserviceCatalogue:
        assert self._catalogue is not None, "refresh first"
        return self._catalogue

    def close(self) -> None:
        """Nothing is kept open."""

    def page(self, resource: str, after: int) -> list[Row]:
        """The next rows by number, of our shop."""
        asked = {"filter[id]": f">[{after}]", "sort": "[id_ASC]", "limit": "0,100", "id_shop": str(self.number)}
        return self.webservice.rows(resource, **asked)

    def remember(self, resource: str, rows: Iterable[Row]) -> None:
        """After the commit: these rows are known as they are."""
        if len(self.recent) > MOST_REMEMBERED:
            self.recent.clear()
        self.recent |= {(resource, number(row)): text(row, "date_upd") for row in rows}

    def read(self, resource: str, rows: list[Row], now: datetime, *, is_history: bool = False) -> Portion:
        """Everything about rows of a resource. `is_history`: they changed long ago."""
        if resource == "products":
            return Portion(
                products=self.catalogue.snapshots([number(row) for row in rows], self.basics.times.local(now))
            )
        if resource == "customers":
            return Portion(customers=self.customers(filter(self.is_ours, rows)))
        is_carts = resource == "carts"
        return self.portion(rows if is_carts else [], [] if is_carts else rows, None if is_history else now)

    def take(self, portion: Portion, now: datetime, *, is_history: bool = False) -> None:
        """Write what was read, in a transaction of the caller."""
        portion.take(self.shop_id, self.source_name, now, is_history=is_history)

    # -- carts and orders ------------------------------------------------------------------------

    def portion(self, carts: list[Row], orders: list[Row], now: datetime | None = None) -> Portion:
        """Carts with their orders, and other orders, with everybody whom they name."""
        mine = [row for row in carts if whole(row, "id_shop") in (0, self.number)]
        numbers = [number(row) for row in mine]
        theirs = self.source.where("orders", "id_cart", numbers)
        alone = [row for row in orders if number(row) not in {number(one) for one in theirs}]
        heads = [row for row in [*theirs, *alone] if whole(row, "id_shop") in (0, self.number)]
        customers = {whole(row, "id_customer") for row in [*mine, *heads]} - {0}
        people_there = {number(row): row for row in self.source.where("customers", "id", list(customers))}
        places = {whole(row, self._tax_address) for row in mine}
        places |= {whole(row, "id_address_delivery") for row in heads}
        addresses = {number(row): row for row in self.source.where("addresses", "id", list(places - {0}))}
        batch = Batch([self._head(row, people_there, addresses) for row in mine])
        batch.rows = {number(row): list(_pieces(row)) for row in mine}
        self._customizations(batch)
        self._special_prices(batch, customers)
        batch.orders = self._orders(heads, people_there, addresses)
        told = self.customers(people_there.values())
        teller = Teller(self.basics, self.catalogue, batch, now)
        return Portion(customers=told, carts=teller.tell_carts(), orders=teller.tell_orders())

    @property
    def _tax_address(self) -> str:
        which = self.basics.settings.text("PS_TAX_ADDRESS_TYPE")
        return "id_address_invoice" if which == "id_address_invoice" else "id_address_delivery"

    def _head(self, row: Row, customers: dict[int, Row], addresses: dict[int, Row]) -> Head:
        buyer = customers.get(whole(row, "id_customer"))
        place = addresses.get(whole(row, self._tax_address))
        return Head(
            number(row), whole(row, "id_carrier"), whole(row, "id_lang"), whole(row, "id_currency"),
            whole(row, "id_customer"), whole(row, "id_guest"), whole(buyer, "id_default_group") if buyer else None,
            whole(place, "id_country") if place else 0, whole(place, "id_state") if place else 0,
            text(row, "date_add"), text(row, "date_upd"),
        )  # fmt: skip

    def _customizations(self, batch: Batch) -> None:
        """What shoppers wrote on their products; what that costs is not told."""
        wanted = {piece.customization for pieces in batch.rows.values() for piece in pieces} - {0}
        for row in self.source.where("customizations", "id", list(wanted)):
            kin = row.get("associations") or {}
            words = [text(one, "value") for one in kin.get("customized_data_text_fields", ())]
            words += ["…" for _one in kin.get("customized_data_images", ())]
            batch.texts[number(row)] = ", ".join(words)

    def _special_prices(self, batch: Batch, customers: set[int]) -> None:
        if self.basics.has_cart_prices and batch.heads:
            batch.specials += self.catalogue.special_prices("id_cart", [head.id for head in batch.heads])
        if self.basics.has_customer_prices and customers:
            found = self.catalogue.special_prices("id_customer", customers)
            batch.specials += [one for one in found if not one.cart]

    # -- orders ----------------------------------------------------------------------------------

    def _orders(self, rows: list[Row], customers: dict[int, Row], addresses: dict[int, Row]) -> list[ordering.Found]:
        found: dict[int, ordering.Found] = {}
        for row in rows:
            buyer = customers.get(whole(row, "id_customer"), {})
            is_gone = text(buyer, "deleted") == "1"
            email = "" if is_gone else text(buyer, "email")
            one = ordering.Found(_order_head(row), email=email, is_of_known=bool(buyer))
            group = whole(buyer, "id_default_group") or self.basics.group_of_visitors
            one.shows_tax = self.basics.group(group).shows_tax
            if place := addresses.get(whole(row, "id_address_delivery")):
                self._set_address(one, place)
            found[number(row)] = one
        self._details(found, rows)
        self._vouchers(found)
        for row in self.source.where("order_histories", "id_order", list(found)):
            found[whole(row, "id_order")].states.append((whole(row, "id_order_state"), text(row, "date_add")))
        for row in self.source.where("order_slip", "id_order", list(found)):
            one = found[whole(row, "id_order")]
            name = "total_products_tax_incl" if one.shows_tax else "total_products_tax_excl"
            one.refunded += micros(text(row, name if name in row else "amount"))
        return list(found.values())

    def _set_address(self, one: ordering.Found, place: Row) -> None:
        one.address = {
            "first_name": text(place, "firstname"), "last_name": text(place, "lastname"),
            "street": text(place, "address1"), "postcode": text(place, "postcode"), "city": text(place, "city"),
            "country": self.basics.countries.get(whole(place, "id_country"), ""),
        }  # fmt: skip
        one.phone = text(place, "phone_mobile") or text(place, "phone")

    def _details(self, found: dict[int, ordering.Found], rows: list[Row]) -> None:
        """The lines of orders; where the key may not read them, those that the orders themselves tell."""
        if "order_details" in self.source.may:
            for row in self.source.where("order_details", "id_order", list(found)):
                found[whole(row, "id_order")].details.append(_detail(row))
            return
        for row in rows:
            told = (row.get("associations") or {}).get("order_rows", ())
            found[number(row)].details += [_detail(one) for one in told]

    def _vouchers(self, found: dict[int, ordering.Found]) -> None:
        rows = self.source.where("order_cart_rules", "id_order", list(found))
        rows = [row for row in rows if text(row, "deleted") != "1"]
        rules = {whole(row, "id_cart_rule") for row in rows}
        codes = {number(row): text(row, "code") for row in self.source.where("cart_rules", "id", list(rules))}
        for row in rows:
            one, rule = found[whole(row, "id_order")], whole(row, "id_cart_rule")
            amount = micros(text(row, "value" if one.shows_tax else "value_tax_excl"))
            minor = max(0, self.basics.minor(amount, one.head["id_currency"]))
            one.vouchers.append(VoucherSnapshot(codes.get(rule) or f"#{rule}", text(row, "name"), minor))

    # -- people ----------------------------------------------------------------------------------

    def customers(self, rows: Iterable[Row]) -> list[CustomerSnapshot]:
        """Of several with one address, an account has the word about the newsletter, and the newest."""
        in_turn = sorted(rows, key=lambda row: (-whole(row, "is_guest"), number(row)))
        subscribed = {text(row, "email").strip().lower(): whole(row, "newsletter") == 1 for row in in_turn
                      if whole(row, "deleted") == 0}  # fmt: skip
        return [self._customer(row, subscribed if self.newsletter_is_consent else {}) for row in in_turn]

    def _customer(self, row: Row, subscribed: dict[str, bool]) -> CustomerSnapshot:
        values = (
            number(row), whole(row, "id_lang"), whole(row, "id_default_group"), text(row, "firstname"),
            text(row, "lastname"), text(row, "email"), whole(row, "is_guest"), whole(row, "deleted"),
            text(row, "date_add"),
        )  # fmt: skip
        return people.snapshot(self.basics, values, subscribed)

    def is_ours(self, customer: Row) -> bool:
        """A customer of our shop, or of its group where the shops of a group share theirs."""
        if whole(customer, "id_shop") in (0, self.number):
            return True
        return self.source.shares_customers and whole(customer, "id_shop_group") == self.basics.settings.group_id


def _pieces(row: Row) -> Iterable[Piece]:
    for one in (row.get("associations") or {}).get("cart_rows", ()):
        yield Piece(
            number(row), whole(one, "id_product"), whole(one, "id_product_attribute"), whole(one, "id_customization"),
            whole(one, "quantity"), "",
        )  # fmt: skip


_NUMBERS = ("id_cart", "id_customer", "id_currency", "id_lang", "id_carrier", "current_state", "id_address_delivery")


def _order_head(row: Row) -> dict[str, Any]:
    head: dict[str, Any] = defaultdict(str, {name: value for name, value in row.items() if isinstance(value, str)})
    return head | {name: whole(row, name) for name in _NUMBERS} | {"id_order": number(row)}


def _detail(row: Row) -> ordering.Detail:
    quantity = whole(row, "product_quantity")
    incl, excl = micros(text(row, "unit_price_tax_incl")), micros(text(row, "unit_price_tax_excl"))
    return ordering.Detail(
        number(row), whole(row, "product_id"), whole(row, "product_attribute_id"), whole(row, "id_customization"),
        text(row, "product_name"), text(row, "product_reference"), quantity, incl, excl,
        micros(text(row, "total_price_tax_incl")) if "total_price_tax_incl" in row else incl * quantity,
        micros(text(row, "total_price_tax_excl")) if "total_price_tax_excl" in row else excl * quantity,
    )  # fmt: skip
