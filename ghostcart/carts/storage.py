"""Reading and writing carts for the hot path: the statements of `sql/`, one purpose a function.

The same statements run on SQLite and PostgreSQL. Locks are taken in one order (devices, then carts, each sorted), so
that batches cannot wait for each other in a circle.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from ghostcart.carts.changes import Change, SignIn
from ghostcart.carts.opencart import Applied, Line, OpenCart, bot_score
from ghostcart.lib import sql
from ghostcart.shops import rules as shop_rules
from ghostcart.vouchers import queries as voucher_queries

FOLDER = Path(__file__).parent / "sql"
Event = tuple[int, int, int, str, str, datetime, dict[str, Any]]
"""An entry of the log: (shop, cart, version, kind, actor, at, data)."""
SEEN_STEP_SECONDS = 45
"""A cart's `seen_at` moves in steps of this size: heartbeats should not rewrite the head each time."""


@dataclass(slots=True)
class DeviceRow:
    id: int
    cart_id: int | None
    customer_id: int | None
    customer_label: str
    bot_reasons: list[str]
    stored: tuple[int | None, int | None] = (None, None)
    new_cart: OpenCart | None = field(default=None, repr=False)


def _run(name: str, parameters: Mapping[str, Any] | None = None, **lists: Collection[int]) -> Any:
    return sql.run(FOLDER, name, parameters, **lists)


def _write(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    sql.write(FOLDER, name, rows)


# -- reading -------------------------------------------------------------------------------------


def upsert_devices(batch: Sequence[Change]) -> dict[tuple[int, str], DeviceRow]:
    """Note that the devices of a batch were seen; makes and locks their rows, in one order."""
    latest = {(change.shop_id, change.seen.token_hash): change for change in batch if change.seen}
    rows = [_device(latest[place]) for place in sorted(latest)]
    devices = {}
    for shop_id, token_hash, number, cart_id, customer_id in _upserted(rows):
        place = (shop_id, token_hash)
        reasons = list(latest[place].seen.bot_reasons)  # type: ignore[union-attr]
        devices[place] = DeviceRow(number, cart_id, customer_id, "", reasons, (cart_id, customer_id))
    _name_customers(devices.values())
    return devices


def _device(change: Change) -> dict[str, Any]:
    seen = change.seen
    assert seen is not None
    return {
        "shop_id": change.shop_id,
        "token_hash": seen.token_hash,
        "language": seen.language,
        "page": seen.page[:200],
        "user_agent": seen.user_agent[:300],
        "seen_at": change.at,
        "bot_score": bot_score(seen.bot_reasons),
        "bot_reasons": list(seen.bot_reasons),
    }


def _upserted(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    if connection.vendor == "postgresql":
        return _run("upsert_device", {"rows": sql.json_to_db(rows)}).fetchall() if rows else []
    return [_run("upsert_device", sql.flat(row)).fetchone() for row in rows]


def _name_customers(devices: Iterable[DeviceRow]) -> None:
    known = {device.customer_id for device in devices if device.customer_id is not None}
    if not known:
        return
    rows = _run("read_customer_labels", ids=sorted(known)).fetchall()
    labels = {number: f"{first} {last}".strip() or email for number, first, last, email in rows}
    for device in devices:
        device.customer_label = labels.get(device.customer_id or 0, "")


def saved_carts(batch: Sequence[Change]) -> dict[tuple[int, int], int]:
    """For those who sign in: the live cart they filled last while signed in on any device.

    Locks the customer first: of two devices that sign in at once, the second finds the first one's cart.
    """
    found = {}
    for place in sorted({(one.shop_id, one.customer_id) for one in batch if isinstance(one, SignIn)}):
        parameters = dict(zip(("shop_id", "customer_id"), place, strict=True))
        _run("lock_customer", parameters).fetchone()
        if row := _run("read_saved_cart", parameters).fetchone():
            found[place] = row[0]
    return found


def read_carts(numbers: Collection[int], lock: bool = True) -> dict[int, OpenCart]:
    """Carts with their lines and vouchers, locked until the commit unless told otherwise."""
    if not numbers:
        return {}
    ordered = sorted(numbers)
    heads = _run("lock_heads" if lock else "read_heads", ids=ordered)
    lines, vouchers = _run("read_lines", ids=ordered), _run("read_vouchers", ids=ordered)
    carts = {int(head["id"]): _cart(head) for head in sql.rows_as_dicts(heads)}  # type: ignore[call-overload]
    for cart_id, line in _lines(lines):
        carts[cart_id].lines[line.key] = line
    if applied := vouchers.fetchall():
        _attach_vouchers(carts, applied)
    return carts


def read_lines(numbers: Collection[int]) -> list[tuple[int, Line]]:
    """The lines of carts, each with its cart's number."""
    if not numbers:
        return []
    return list(_lines(_run("read_lines", ids=sorted(numbers))))


def _lines(cursor: Any) -> Iterator[tuple[int, Line]]:
    for cart_id, *values in cursor.fetchall():
        line = Line(*values)
        line.added_at = sql.from_db(line.added_at)
        line.is_gift = bool(line.is_gift)
        yield cart_id, line


def voucher_codes(numbers: Collection[int]) -> dict[int, dict[str, int]]:
    """What each voucher takes, in minor units, by cart and code."""
    found: dict[int, dict[str, int]] = {}
    if numbers:
        for cart_id, _voucher, code, _name, amount, *_more in _run("read_vouchers", ids=sorted(numbers)).fetchall():
            found.setdefault(cart_id, {})[code] = amount
    return found


def _cart(head: dict[str, Any]) -> OpenCart:
    shop = shop_rules.of(head.pop("shop_id"))
    method = shop.shipping_by_id(head.pop("shipping_method_id"))
    times = ("created_at", "last_activity_at", "abandon_after", "seen_at", "checkout_started_at", "ordered_at",
             "merged_at", "deleted_at")  # fmt: skip
    for name in times:
        head[name] = sql.from_db(head[name])
    head["bot_reasons"] = sql.json_from_db(head["bot_reasons"])
    return OpenCart(shop=shop, shipping=method, **head)


def _attach_vouchers(carts: dict[int, OpenCart], applied: list[tuple[Any, ...]]) -> None:
    terms = {one.id: one for one in voucher_queries.terms_of({row[1] for row in applied})}
    for cart_id, voucher_id, code, name, amount, refusal, at in applied:
        if voucher_id in terms:
            carts[cart_id].vouchers[voucher_id] = Applied(
                voucher_id,
                code,
                name,
                terms[voucher_id],
                sql.from_db(at),
                amount,
                refusal,
            )


def sources(numbers: Collection[int]) -> set[int]:
    """The carts from which these were restored, by however many steps."""
    if not numbers:
        return set()
    return {row[0] for row in _run("read_sources", ids=sorted(numbers)).fetchall()}


def device_cart(shop_id: int, token_hash: str) -> int | None:
    """The cart that a device points at, live or not."""
    row = _run("read_device_cart", {"shop_id": shop_id, "token_hash": token_hash}).fetchone()
    return row[0] if row else None


def read_answers(batch: Sequence[Change]) -> dict[tuple[int, str, str], tuple[str, str]]:
    """Answers already given to the Idempotency-Keys of a batch: {(shop, device, key): (request hash, answer)}."""
    found = {}
    for change in batch:
        if change.idempotency and change.seen:
            place = (change.shop_id, change.seen.token_hash, change.idempotency.key)
            asked = dict(zip(("shop_id", "scope", "key"), place, strict=True))
            if row := _run("read_answer", asked).fetchone():
                found[place] = (row[0], row[1])
    return found


# -- writing -------------------------------------------------------------------------------------


def ask_numbers(count: int) -> Callable[[], list[int]]:
    """Numbers for carts that are likely to be new, asked now and read when it is called (`sql.together`)."""
    return sql.ask_ids("carts_cart", count) if connection.vendor == "postgresql" and count else list


def write_heads(carts: Iterable[OpenCart], spare: Sequence[int] = ()) -> None:
    """Store heads; a new cart gets its number, one of the spare ones while there are any."""
    carts = list(carts)
    new = [cart for cart in carts if cart.id is None]
    known = [_head(cart) for cart in carts if cart.id is not None]
    more = sql.next_ids("carts_cart", len(new) - len(spare))
    for cart, number in zip(new, [*spare, *more], strict=False):
        cart.id = number
    _write("insert_head", [_head(cart) for cart in new])
    _write("update_head", known)


def _head(cart: OpenCart) -> dict[str, Any]:
    totals = cart.totals
    values: dict[str, Any] = {
        "id": cart.id,
        "shop_id": cart.shop.id,
        "customer_id": cart.customer_id,
        "customer_label": cart.customer_label[:260],
        "version": cart.version,
        "currency": cart.currency,
        "language": cart.language,
        "prices_include_tax": cart.shop.prices_include_tax,
        "line_count": len(cart.lines),
        "item_count": sum(line.quantity for line in cart.lines.values()),
        "shipping_method_id": cart.shipping.id if cart.shipping else None,
        "shipping_name": cart.shipping.name(cart.language) if cart.shipping else "",
        "order_id": cart.order_id,
        "order_number": cart.order_number,
        "merged_into_id": cart.merged_into_id,
        "restored_from_id": cart.restored_from_id,
        "bot_score": cart.bot_score,
        "bot_reasons": cart.bot_reasons,
        "source": cart.source,
        "is_demo": cart.shop.is_demo,
    }
    for name in ("created_at", "last_activity_at", "abandon_after", "seen_at", "checkout_started_at", "ordered_at",
                 "merged_at"):  # fmt: skip
        values[name] = getattr(cart, name)
    for name in ("products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor"):
        values[name] = getattr(totals, name) if totals else None
    return values


def write_lines(carts: Iterable[OpenCart]) -> None:
    removed, changed = [], []
    for cart in carts:
        removed += [{"cart_id": cart.id, "key": key} for key in cart.removed_lines]
        changed += [_line(cart, cart.lines[key]) for key in sorted(cart.changed_lines)]
        cart.removed_lines.clear()
        cart.changed_lines.clear()
    delete_lines(removed)
    _write("upsert_line", changed)


def set_abandon_after(rows: Iterable[tuple[int, datetime, datetime]]) -> None:
    """(cart, from when on, its last activity when that was reckoned): who was active since was reckoned anew."""
    with transaction.atomic():
        _write(
            "set_abandon_after",
            [{"id": number, "abandon_after": moment, "last_activity_at": active} for number, moment, active in rows],
        )


def delete_lines(gone: Sequence[Mapping[str, object]]) -> None:
    """Remove lines named by `cart_id` and `key`."""
    _write("delete_line", gone)


def delete_vouchers(numbers: Iterable[int | None]) -> None:
    _write("delete_vouchers", [{"cart_id": number} for number in numbers])


def _line(cart: OpenCart, line: Line) -> dict[str, Any]:
    values = {name: getattr(line, name) for name in Line.__slots__ if name != "stock"}
    values |= {"cart_id": cart.id, "shop_id": cart.shop.id}
    return values


def write_vouchers(carts: Iterable[OpenCart]) -> None:
    changed = [cart for cart in carts if cart.vouchers_changed]
    delete_vouchers(cart.id for cart in changed)
    _write(
        "insert_voucher",
        [
            {
                "cart_id": cart.id,
                "shop_id": cart.shop.id,
                "voucher_id": applied.voucher_id,
                "code": applied.code,
                "name": applied.name[:120],
                "amount_minor": applied.amount_minor,
                "refusal": applied.refusal,
                "applied_at": applied.applied_at,
            }
            for cart in changed
            for applied in cart.vouchers.values()
        ],
    )
    for cart in changed:
        cart.vouchers_changed = False


def write_devices(devices: Iterable[DeviceRow]) -> None:
    """Point devices at the carts they fill now and at who signed in on them."""
    rows = []
    for device in devices:
        if device.new_cart is not None and device.new_cart.id is not None:
            device.cart_id = device.new_cart.id
        if (device.cart_id, device.customer_id) != device.stored:
            rows.append({"id": device.id, "cart_id": device.cart_id, "customer_id": device.customer_id})
    _write("update_device", rows)


def write_answers(answers: Iterable[tuple[Change, str]]) -> None:
    _write(
        "insert_answer",
        [
            {
                "shop_id": change.shop_id,
                "scope": change.seen.token_hash,
                "key": change.idempotency.key,
                "request_hash": change.idempotency.request_hash,
                "answer": answer,
                "at": change.at,
            }
            for change, answer in answers
            if change.seen and change.idempotency
        ],
    )


def insert_events(events: Iterable[Event]) -> None:
    """Append to the cart log."""
    names = ("shop_id", "cart_id", "cart_version", "kind", "actor", "at", "data")
    rows = [dict(zip(names, event, strict=True)) for event in events]
    _write("insert_event", rows)
    if rows and connection.vendor == "postgresql":
        transaction.on_commit(_wake_readers, robust=True)


def _wake_readers() -> None:
    """After the commit, and in a transaction of its own: a NOTIFY within would let commits wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute(sql.statement(FOLDER, "wake_readers", connection.vendor))
