"""Following a shop: what changed since the last look, at a cost that does not grow with the shop.

A look asks by key only: the ends of tables, new rows by number, changed carts by (date_upd, number). It reaches back a
little before the last change it knows, because transactions commit late and clocks differ; what this process took
already is left out. Rows dated far in the future, and whatever a look may miss, are found by `reconciling`.

Load on the shop's database: about eight statements a look, each by index, a few rows beyond what is new.
"""

from datetime import datetime, timedelta

from ghostcart.carts import intake as cart_intake
from ghostcart.connectors.portions import Cursor, Look
from ghostcart.connectors.prestashop import people, reconciling
from ghostcart.connectors.prestashop.basics import marks
from ghostcart.connectors.prestashop.moments import AHEAD, earlier
from ghostcart.connectors.prestashop.reader import CARTS_AT_ONCE, Reader, ids_in

OVERLAP = timedelta(seconds=30)
"""How far behind the newest change a look begins."""
SAME_SECOND = timedelta(seconds=3)
"""So long after we first saw a change, another may come under the same date_upd: the cart is taken again."""
VISIT = timedelta(minutes=30)
ACTIVE = timedelta(minutes=15)
"""Carts changed so lately are looked at again now and then: a voucher moves no date_upd."""
LOOKED_THROUGH = 2000
MOST_KEPT = 50_000
EVERY = {"active": 15, "orders": 30, "products": 10, "stock": 60, "walk": 10}
"""Seconds between two looks of these kinds."""


def begin(reader: Reader, now: datetime) -> Cursor:
    """Where following starts: at the ends of all tables, and at the visits that are still going on."""
    ends = _ends(reader, now)
    since = reader.basics.times.local(now - VISIT)
    visit = ends["visit"]
    if reader.basics.settings.has("connections"):
        sql = "SELECT MIN(id_connections) FROM {p}connections WHERE date_add >= %s"
        first = reader.database.value(sql, [since])
        visit = int(first) - 1 if first else visit
    return {**ends, "visit": visit, "changed": ends["changed"] or since, "page": None, "times": {}}


def look(reader: Reader, cursor: Cursor, now: datetime) -> Look:
    """Read what is new. Nothing is written yet."""
    found = Look({**cursor, "times": dict(cursor.get("times", {}))})
    ends = _ends(reader, now)
    _notice_restored(found.cursor, ends)
    numbers = _changed(reader, found, now)
    numbers |= _new_carts(reader, found, ends, now)
    orders = _changed_orders(reader, found, ends, now)
    numbers |= set(orders.values()) - {0}
    if _is_time(found.cursor, "active", now):
        numbers |= _active(reader, now)
    if found.cursor.get("hurry") or _is_time(found.cursor, "walk", now):
        walk = reconciling.walk(reader, found.cursor, now)
        numbers |= walk.numbers
        found.takes.append(walk.take)
        found.behind |= bool(found.cursor.get("hurry"))
    _people(reader, found, ends, now)
    _products(reader, found, now)
    if numbers or orders:
        _read(reader, found, numbers, orders, now)
    _visits(reader, found, ends)
    return found


def _ends(reader: Reader, now: datetime) -> Cursor:
    """The highest number of each table and the newest change of a cart: by index, whatever the size."""
    settings = reader.basics.settings
    tables = {"cart": "cart", "order": "orders", "customer": "customer", "visit": "connections",
              "history": "order_history", "slip": "order_slip"}  # fmt: skip
    keys = {"visit": "id_connections", "history": "id_order_history", "slip": "id_order_slip"}
    parts, names = [], []
    for name, table in tables.items():
        if settings.has(table):
            parts.append(f"(SELECT MAX({keys.get(name, f'id_{name}')}) FROM {{p}}{table})")
            names.append(name)
    parts.append("(SELECT MAX(date_upd) FROM {p}cart WHERE id_shop = %s AND date_upd <= %s)")
    until = reader.basics.times.local(now + AHEAD)
    row = reader.database.tuples(f"SELECT {', '.join(parts)}", [reader.number, until])[0]
    found: Cursor = dict.fromkeys(tables, 0) | {name: int(row[place] or 0) for place, name in enumerate(names)}
    newest = row[-1] or ""
    return {**found, "changed": newest if newest > "1000" else ""}


def _notice_restored(cursor: Cursor, ends: Cursor) -> None:
    """A table that ends before the place we reached was set back: carts were deleted, or a backup was put in.

    Then all our carts are compared with the shop's, without resting.
    """
    is_shorter = any(ends[name] < cursor[name] for name in ("cart", "order"))
    is_older = bool(ends["changed"]) and ends["changed"] < cursor["changed"]
    for name in ("cart", "order", "customer", "visit", "history", "slip"):
        cursor[name] = min(cursor.get(name, ends[name]), ends[name])
    if is_shorter or is_older:
        cursor |= {"walk": None, "hurry": True, "page": None, "changed": min(cursor["changed"], ends["changed"])}


def _is_time(cursor: Cursor, name: str, now: datetime) -> bool:
    times = cursor["times"]
    seconds = int(now.timestamp())
    if seconds < times.get(name, 0) <= seconds + EVERY[name]:
        return False
    times[name] = seconds + EVERY[name]
    return True


# -- carts ---------------------------------------------------------------------------------------


def _changed(reader: Reader, found: Look, now: datetime) -> set[int]:
    """Carts by (date_upd, number), from a little before the newest change that we know."""
    times, cursor = reader.basics.times, found.cursor
    here = times.local(now)
    since = earlier(min(cursor["changed"], here), OVERLAP)
    until = times.local(now + AHEAD)
    if cursor["page"]:
        at, number = cursor["page"]
        condition, start = "date_upd >= %s AND (date_upd > %s OR id_cart > %s)", [at, at, number]
    else:
        condition, start = "date_upd >= %s", [since]
    sql = f"""SELECT id_cart, date_upd FROM {{p}}cart WHERE id_shop = %s AND date_upd <= %s AND {condition}
              ORDER BY date_upd, id_cart LIMIT %s"""
    rows = reader.database.tuples(sql, [reader.number, until, *start, LOOKED_THROUGH])
    numbers: set[int] = set()
    page = None
    for number, at in rows:
        if not reader.knows(number, at, now - SAME_SECOND):
            numbers.add(number)
        cursor["changed"] = max(cursor["changed"], at)
        if len(numbers) >= CARTS_AT_ONCE:
            page = [at, number]
            break
    if page is None and len(rows) == LOOKED_THROUGH:
        page = [rows[-1][1], rows[-1][0]]
    cursor["page"] = page
    found.behind |= page is not None
    if len(reader.recent) > MOST_KEPT:
        oldest = earlier(since, ACTIVE)
        kept = {number: known for number, known in reader.recent.items() if known[0] >= oldest}
        reader.recent.clear()
        reader.recent.update(kept)
    return numbers


def _new_carts(reader: Reader, found: Look, ends: Cursor, now: datetime) -> set[int]:
    """Carts by number: also those whose date says nothing."""
    cursor = found.cursor
    if ends["cart"] <= cursor["cart"]:
        return set()
    sql = "SELECT id_cart, date_upd FROM {p}cart WHERE id_cart > %s AND id_shop = %s ORDER BY id_cart LIMIT %s"
    rows = reader.database.tuples(sql, [cursor["cart"], reader.number, CARTS_AT_ONCE])
    is_full = len(rows) == CARTS_AT_ONCE
    cursor["cart"] = rows[-1][0] if is_full else ends["cart"]
    found.behind |= is_full
    return {number for number, at in rows if not reader.knows(number, at, now - SAME_SECOND)}


def _active(reader: Reader, now: datetime) -> set[int]:
    since = reader.basics.times.local(now - ACTIVE)
    latest = sorted((at, number) for number, (at, _since) in reader.recent.items() if at >= since)
    return {number for _at, number in latest[-CARTS_AT_ONCE:]}


def _read(reader: Reader, found: Look, numbers: set[int], orders: dict[int, int], now: datetime) -> None:
    """Carts with their orders, and orders whose cart is not there."""
    seen: set[int] = set()
    if numbers:
        portion = reader.read_carts(ids_in(numbers), sorted(numbers), now=now)
        found.size = len(portion.carts)
        found.takes.append(lambda: reader.take(portion, now))
        found.afterwards.append(lambda: reader.remember(portion, now))
        seen = {int(one.external_id) for one in portion.orders}
    alone = sorted(set(orders) - seen)
    if alone:
        rest = reader.read_orders(f"o.id_order IN ({marks(alone)})", alone)
        found.size += len(rest.orders)
        found.takes.append(lambda: reader.take(rest, now))


# -- the rest ------------------------------------------------------------------------------------


def _changed_orders(reader: Reader, found: Look, ends: Cursor, now: datetime) -> dict[int, int]:
    """Orders that are new, in a new state or with a new credit slip, each with its cart (0: none)."""
    cursor, ask = found.cursor, reader.database.tuples
    rows: list[tuple[int, int]] = []
    if ends["order"] > cursor["order"]:
        sql = "SELECT id_order, id_cart FROM {p}orders WHERE id_order > %s AND id_shop = %s ORDER BY id_order LIMIT %s"
        new = list(ask(sql, [cursor["order"], reader.number, CARTS_AT_ONCE]))
        is_full = len(new) == CARTS_AT_ONCE
        cursor["order"] = new[-1][0] if is_full else ends["order"]
        found.behind |= is_full
        rows += new
    for name in ("history", "slip"):
        if ends[name] <= cursor[name]:
            continue
        sql = f"""SELECT h.id_order_{name}, o.id_order, o.id_cart FROM {{p}}order_{name} h
                  JOIN {{p}}orders o ON o.id_order = h.id_order
                  WHERE h.id_order_{name} > %s AND o.id_shop = %s ORDER BY h.id_order_{name} LIMIT %s"""
        steps = ask(sql, [cursor[name], reader.number, CARTS_AT_ONCE])
        is_full = len(steps) == CARTS_AT_ONCE
        cursor[name] = steps[-1][0] if is_full else ends[name]
        found.behind |= is_full
        rows += [(order, cart) for _step, order, cart in steps]
    if _is_time(cursor, "orders", now):
        rows += _latest_orders(reader)
    return dict(rows)


def _latest_orders(reader: Reader) -> list[tuple[int, int]]:
    """The latest orders that were changed without a new state, or where the shop keeps no history."""
    sql = "SELECT id_order, id_cart, date_upd FROM {p}orders WHERE id_shop = %s ORDER BY id_order DESC LIMIT %s"
    latest = {number: (cart, at) for number, cart, at in reader.database.tuples(sql, [reader.number, 300])}
    changed = [(number, cart) for number, (cart, at) in latest.items() if reader.recent_orders.get(number) != at]
    reader.recent_orders = {number: at for number, (_cart, at) in latest.items()}
    return changed


def _people(reader: Reader, found: Look, ends: Cursor, now: datetime) -> None:
    """New customers; those who changed are read with their carts."""
    cursor = found.cursor
    if ends["customer"] <= cursor["customer"]:
        return
    numbers = people.numbers_after(reader.database, reader.basics, cursor["customer"], CARTS_AT_ONCE)
    is_full = len(numbers) == CARTS_AT_ONCE
    cursor["customer"] = numbers[-1] if is_full else ends["customer"]
    found.behind |= is_full
    told = reader.read_people(numbers)
    found.takes.insert(0, lambda: reader.take(told, now))


def _products(reader: Reader, found: Look, now: datetime) -> None:
    """Products that changed, and in turn a few of all: stock moves no date."""
    cursor, settings = found.cursor, reader.basics.settings
    numbers: set[int] = set()
    here = reader.basics.times.local(now)
    if _is_time(cursor, "products", now):
        since = earlier(min(cursor.get("product") or here, here), OVERLAP)
        by_index = "state = 1 AND" if settings.has("product", "state") else ""
        sql = f"SELECT id_product FROM {{p}}product WHERE {by_index} date_upd >= %s ORDER BY date_upd LIMIT 500"
        numbers |= {row[0] for row in reader.database.tuples(sql, [since])}
        cursor["product"] = here
    if _is_time(cursor, "stock", now):
        sql = """SELECT id_product FROM {p}product_shop WHERE id_product > %s AND id_shop = %s
                 ORDER BY id_product LIMIT 200"""
        rows = reader.database.tuples(sql, [cursor.get("stock", 0), reader.number])
        cursor["stock"] = rows[-1][0] if rows else 0
        numbers |= {row[0] for row in rows}
    if numbers:
        told = reader.read_products(sorted(numbers), now)
        found.takes.insert(0, lambda: reader.take(told, now))


def _visits(reader: Reader, found: Look, ends: Cursor) -> None:
    """Who came: the newest cart of each guest was seen then."""
    cursor, ask = found.cursor, reader.database.tuples
    if ends["visit"] <= cursor["visit"]:
        return
    sql = """SELECT id_connections, id_guest, date_add FROM {p}connections
             WHERE id_connections > %s AND id_shop = %s ORDER BY id_connections LIMIT %s"""
    rows = ask(sql, [cursor["visit"], reader.number, LOOKED_THROUGH])
    is_full = len(rows) == LOOKED_THROUGH
    cursor["visit"] = rows[-1][0] if is_full else ends["visit"]
    found.behind |= is_full
    visits = {guest: moment for _n, guest, at in rows if guest and (moment := reader.basics.times.utc(at))}
    if not visits:
        return
    sql = f"SELECT id_guest, MAX(id_cart) FROM {{p}}cart WHERE id_guest IN ({marks(visits)}) GROUP BY id_guest"
    seen = {str(cart): visits[guest] for guest, cart in ask(sql, tuple(visits))}
    if seen:
        found.takes.append(lambda: cart_intake.see(reader.shop_id, reader.source, seen))
