"""Reading and writing carts for the hot path: the statements of `sql/`, one purpose a function.

The same statements run on SQLite and PostgreSQL. Locks are taken in one order (devices, then carts, each sorted), so
that batches cannot wait for each other in a circle.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from ghostcart.carts.changes import Change, SignIn
from ghostcart.carts.opencart import SUSPICION, Applied, Line, OpenCart
from ghostcart.lib import sql
from ghostcart.shops import rules as shop_rules
from ghostcart.vouchers import queries as voucher_queries

FOLDER = Path(__file__).parent / "sql"
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


def _run(cursor: Any, name: str, parameters: Any = None, **lists: Collection[object]) -> None:
    """Execute a statement; `{name}` in it becomes a list of placeholders for the values of `lists`."""
    text = sql.statement(FOLDER, name, connection.vendor)
    values = dict(parameters or {})
    for list_name, items in lists.items():
        marks = []
        for place, item in enumerate(items):
            values[f"{list_name}{place}"] = item
            marks.append(f"%({list_name}{place})s")
        text = text.replace("{" + list_name + "}", ", ".join(marks))
    cursor.execute(text, values)


def _run_many(name: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(sql.statement(FOLDER, name, connection.vendor), rows)


# -- reading -------------------------------------------------------------------------------------


def upsert_devices(batch: Sequence[Change]) -> dict[tuple[int, str], DeviceRow]:
    """Note that the devices of a batch were seen; makes and locks their rows, in one order."""
    latest = {(change.shop_id, change.seen.token_hash): change for change in batch if change.seen}
    devices = {}
    with connection.cursor() as cursor:
        for place in sorted(latest):
            change = latest[place]
            assert change.seen is not None
            reasons = list(change.seen.bot_reasons)
            _run(
                cursor,
                "upsert_device",
                {
                    "shop_id": change.shop_id,
                    "token_hash": change.seen.token_hash,
                    "language": change.seen.language,
                    "page": change.seen.page[:200],
                    "user_agent": change.seen.user_agent[:300],
                    "at": sql.to_db(change.at),
                    "bot_score": bot_score(reasons),
                    "bot_reasons": sql.json_to_db(reasons),
                },
            )
            number, cart_id, customer_id = cursor.fetchone()
            devices[place] = DeviceRow(number, cart_id, customer_id, "", reasons, (cart_id, customer_id))
        _name_customers(cursor, devices.values())
    return devices


def _name_customers(cursor: Any, devices: Iterable[DeviceRow]) -> None:
    known = {device.customer_id for device in devices if device.customer_id is not None}
    if not known:
        return
    _run(cursor, "read_customer_labels", ids=sorted(known))
    labels = {number: f"{first} {last}".strip() or email for number, first, last, email in cursor.fetchall()}
    for device in devices:
        device.customer_label = labels.get(device.customer_id or 0, "")


def saved_carts(batch: Sequence[Change]) -> dict[tuple[int, int], int]:
    """For those who sign in: the live cart they filled last while signed in on any device.

    Locks the customer first: of two devices that sign in at once, the second finds the first one's cart.
    """
    found = {}
    with connection.cursor() as cursor:
        for place in sorted({(one.shop_id, one.customer_id) for one in batch if isinstance(one, SignIn)}):
            parameters = dict(zip(("shop_id", "customer_id"), place, strict=True))
            _run(cursor, "lock_customer", parameters)
            cursor.fetchone()
            _run(cursor, "read_saved_cart", parameters)
            if row := cursor.fetchone():
                found[place] = row[0]
    return found


def read_carts(numbers: Collection[int], lock: bool = True) -> dict[int, OpenCart]:
    """Carts with their lines and vouchers, locked until the commit unless told otherwise."""
    if not numbers:
        return {}
    ordered = sorted(numbers)
    with connection.cursor() as cursor:
        _run(cursor, "lock_heads" if lock else "read_heads", ids=ordered)
        heads = sql.rows_as_dicts(cursor)
        carts = {int(head["id"]): _cart(head) for head in heads}  # type: ignore[call-overload]
    for cart_id, line in read_lines(ordered):
        carts[cart_id].lines[line.key] = line
    with connection.cursor() as cursor:
        _run(cursor, "read_vouchers", ids=ordered)
        applied = cursor.fetchall()
    if applied:
        _attach_vouchers(carts, applied)
    return carts


def read_lines(numbers: Collection[int]) -> list[tuple[int, Line]]:
    """The lines of carts, each with its cart's number."""
    if not numbers:
        return []
    with connection.cursor() as cursor:
        _run(cursor, "read_lines", ids=sorted(numbers))
        rows = cursor.fetchall()
    found = []
    for cart_id, *values in rows:
        line = Line(*values)
        line.added_at = sql.from_db(line.added_at)
        line.is_gift = bool(line.is_gift)
        found.append((cart_id, line))
    return found


def voucher_codes(numbers: Collection[int]) -> dict[int, dict[str, int]]:
    """What each voucher takes, in minor units, by cart and code."""
    if not numbers:
        return {}
    found: dict[int, dict[str, int]] = {}
    with connection.cursor() as cursor:
        _run(cursor, "read_vouchers", ids=sorted(numbers))
        for cart_id, _voucher, code, _name, amount, *_more in cursor.fetchall():
            found.setdefault(cart_id, {})[code] = amount
    return found


def bot_score(reasons: Iterable[str]) -> int:
    """0 to 100: how much suspicion the reasons add up to."""
    return max(0, min(100, sum(SUSPICION.get(reason, 0) for reason in reasons)))


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
    with connection.cursor() as cursor:
        _run(cursor, "read_sources", ids=sorted(numbers))
        return {row[0] for row in cursor.fetchall()}


def device_cart(shop_id: int, token_hash: str) -> int | None:
    """The cart that a device points at, live or not."""
    with connection.cursor() as cursor:
        _run(cursor, "read_device_cart", {"shop_id": shop_id, "token_hash": token_hash})
        row = cursor.fetchone()
    return row[0] if row else None


def read_answers(batch: Sequence[Change]) -> dict[tuple[int, str, str], tuple[str, str]]:
    """Answers already given to the Idempotency-Keys of a batch: {(shop, device, key): (request hash, answer)}."""
    found = {}
    with connection.cursor() as cursor:
        for change in batch:
            if change.idempotency and change.seen:
                place = (change.shop_id, change.seen.token_hash, change.idempotency.key)
                _run(cursor, "read_answer", dict(zip(("shop_id", "scope", "key"), place, strict=True)))
                if row := cursor.fetchone():
                    found[place] = (row[0], row[1])
    return found


# -- writing -------------------------------------------------------------------------------------


def write_heads(carts: Iterable[OpenCart]) -> None:
    """Store heads; a new cart gets its number."""
    known = []
    with connection.cursor() as cursor:
        for cart in carts:
            if cart.id is None:
                _run(cursor, "insert_head", _head(cart))
                cart.id = cursor.fetchone()[0]
            else:
                known.append(_head(cart))
    _run_many("update_head", known)


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
        "bot_reasons": sql.json_to_db(cart.bot_reasons),
        "source": cart.source,
        "is_demo": cart.shop.is_demo,
    }
    for name in ("created_at", "last_activity_at", "abandon_after", "seen_at", "checkout_started_at", "ordered_at",
                 "merged_at"):  # fmt: skip
        values[name] = sql.to_db(getattr(cart, name))
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
    _run_many("delete_line", removed)
    _run_many("upsert_line", changed)


def set_abandon_after(rows: Iterable[tuple[int, datetime, datetime]]) -> None:
    """(cart, from when on, its last activity when that was reckoned): who was active since was reckoned anew."""
    with transaction.atomic():
        _run_many(
            "set_abandon_after",
            [
                {"cart_id": number, "abandon_after": sql.to_db(moment), "last_activity_at": sql.to_db(active)}
                for number, moment, active in rows
            ],
        )


def delete_lines(gone: Sequence[dict[str, object]]) -> None:
    """Remove lines named by `cart_id` and `key`."""
    _run_many("delete_line", gone)


def delete_vouchers(numbers: Iterable[int]) -> None:
    _run_many("delete_vouchers", [{"cart_id": number} for number in numbers])


def _line(cart: OpenCart, line: Line) -> dict[str, Any]:
    values = {name: getattr(line, name) for name in Line.__slots__ if name != "stock"}
    values |= {"cart_id": cart.id, "shop_id": cart.shop.id, "added_at": sql.to_db(line.added_at)}
    return values


def write_vouchers(carts: Iterable[OpenCart]) -> None:
    changed = [cart for cart in carts if cart.vouchers_changed]
    _run_many("delete_vouchers", [{"cart_id": cart.id} for cart in changed])
    _run_many(
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
                "applied_at": sql.to_db(applied.applied_at),
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
    _run_many("update_device", rows)


def write_answers(answers: Iterable[tuple[Change, str]]) -> None:
    _run_many(
        "insert_answer",
        [
            {
                "shop_id": change.shop_id,
                "scope": change.seen.token_hash,
                "key": change.idempotency.key,
                "request_hash": change.idempotency.request_hash,
                "answer": answer,
                "at": sql.to_db(change.at),
            }
            for change, answer in answers
            if change.seen and change.idempotency
        ],
    )


def insert_events(events: Iterable[tuple[int, int, int, str, str, datetime, dict[str, object]]]) -> None:
    """Append to the cart log: (shop, cart, version, kind, actor, at, data)."""
    names = ("shop_id", "cart_id", "cart_version", "kind", "actor")
    rows = [
        {**dict(zip(names, event, strict=False)), "at": sql.to_db(event[5]), "data": sql.json_to_db(event[6])}
        for event in events
    ]
    _run_many("insert_event", rows)
    if rows and connection.vendor == "postgresql":
        transaction.on_commit(_wake_readers, robust=True)


def _wake_readers() -> None:
    """After the commit, and in a transaction of its own: a NOTIFY within would let commits wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute(sql.statement(FOLDER, "wake_readers", connection.vendor))
