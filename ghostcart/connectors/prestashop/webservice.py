"""A PrestaShop's web service: rows of a resource, read page by page, in XML or JSON; and what is written into it.

JSON is asked for; shops that answer in XML all the same are understood. Either way a row is a dict of texts, names in
several languages are {language's number: text}, associations are lists of rows. Input is XML only.
The load on the shop is bounded: one request at a time, a hundred rows each, with a rest between them.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from time import sleep
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from ghostcart.connectors import errors
from ghostcart.lib import outbound

PAGE = 100
SECONDS = 20.0
MOST_BYTES = 8_000_000
REST_SECONDS = 0.05
"""Between two requests: at most twenty a second, whatever the shop could bear."""
TRIES, AGAIN_SECONDS = 3, 0.5
MOST_PAGES = 100_000

Row = dict[str, Any]

_KEY = re.compile(r"[A-Za-z0-9]{8,64}")
_ROWS = {"addresses": "address", "currencies": "currency", "taxes": "tax", "countries": "country"}


class Webservice:
    """Raises ShopTrouble, never what the client or a parser raises. The key is in no message and no log."""

    def __init__(self, url: str, key: str, *, seconds: float = SECONDS, rest: Callable[[float], None] = sleep) -> None:
        if not _KEY.fullmatch(key):
            raise errors.KeyRefused
        self.base = base_of(url)
        self.place = urlsplit(self.base).hostname or ""
        self.requests = 0
        self._seconds, self._rest = seconds, rest
        self._headers = {"Authorization": f"Basic {b64encode(f'{key}:'.encode()).decode()}", "Output-Format": "JSON"}

    def __repr__(self) -> str:
        return f"<Webservice at {self.place}>"

    # -- reading ---------------------------------------------------------------------------------

    def rows(self, resource: str, **asked: str) -> list[Row]:
        """One answer's rows. `asked` as the web service has it: filter[id], sort, limit, ..."""
        query = urlencode({"display": "full", "output_format": "JSON", **asked}, safe="[],|%")
        for attempt in range(1, TRIES + 1):
            try:
                return read_rows(self._call("GET", resource, query=query), resource)
            except (errors.WebserviceTrouble, errors.StrangeAnswer):  # a hiccup of the shop's: mostly over at once
                if attempt == TRIES:
                    raise
                self._rest(AGAIN_SECONDS * attempt)
        raise AssertionError

    def all(self, resource: str, **asked: str) -> Iterator[list[Row]]:
        """All rows by number, a page at a time."""
        last = 0
        for _page in range(MOST_PAGES):
            limits = {"filter[id]": f">[{last}]", "sort": "[id_ASC]", "limit": f"0,{PAGE}"}
            rows = self.rows(resource, **limits, **asked)
            rows = [row for row in rows if number(row) > last]
            if rows:
                yield rows
                last = max(map(number, rows))
            if len(rows) < PAGE:
                return

    def some(self, resource: str, numbers: list[int], column: str = "id", **asked: str) -> list[Row]:
        """The rows in which a column is one of these numbers, by number, in as many requests as that takes."""
        found: list[Row] = []
        for at in range(0, len(numbers), PAGE):
            wanted = "|".join(map(str, numbers[at : at + PAGE]))
            for page in range(MOST_PAGES):
                limits = {"sort": "[id_ASC]", "limit": f"{page * PAGE},{PAGE}"}
                rows = self.rows(resource, **{f"filter[{column}]": f"[{wanted}]", **limits, **asked})
                found += rows
                if len(rows) < PAGE:
                    break
        return found

    def changed(
        self, resource: str, since: str, until: str, column: str = "date_upd", **asked: str
    ) -> Iterator[list[Row]]:
        """Rows that were changed from `since` to `until` (both included, in the shop's own time), oldest first.

        Pages are cut by time, not by place: what changes meanwhile moves behind `until` and shifts nothing. Only within
        one second are they cut by place.
        """
        offset, told = 0, set[int]()
        for _page in range(MOST_PAGES):
            rows = self.rows(
                resource,
                **{
                    f"filter[{column}]": f"[{since},{until}]",
                    "date": "1",
                    "sort": f"[{column}_ASC,id_ASC]",
                    "limit": f"{offset},{PAGE}",
                    **asked,
                },
            )
            if fresh := [row for row in rows if number(row) not in told]:
                yield fresh
            if len(rows) < PAGE:
                return
            last = str(rows[-1].get(column, ""))
            if last <= since:
                offset += len(rows)
                told |= set(map(number, rows))
            else:
                since, offset = last, 0
                told = {number(row) for row in rows if row.get(column) == last}

    def rights(self) -> dict[str, set[str]]:
        """What the key may do: {resource: {"get", "post", ...}}."""
        root = _xml(self._call("GET", "", headers={"Output-Format": "XML"}))
        found = root.find("api")
        if found is None:
            raise errors.NoWebservice
        methods = ("get", "post", "put", "patch", "delete", "head")
        return {one.tag: {name for name in methods if one.get(name) == "true"} for one in found}

    # -- writing ---------------------------------------------------------------------------------

    def add(self, resource: str, values: Mapping[str, Any]) -> int:
        """A new row; its number."""
        body = self._call("POST", resource, content=to_xml(one_of(resource), values))
        made = read_rows(body, resource)
        if not made or not number(made[0]):
            raise errors.StrangeAnswer
        return number(made[0])

    def put(self, resource: str, row: int, values: Mapping[str, Any]) -> None:
        """The row anew: what is not told is lost."""
        self._call("PUT", f"{resource}/{row}", content=to_xml(one_of(resource), {"id": row, **values}))

    def delete(self, resource: str, row: int) -> None:
        """What is gone already is gone."""
        self._call("DELETE", f"{resource}/{row}", absent_is_fine=True)

    # -- calls -----------------------------------------------------------------------------------

    def _call(
        self, method: str, path: str, *, query: str = "", content: bytes = b"",
        headers: Mapping[str, str] | None = None, absent_is_fine: bool = False,
    ) -> bytes:  # fmt: skip
        if self.requests:
            self._rest(REST_SECONDS)
        self.requests += 1
        sent = {**self._headers, **(headers or {})}
        if content:
            sent["Content-Type"] = "text/xml; charset=utf-8"
        url = f"{self.base}/{path}{'?' if query else ''}{query}"
        try:
            answer = outbound.send(method, url, headers=sent, content=content, most=MOST_BYTES, seconds=self._seconds)
        except outbound.TimedOut:
            raise errors.TooSlow from None
        except (outbound.Unreachable, outbound.UnknownHost, outbound.BadCertificate):
            raise errors.CannotConnect(place=self.place) from None
        except outbound.TargetError:
            raise errors.CannotCall from None
        if answer.is_cut:
            raise errors.TooMuch
        if answer.status == 404 and absent_is_fine and not _is_page(answer.body):
            return b""
        self._judge(answer, path.partition("/")[0])
        return answer.body

    def _judge(self, answer: outbound.Answer, resource: str) -> None:
        """Raises ShopTrouble for an answer that is none."""
        match answer.status:
            case 200 | 201:
                if _is_page(answer.body):  # a page for people: maintenance, a wall in front of the shop
                    raise errors.StrangeAnswer
            case 401:
                raise errors.KeyRefused
            case 403 | 405:
                raise errors.MissingKeyRight(resource=resource)
            case 404 | 410:
                raise errors.NoWebservice
            case 503 if b"webservice is disabled" in answer.body.lower():
                raise errors.NoWebservice
            case status if 300 <= status < 400:
                raise errors.Redirected
            case status:
                raise errors.WebserviceTrouble(number=status)


def base_of(url: str) -> str:
    """Where the web service is, of what people type: with or without "/api", with or without a stroke behind it.

    Raises CannotCall.
    """
    base = url.strip().rstrip("/")
    base = base if base.endswith("/api") else f"{base}/api"
    parts = urlsplit(base)
    if parts.query or parts.fragment:
        raise errors.CannotCall
    try:
        outbound.parse(base)
    except outbound.TargetError:
        raise errors.CannotCall from None
    return base


def number(row: Row) -> int:
    """The number of a row; 0 if it tells none."""
    try:
        return int(row.get("id") or 0)
    except (TypeError, ValueError):
        return 0


def one_of(resource: str) -> str:
    """What one row of a resource is called: "carts" are each a "cart"."""
    return _ROWS.get(resource, resource.removesuffix("s"))


# -- reading an answer -------------------------------------------------------------------------------


def read_rows(body: bytes, resource: str) -> list[Row]:
    """The rows of an answer, whichever way they are written. Raises StrangeAnswer."""
    text = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<"):
        return _xml_rows(_xml(text), resource)
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.StrangeAnswer from None
    if told == []:  # so it says that there is nothing
        return []
    rows = told.get(resource, told.get(one_of(resource))) if isinstance(told, dict) else None
    rows = [rows] if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise errors.StrangeAnswer
    return [{name: _json_value(value) for name, value in row.items()} for row in rows]


def _json_value(value: Any) -> Any:
    """As XML would have told it: texts, {language: text}, or associations of rows."""
    if isinstance(value, dict):
        return {name: _json_value(one) for name, one in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(one, dict) and {"id", "value"} == set(one) for one in value):
            return {str(one["id"]): _json_value(one["value"]) for one in value}
        return [_json_value(one) for one in value]
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else str(value)


def _xml(body: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:  # it has no use for them, others have
        raise errors.StrangeAnswer
    try:
        root = ElementTree.fromstring(body)
    except (ElementTree.ParseError, LookupError, ValueError):
        raise errors.StrangeAnswer from None
    if root.tag != "prestashop":
        raise errors.StrangeAnswer
    return root


def _xml_rows(root: ElementTree.Element, resource: str) -> list[Row]:
    rows = root.find(resource)
    found = list(root) if rows is None else list(rows)
    if rows is None and any(one.tag != one_of(resource) for one in found):
        raise errors.StrangeAnswer
    return [{child.tag: _xml_value(child) for child in row} for row in found]


def _xml_value(element: ElementTree.Element) -> Any:
    children = list(element)
    if element.tag == "associations":
        return {one.tag: [{cell.tag: _xml_value(cell) for cell in row} for row in one] for one in children}
    if children and all(one.tag == "language" for one in children):
        return {str(one.get("id")): one.text or "" for one in children}
    return element.text or ""


def _is_page(body: bytes) -> bool:
    start = body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html")) or (start.startswith(b"<") and b"<html" in start)


# -- writing -----------------------------------------------------------------------------------------


def to_xml(name: str, values: Mapping[str, Any]) -> bytes:
    """A row as the web service takes it: texts, and names as {language's number: text}."""
    root = ElementTree.Element("prestashop")
    row = ElementTree.SubElement(root, name)
    for column, value in values.items():
        cell = ElementTree.SubElement(row, column)
        if isinstance(value, Mapping):
            for language, text in value.items():
                ElementTree.SubElement(cell, "language", id=str(language)).text = str(text)
        else:
            cell.text = str(value)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
