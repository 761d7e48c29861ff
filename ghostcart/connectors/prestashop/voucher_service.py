"""Vouchers by a PrestaShop's web service: the key needs GET, POST and DELETE of cart_rules, GET of languages and
currencies, and should have GET of order_cart_rules, which tell whether one was used."""

from typing import Any

from ghostcart.connectors.errors import MissingKeyRight, NoCurrencyThere, VoucherTrouble
from ghostcart.connectors.prestashop.voucher_desk import plain_values
from ghostcart.connectors.prestashop.webservice import Row, Webservice, number
from ghostcart.connectors.vouchers import Fate, Wish

NEEDED = {"cart_rules": ("get", "post"), "languages": ("get",), "currencies": ("get",)}


class WebserviceDesk:
    def __init__(self, webservice: Webservice, shop: int) -> None:
        self.webservice, self.shop = webservice, shop

    def find(self, wish: Wish) -> str:
        row = self._row(wish.code)
        return str(number(row)) if row else ""

    def make(self, wish: Wish) -> str:
        if wish.products:  # the web service knows no product rules, and without them it would count for everything
            raise VoucherTrouble
        currency = self._currency(wish.currency) if wish.currency else 0
        languages = {number(row): str(row.get("iso_code", "")).lower() for row in self._languages()}
        spare = next(iter(wish.names.values()), wish.code)
        names = {language: (wish.names.get(iso) or spare)[:254] for language, iso in languages.items()}
        values: dict[str, Any] = {**plain_values(wish, currency), "name": names}
        return str(self.webservice.add("cart_rules", values))

    def take_away(self, outside_id: str, code: str) -> Fate:
        row = self._row(code)
        if row is None:
            return Fate.REMOVED
        if self._was_used(row):
            return Fate.USED
        try:
            self.webservice.delete("cart_rules", number(row))
        except MissingKeyRight:
            kept = {name: value for name, value in row.items() if name not in ("id", "associations")}
            self.webservice.put("cart_rules", number(row), {**kept, "active": 0})
            return Fate.SWITCHED_OFF
        return Fate.REMOVED

    def check(self) -> None:
        rights = self.webservice.rights()
        for resource, methods in NEEDED.items():
            if not set(methods) <= rights.get(resource, set()):
                raise MissingKeyRight(resource=resource)

    def _row(self, code: str) -> Row | None:
        rows = self.webservice.rows("cart_rules", **{"filter[code]": f"[{code}]", "limit": "0,2"})
        return next((row for row in rows if row.get("code") == code), None)

    def _languages(self) -> list[Row]:
        return [row for rows in self.webservice.all("languages") for row in rows]

    def _currency(self, iso: str) -> int:
        rows = self.webservice.rows("currencies", **{"filter[iso_code]": f"[{iso}]"})
        found = [number(row) for row in rows if row.get("deleted", "0") in ("0", "")]
        if not found:
            raise NoCurrencyThere(currency=iso)
        return found[0]

    def _was_used(self, row: Row) -> bool:
        """By the orders; where the key may not read them, by the shop's own count, which goes down with an order."""
        asked = {"filter[id_cart_rule]": f"[{number(row)}]", "limit": "0,1"}
        try:
            return bool(self.webservice.rows("order_cart_rules", **asked))
        except MissingKeyRight:
            return str(row.get("quantity", "1")) in ("0", "")
