"""A small HTTP server that answers as a PrestaShop's web service does, from a made shop's database.

Both formats, the filters, sorts and limits that its documentation describes, rights by resource, and faults on demand.
"""

import base64
import json
import re
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

from tests.connectors.prestashop.shopmaker import Maker

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456"
METHODS = ("get", "post", "put", "delete", "head")


@dataclass(frozen=True)
class Resource:
    """Where rows come from: a table, its key, what of it is in several languages, and what it takes from the shop's."""

    table: str
    key: str
    texts: tuple[str, ...] = ()
    of_shop: tuple[str, ...] = ()
    one: str = ""


RESOURCES = {
    "addresses": Resource("address", "id_address", one="address"),
    "carriers": Resource("carrier", "id_carrier"),
    "cart_rules": Resource("cart_rule", "id_cart_rule", ("name",)),
    "carts": Resource("cart", "id_cart"),
    "combinations": Resource("product_attribute", "id_product_attribute", (), ("price", "wholesale_price", "ecotax")),
    "configurations": Resource("configuration", "id_configuration"),
    "countries": Resource("country", "id_country", one="country"),
    "currencies": Resource("currency", "id_currency", (), ("conversion_rate",), "currency"),
    "customers": Resource("customer", "id_customer"),
    "customizations": Resource("customization", "id_customization"),
    "groups": Resource("group", "id_group", ("name",)),
    "languages": Resource("lang", "id_lang"),
    "order_cart_rules": Resource("order_cart_rule", "id_order_cart_rule"),
    "order_details": Resource("order_detail", "id_order_detail"),
    "order_histories": Resource("order_history", "id_order_history", one="order_history"),
    "order_slip": Resource("order_slip", "id_order_slip", one="order_slip"),
    "order_states": Resource("order_state", "id_order_state"),
    "orders": Resource("orders", "id_order"),
    "product_option_values": Resource("attribute", "id_attribute", ("name",)),
    "product_options": Resource("attribute_group", "id_attribute_group", ("name", "public_name")),
    "products": Resource("product", "id_product", ("name",), ("price", "id_tax_rules_group", "active",
                                                              "wholesale_price", "ecotax")),
    "shop_groups": Resource("shop_group", "id_shop_group"),
    "shop_urls": Resource("shop_url", "id_shop_url"),
    "shops": Resource("shop", "id_shop"),
    "specific_prices": Resource("specific_price", "id_specific_price"),
    "stock_availables": Resource("stock_available", "id_stock_available"),
    "tax_rules": Resource("tax_rule", "id_tax_rule"),
    "taxes": Resource("tax", "id_tax", one="tax"),
}  # fmt: skip

Fault = Callable[[str], tuple[int, bytes] | None]
"""Asked with each request's path: what to answer instead, or None."""


@dataclass
class Shop:
    """What the server answers with. `asked` keeps every request line, `keys` every Authorization header."""

    maker: Maker
    speaks: str = "json"
    closed: set[tuple[str, str]] = field(default_factory=set)
    fault: Fault | None = None
    cut_to: int | None = None
    asked: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        self.asked.append(f"{method} {path}")
        if self.fault is not None and (told := self.fault(path)) is not None:
            return told
        if headers.get("authorization") != "Basic " + base64.b64encode(f"{KEY}:".encode()).decode():
            return self.error(401, "Invalid authentication key format")
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        place = parts.path.removeprefix("/api").strip("/").split("/")
        if place == [""]:
            return 200, self.root()
        name = place[0]
        if name not in RESOURCES:
            return self.error(400, f'Resource of type "{name}" does not exists.')
        if (name, method.lower()) in self.closed:
            return self.error(405, f"Method {method} is not allowed for the resource {name} with this key")
        if method == "POST":
            return self.insert(name, body)
        if method == "PUT":
            return self.update(name, int(place[1]), body)
        if method == "DELETE":
            return self.delete(name, int(place[1]))
        return 200, self.listed(name, query)

    def root(self) -> bytes:
        rows = "".join(
            f"<{name} "
            + " ".join(f'{how}="{"false" if (name, how) in self.closed else "true"}"' for how in METHODS)
            + "/>"
            for name in RESOURCES
            if (name, "get") not in self.closed
        )
        return f'<?xml version="1.0" encoding="UTF-8"?><prestashop><api shopName="X">{rows}</api></prestashop>'.encode()

    def error(self, status: int, words: str) -> tuple[int, bytes]:
        if self.speaks == "json":
            return status, json.dumps({"errors": [{"code": 1, "message": words}]}).encode()
        told = f"<errors><error><code>1</code><message><![CDATA[{words}]]></message></error></errors>"
        return status, f"<prestashop>{told}</prestashop>".encode()

    # -- reading ---------------------------------------------------------------------------------

    def listed(self, name: str, query: dict[str, str]) -> bytes:
        resource, shop = RESOURCES[name], int(query.get("id_shop", 1))
        where, values = self.conditions(resource, query)
        if name == "products":
            where.append("id_product IN (SELECT id_product FROM {p}product_shop WHERE id_shop = %s)")
            values.append(shop)
        sorts = [one.rpartition("_") for one in query.get("sort", "").strip("[]").split(",") if one]
        order = ", ".join(f"`{self.column(resource, name)}` {way}" for name, _stroke, way in sorts)
        sql = f"SELECT * FROM `{{p}}{resource.table}`"
        sql += f" WHERE {' AND '.join(where)}" if where else ""
        sql += f" ORDER BY {order}" if order else ""
        sql += f" LIMIT {query['limit']}" if "limit" in query else ""
        rows = self.dicts(sql, *values)
        shown = query.get("display", "")
        if shown == "full":
            told = [self.full(name, resource, row, shop) for row in rows]
        else:
            columns = [one for one in shown.strip("[]").split(",") if one] or ["id"]
            told = [{one: str(row[self.column(resource, one)]) for one in columns} for row in rows]
        return self.as_json(name, told) if self.speaks == "json" else self.as_xml(name, resource, told)

    @staticmethod
    def column(resource: Resource, name: str) -> str:
        return resource.key if name == "id" else name

    def conditions(self, resource: Resource, query: dict[str, str]) -> tuple[list[str], list[Any]]:
        where: list[str] = []
        values: list[Any] = []
        for name, told in query.items():
            if not (found := re.fullmatch(r"filter\[(\w+)\]", name)):
                continue
            column = f"`{self.column(resource, found[1])}`"
            if "date" in found[1] and query.get("date") != "1":
                raise AssertionError("date fields need date=1")
            if found := re.fullmatch(r"\[([^|\]]*),([^|\]]*)\]", told):
                where.append(f"{column} BETWEEN %s AND %s")
                values += sorted([found[1], found[2]])
            elif found := re.fullmatch(r">\[(.*)\]", told):
                where.append(f"{column} > %s")
                values.append(found[1])
            else:
                several = told.strip("[]").split("|")
                where.append(f"{column} IN ({', '.join(['%s'] * len(several))})")
                values += several
        return where, values

    def dicts(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with self.maker.connection.cursor() as cursor:
            cursor.execute(sql.replace("{p}", self.maker.prefix), values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def full(self, name: str, resource: Resource, row: dict[str, Any], shop: int) -> dict[str, Any]:
        told: dict[str, Any] = {"id": row[resource.key]}
        if resource.of_shop:
            own = self.dicts(
                f"SELECT * FROM {{p}}{resource.table}_shop WHERE {resource.key} = %s AND id_shop = %s",
                row[resource.key], shop,
            )  # fmt: skip
            row = row | {column: own[0][column] for column in resource.of_shop if own}
        hidden = {resource.key, "passwd"}
        told |= {column: "" if value is None else str(value) for column, value in row.items() if column not in hidden}
        for column in resource.texts:
            told[column] = self.texts(resource, column, row[resource.key], shop)
        if kin := getattr(self, f"kin_of_{name}", None):
            told |= kin(row, shop)
        return told

    def texts(self, resource: Resource, column: str, number: int, shop: int) -> list[dict[str, Any]]:
        """In every language that is installed; empty where nothing is written."""
        sql = f"SELECT id_lang, `{column}` AS told FROM {{p}}{resource.table}_lang WHERE `{resource.key}` = %s"
        if resource.table == "product":
            sql += f" AND id_shop = {shop}"
        found = {row["id_lang"]: row["told"] for row in self.dicts(sql, number)}
        languages = [row["id_lang"] for row in self.dicts("SELECT id_lang FROM {p}lang ORDER BY id_lang")]
        return [{"id": str(one), "value": found.get(one, "")} for one in languages]

    def kin_of_carts(self, row: dict[str, Any], shop: int) -> dict[str, Any]:
        rows = self.dicts(
            "SELECT * FROM {p}cart_product WHERE id_cart = %s AND id_shop = %s", row["id_cart"], row["id_shop"]
        )
        columns = ("id_product", "id_product_attribute", "id_address_delivery", "id_customization", "quantity")
        told = [{one: str(row[one]) for one in columns if one in row} for row in rows]
        return {"associations": {"cart_rows": told}} if told else {}

    def kin_of_orders(self, row: dict[str, Any], shop: int) -> dict[str, Any]:
        columns = ("product_id", "product_attribute_id", "product_quantity", "product_name", "product_reference",
                   "unit_price_tax_incl", "unit_price_tax_excl", "id_customization")  # fmt: skip
        rows = self.dicts("SELECT * FROM {p}order_detail WHERE id_order = %s", row["id_order"])
        told = [
            {"id": str(row["id_order_detail"])} | {one: str(row[one] or 0) for one in columns if one in row}
            for row in rows
        ]
        return {"associations": {"order_rows": told}}

    def kin_of_products(self, row: dict[str, Any], shop: int) -> dict[str, Any]:
        sql = """SELECT i.id_image FROM {p}image i JOIN {p}image_shop s ON s.id_image = i.id_image AND s.id_shop = %s
                 WHERE i.id_product = %s AND s.cover = 1"""
        found = self.dicts(sql, shop, row["id_product"])
        return {"id_default_image": str(found[0]["id_image"]) if found else ""}

    def kin_of_combinations(self, row: dict[str, Any], shop: int) -> dict[str, Any]:
        number = row["id_product_attribute"]
        sql = "SELECT id_attribute FROM {p}product_attribute_combination WHERE id_product_attribute = %s"
        values = [{"id": str(one["id_attribute"])} for one in self.dicts(sql, number)]
        sql = "SELECT id_image FROM {p}product_attribute_image WHERE id_product_attribute = %s"
        images = [{"id": str(one["id_image"])} for one in self.dicts(sql, number)]
        return {"associations": {"product_option_values": values, "images": images}}

    def kin_of_customizations(self, row: dict[str, Any], shop: int) -> dict[str, Any]:
        sql = "SELECT value FROM {p}customized_data WHERE id_customization = %s AND type = 1 ORDER BY `index`"
        told = [
            {"id_customization_field": "1", "value": one["value"]} for one in self.dicts(sql, row["id_customization"])
        ]
        return {"associations": {"customized_data_text_fields": told}}

    # -- formats ---------------------------------------------------------------------------------

    @staticmethod
    def as_json(name: str, rows: list[dict[str, Any]]) -> bytes:
        return json.dumps({name: rows} if rows else []).encode()

    def as_xml(self, name: str, resource: Resource, rows: list[dict[str, Any]]) -> bytes:
        one = resource.one or name.removesuffix("s")
        told = "".join(f"<{one}>{''.join(self.cell(*pair) for pair in row.items())}</{one}>" for row in rows)
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n<prestashop xmlns:xlink="http://www.w3.org/1999/xlink">\n'
            f"<{name}>{told}</{name}>\n</prestashop>\n"
        ).encode()

    def cell(self, column: str, value: Any) -> str:
        if column == "associations":
            kin = "".join(
                f'<{name} nodeType="row">'
                + "".join(f"<row>{''.join(self.cell(*pair) for pair in row.items())}</row>" for row in rows)
                + f"</{name}>"
                for name, rows in value.items()
            )
            return f"<associations>{kin}</associations>"
        if isinstance(value, list):
            told = "".join(f'<language id="{one["id"]}">{cdata(one["value"])}</language>' for one in value)
            return f"<{column}>{told}</{column}>"
        return f"<{column}>{cdata(value)}</{column}>"

    # -- writing ---------------------------------------------------------------------------------

    def insert(self, name: str, body: bytes) -> tuple[int, bytes]:
        resource = RESOURCES[name]
        row = next(iter(ElementTree.fromstring(body)))
        values = {one.tag: one.text or "" for one in row if not len(one)}
        known = {column: value for column, value in values.items() if column in self.maker.columns[resource.table]}
        number = self.maker.add(resource.table, **known)
        for column in resource.texts:
            for language in row.find(column) or ():
                self.maker.add(
                    f"{resource.table}_lang",
                    **{resource.key: number, "id_lang": language.get("id"), column: language.text},
                )
        told = [{"id": number}]
        return 201, self.as_json(name, told) if self.speaks == "json" else self.as_xml(name, resource, told)

    def update(self, name: str, number: int, body: bytes) -> tuple[int, bytes]:
        resource = RESOURCES[name]
        row = next(iter(ElementTree.fromstring(body)))
        known = self.maker.columns[resource.table]
        values = {one.tag: one.text or "" for one in row if not len(one) and one.tag in known and one.tag != "id"}
        told = ", ".join(f"`{column}` = %s" for column in values)
        self.maker.run(f"UPDATE {{p}}{resource.table} SET {told} WHERE {resource.key} = {number}", *values.values())
        return 200, self.as_json(name, [{"id": number}])

    def delete(self, name: str, number: int) -> tuple[int, bytes]:
        resource = RESOURCES[name]
        if not self.maker.ask(f"SELECT 1 FROM {{p}}{resource.table} WHERE {resource.key} = {number}"):
            return self.error(404, "Id(s) not exists")
        for table in (resource.table, *(f"{resource.table}_lang" for _one in resource.texts[:1])):
            self.maker.run(f"DELETE FROM {{p}}{table} WHERE {resource.key} = {number}")
        return 200, b""


def cdata(value: Any) -> str:
    return f"<![CDATA[{str(value).replace(']]>', ']]]]><![CDATA[>')}]]>" if value not in ("", None) else ""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, shop: Shop) -> None:
        self.shop, self.turn = shop, threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """Clients that go away are not our trouble."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.turn:
            try:
                status, answer = self.server.shop.answer(self.command, self.path, headers, body)
            except Exception:  # the test's own mistake, not to be taken for a shop that is down
                self.server.shop.mistakes.append(traceback.format_exc())
                raise
        cut = self.server.shop.cut_to
        with suppress(OSError):
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer[:cut])
            if cut is not None:
                self.close_connection = True

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: Any) -> None:
        pass
