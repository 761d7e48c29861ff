"""Ghostcart's API as methods."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from ghostcart.client import facts, records, reports
from ghostcart.client.events import Events
from ghostcart.client.facts import Fate
from ghostcart.client.wire import Wire

T = TypeVar("T")
MOST_AT_ONCE = 100


class _Page(Struct):
    items: list[Any]
    next: str | None = None


class _Fates(Struct):
    items: list[Fate]


class _Outcomes(Struct):
    results: list[records.CartOutcome]


class _Reasons(Struct):
    items: list[records.Why]


class Ghostcart:
    """A shop's Ghostcart at an address, by one of its API keys. Each call needs the scope that the API describes.

    `source` names the system whose facts you tell: ids are its own. `tries`: how often a call is sent when there is no
    answer or the server asks for patience. All calls raise ApiError and Unreachable.
    """

    def __init__(
        self, address: str, key: str, *, source: str = "api", tries: int = 5, timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        self.source = source
        self.wire = Wire(address, key, tries=tries, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self.wire.http.close()

    # -- telling: one, or many ---------------------------------------------------------------------

    def put_customer(self, external_id: str, told: facts.Customer) -> Fate:
        return self._put("customers", external_id, told)

    def put_customers(self, told: Mapping[str, facts.Customer]) -> list[Fate]:
        return self._post("customers", told)

    def put_product(self, external_id: str, told: facts.Product) -> Fate:
        return self._put("products", external_id, told)

    def put_products(self, told: Mapping[str, facts.Product]) -> list[Fate]:
        return self._post("products", told)

    def put_cart(self, external_id: str, told: facts.Cart) -> Fate:
        return self._put("carts", external_id, told)

    def put_carts(self, told: Mapping[str, facts.Cart]) -> list[Fate]:
        """Any number of carts, a hundred in a call. One that is refused stops no other: look at each fate."""
        return self._post("carts", told)

    def put_order(self, external_id: str, told: facts.Order) -> Fate:
        return self._put("orders", external_id, told)

    def put_orders(self, told: Mapping[str, facts.Order]) -> list[Fate]:
        return self._post("orders", told)

    def _put(self, kind: str, external_id: str, told: Struct) -> Fate:
        path = f"/ingest/{kind}/{quote(external_id, safe='')}"
        return self.wire.call("PUT", path, Fate, body=told, params={"source": self.source})

    def _post(self, kind: str, told: Mapping[str, Struct]) -> list[Fate]:
        items = [{"external_id": name, **msgspec.to_builtins(one)} for name, one in told.items()]
        fates: list[Fate] = []
        for start in range(0, len(items), MOST_AT_ONCE):
            body = {"source": self.source, "items": items[start : start + MOST_AT_ONCE]}
            fates += self.wire.call("POST", f"/ingest/{kind}", _Fates, body=body).items
        return fates

    # -- carts -------------------------------------------------------------------------------------

    def carts(self, *, sort: str = "-id", **filters: Any) -> Iterator[records.CartRow]:
        """The carts of the list with its filters: `status="abandoned"`, `total_from="50"`, `activity_from=...`."""
        return self._list("/carts", records.CartRow, {"sort": sort, **filters})

    def cart(self, cart_id: int) -> records.CartWhole:
        return self.wire.call("GET", f"/carts/{cart_id}", records.CartWhole)

    def cart_history(self, cart_id: int) -> Iterator[records.CartEntry]:
        return self._list(f"/carts/{cart_id}/events", records.CartEntry, {})

    def why_cart(self, cart_id: int) -> list[records.Why]:
        """Why it was or was not followed up, newest first."""
        return self.wire.call("GET", f"/carts/{cart_id}/why", _Reasons).items

    def delete_carts(self, cart_ids: Iterable[int]) -> list[records.CartOutcome]:
        return self.wire.call("POST", "/carts/delete", _Outcomes, body={"ids": list(cart_ids)}).results

    def restore_carts(self, cart_ids: Iterable[int]) -> list[records.CartOutcome]:
        return self.wire.call("POST", "/carts/restore", _Outcomes, body={"ids": list(cart_ids)}).results

    # -- customers, orders -------------------------------------------------------------------------

    def customers(self, **filters: Any) -> Iterator[records.CustomerRow]:
        return self._list("/customers", records.CustomerRow, filters)

    def customer(self, customer_id: int) -> records.CustomerWhole:
        return self.wire.call("GET", f"/customers/{customer_id}", records.CustomerWhole)

    def export_customer(self, customer_id: int) -> dict[str, Any]:
        """All that is kept of a customer, for a request under data protection law."""
        return self.wire.call("GET", f"/customers/{customer_id}/data", dict[str, Any])

    def erase_customer(self, customer_id: int) -> records.Erased:
        """Forget a customer for good; what you tell of them later answers `forgotten`."""
        return self.wire.call("POST", f"/customers/{customer_id}/erase", records.Erased)

    def orders(self, **filters: Any) -> Iterator[records.OrderRow]:
        return self._list("/orders", records.OrderRow, filters)

    def order(self, order_id: int) -> records.OrderWhole:
        return self.wire.call("GET", f"/orders/{order_id}", records.OrderWhole)

    def set_order_status(self, order_id: int, status: Literal["paid", "cancelled", "refunded"]) -> records.OrderWhole:
        path = f"/orders/{order_id}/status"
        return self.wire.call("POST", path, records.OrderWhole, body={"status": status})

    def refund_order(self, order_id: int, amount_minor: int, refunded_minor: int = 0) -> records.OrderWhole:
        """Note that a part was given back; `refunded_minor` is what had been given back before, as you saw it."""
        body = {"amount_minor": amount_minor, "refunded_minor": refunded_minor}
        return self.wire.call("POST", f"/orders/{order_id}/refunds", records.OrderWhole, body=body)

    # -- vouchers, follow-ups, messages, reports ---------------------------------------------------

    def vouchers(self, **filters: Any) -> Iterator[records.VoucherRow]:
        return self._list("/vouchers", records.VoucherRow, filters)

    def voucher(self, voucher_id: int) -> records.VoucherWhole:
        return self.wire.call("GET", f"/vouchers/{voucher_id}", records.VoucherWhole)

    def create_voucher(self, kind: str, **terms: Any) -> records.VoucherWhole:
        """`kind` is percent, amount, free_shipping or gift; the terms are those of the API: `percent_bp=1000`."""
        return self.wire.call("POST", "/vouchers", records.VoucherWhole, body={"kind": kind, **terms})

    def switch_voucher_off(self, voucher_id: int) -> records.VoucherWhole:
        return self.wire.call("POST", f"/vouchers/{voucher_id}/off", records.VoucherWhole)

    def campaigns(self) -> Iterator[records.CampaignRow]:
        return self._list("/campaigns", records.CampaignRow, {})

    def campaign(self, campaign_id: int) -> records.CampaignWhole:
        return self.wire.call("GET", f"/campaigns/{campaign_id}", records.CampaignWhole)

    def pause_campaign(self, campaign_id: int) -> records.CampaignWhole:
        return self.wire.call("POST", f"/campaigns/{campaign_id}/pause", records.CampaignWhole)

    def resume_campaign(self, campaign_id: int) -> records.CampaignWhole:
        return self.wire.call("POST", f"/campaigns/{campaign_id}/resume", records.CampaignWhole)

    def messages(self, **filters: Any) -> Iterator[records.MessageRow]:
        return self._list("/messages", records.MessageRow, filters)

    def message(self, message_id: int) -> records.MessageWhole:
        return self.wire.call("GET", f"/messages/{message_id}", records.MessageWhole)

    def report(self, days: int = 30) -> reports.Report:
        """What the follow-ups caused, and what followed them."""
        return self.wire.call("GET", "/reports/campaigns", reports.Report, params={"days": days})

    # -- what happens ------------------------------------------------------------------------------

    def events(self, cursor: str = "", kinds: Iterable[str] = ()) -> Events:
        """Follow the carts from now on, or from behind a cursor that `Events.cursor` gave."""
        return Events(self.wire, cursor, ",".join(kinds))

    def _list(self, path: str, kind: type[T], filters: Mapping[str, Any]) -> Iterator[T]:
        """All pages, one after the other, as they are asked for."""
        asked = {name: _text(value) for name, value in filters.items() if value is not None}
        cursor: str | None = None
        while True:
            page = self.wire.call("GET", path, _Page, params={**asked, "cursor": cursor})
            for item in page.items:
                yield msgspec.convert(item, kind)
            cursor = page.next
            if not cursor:
                return


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
