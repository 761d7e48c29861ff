"""Exports: the whole of a filtered list as a file, written by the worker and fetched through the API.

`write_next` takes up the oldest export that nobody is writing:
1. claims it with a conditional update; a claim not renewed for two minutes counts as a crash, and is taken over;
2. writes rows in batches into `<token>.<format>.part`, renewing its claim and the progress with each batch; whoever
   lost the claim stops there;
3. renames the file and marks the export as finished.
Names and texts come from shoppers, so cells that a spreadsheet would take for a formula are made harmless.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import structlog
import xlsxwriter
from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from ghostcart.backoffice import reported
from ghostcart.backoffice.models import Export, User
from ghostcart.carts import filters, listing, queries
from ghostcart.carts.models import Cart, Status
from ghostcart.lib import clock, paging
from ghostcart.lib.cells import harmless
from ghostcart.lib.money import minor_digits
from ghostcart.recovery.models import LedgerLine
from ghostcart.shops.models import Shop

BATCH = 1_000
STALE = timedelta(minutes=2)
KEPT = timedelta(days=7)
"""After that, files and their rows go."""
MOST_XLSX_ROWS = 1_048_575  # what a sheet holds below its header

Cell = str | int | Decimal | datetime | None
"""A datetime is naive, in the time zone of the list."""

log = structlog.get_logger()


class LostClaim(Exception):
    """Another worker took the export over."""


# -- asking for one ----------------------------------------------------------------------------------


def ask(
    user: User, *, page: str, query: str, shop_ids: Sequence[int], format: str, language: str, now: datetime
) -> Export:
    """Put an export in the queue. `query` is the query string of the list; `shop_ids` are the shops in its scope."""
    return Export.objects.create(
        user=user,
        page=page,
        query=query,
        shop_ids=list(shop_ids),
        format=Export.Format(format),
        language=language,
        asked_at=now,
    )


def path_of(export: Export) -> Path:
    """Where the finished file lies."""
    return settings.EXPORTS_ROOT / f"{export.token}.{export.format}"


# -- writing -----------------------------------------------------------------------------------------


def write_next(now: datetime) -> bool:
    """Write one waiting export; False if there is none."""
    export = _claim(now)
    if export is None:
        return False
    try:
        with translation.override(export.language):
            _write(export)
    except LostClaim:
        log.warning("export taken over", export=export.pk)
    except Exception:
        log.exception("export failed", export=export.pk)
        message = "failed"
        Export.objects.filter(pk=export.pk, claimed_at=export.claimed_at).update(finished_at=clock.now(), error=message)
        _part_of(export).unlink(missing_ok=True)
    return True


def _claim(now: datetime) -> Export | None:
    free = Q(finished_at=None) & (Q(claimed_at=None) | Q(claimed_at__lt=now - STALE))
    for export in Export.objects.filter(free).order_by("asked_at", "pk")[:5]:
        if Export.objects.filter(free, pk=export.pk).update(claimed_at=now, rows_done=0):
            export.claimed_at = now
            return export
    return None


def _renew(export: Export, **progress: Any) -> None:
    """Note the progress and hold the claim. Raises LostClaim if somebody else has it."""
    before, now = export.claimed_at, clock.now()
    if not Export.objects.filter(pk=export.pk, claimed_at=before, finished_at=None).update(claimed_at=now, **progress):
        raise LostClaim
    export.claimed_at = now


def _write(export: Export) -> None:
    sheet = SHEETS[export.page](export)
    _renew(export, rows_total=sheet.count())
    part = _part_of(export)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)  # what a crashed worker left, or still writes into
    done = 0
    with part.open("xb") as file:
        writer = WRITERS[Export.Format(export.format)](part, file, sheet.header())
        for batch in sheet.batches():
            writer.add(batch)
            done += len(batch)
            _renew(export, rows_done=done)
        writer.close()
    _renew(export, rows_done=done)
    part.replace(path_of(export))
    Export.objects.filter(pk=export.pk, claimed_at=export.claimed_at).update(finished_at=clock.now(), rows_total=done)


def _part_of(export: Export) -> Path:
    return path_of(export).with_name(f"{export.token}.{export.format}.part")


def remove_old(now: datetime) -> int:
    """Remove exports asked for more than a week ago, with their files; returns how many."""
    old = list(Export.objects.filter(asked_at__lt=now - KEPT)[:BATCH])
    for export in old:
        path_of(export).unlink(missing_ok=True)
        _part_of(export).unlink(missing_ok=True)
    Export.objects.filter(pk__in=[export.pk for export in old]).delete()
    return len(old)


# -- files -------------------------------------------------------------------------------------------


class Writer(Protocol):
    def add(self, rows: Iterable[Sequence[Cell]]) -> None: ...
    def close(self) -> None: ...


class CsvWriter:
    """UTF-8 with a byte order mark, so that Excel reads accents; numbers with a point, times as ISO 8601."""

    def __init__(self, path: Path, file: Any, header: Sequence[str]) -> None:
        self.file = file
        self.writer = csv.writer(self)
        self.file.write(b"\xef\xbb\xbf")
        self.add([header])

    def write(self, text: str) -> None:
        self.file.write(text.encode("utf-8", "replace"))

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        self.writer.writerows([self._text(cell) for cell in row] for row in rows)

    def close(self) -> None:
        self.file.flush()

    def _text(self, cell: Cell) -> str:
        if isinstance(cell, str):
            return harmless(cell)
        if isinstance(cell, datetime):
            return cell.strftime("%Y-%m-%d %H:%M:%S")
        return "" if cell is None else str(cell)


class XlsxWriter:
    """Written row by row: the sheet never stands in memory as a whole. Texts stay texts, whatever they begin with."""

    def __init__(self, path: Path, file: Any, header: Sequence[str]) -> None:
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": str(path.parent),
        }
        self.book = xlsxwriter.Workbook(file, options)
        self.sheet = self.book.add_worksheet()
        self.moment = self.book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self.amounts = {
            digits: self.book.add_format({"num_format": f"#,##0.{'0' * digits}".rstrip(".")}) for digits in range(5)
        }
        bold = self.book.add_format({"bold": True})
        for column, name in enumerate(header):
            self.sheet.write_string(0, column, name, bold)
        self.sheet.freeze_panes(1, 0)
        self.sheet.set_column(0, len(header), 18)
        self.rows = 0

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        for row in rows:
            if self.rows == MOST_XLSX_ROWS:
                return
            self.rows += 1
            for column, cell in enumerate(row):
                self._write(self.rows, column, cell)

    def _write(self, row: int, column: int, cell: Cell) -> None:
        if isinstance(cell, datetime):
            self.sheet.write_datetime(row, column, cell, self.moment)
        elif isinstance(cell, Decimal):
            digits = max(0, -int(cell.as_tuple().exponent))
            self.sheet.write_number(row, column, cell, self.amounts[min(digits, 4)])
        elif isinstance(cell, int):
            self.sheet.write_number(row, column, cell)
        elif cell:
            self.sheet.write_string(row, column, cell)

    def close(self) -> None:
        self.book.close()


WRITERS: dict[Export.Format, Callable[[Path, Any, Sequence[str]], Writer]] = {
    Export.Format.CSV: CsvWriter,
    Export.Format.XLSX: XlsxWriter,
}


# -- lists -------------------------------------------------------------------------------------------


class Sheet(Protocol):
    """A list that can be exported."""

    def count(self) -> int: ...
    def header(self) -> list[str]: ...
    def batches(self) -> Iterator[list[list[Cell]]]: ...


@dataclass(frozen=True, slots=True)
class CartSheet:
    """The shopping carts as they were filtered, newest first, with the status of the moment it was asked."""

    export: Export

    def _shops(self) -> list[Shop]:
        return list(Shop.objects.filter(pk__in=self.export.shop_ids))

    def _zone(self) -> ZoneInfo:
        shops = self._shops()
        return shops[0].zone if shops else ZoneInfo("UTC")

    def _wanted(self) -> filters.CartFilter:
        values = dict(parse_qsl(self.export.query))
        sources = queries.sources(self.export.shop_ids)
        return filters.from_query(values, self._shops(), self._zone(), sources=sources)[0]

    def count(self) -> int:
        return listing.matching(self._wanted(), self.export.asked_at).count()

    def header(self) -> list[str]:
        return [
            _("ID"), _("Shop"), _("Order"), _("Status"), _("Customer"), _("E-mail"), _("Products"), _("Total"),
            _("Currency"), _("Shipping"), _("Created"), _("Last activity"), _("Online"), _("Suspected bot"),
        ]  # fmt: skip

    def batches(self) -> Iterator[list[list[Cell]]]:
        zone = self._zone()
        carts = listing.matching(self._wanted(), self.export.asked_at).select_related("shop", "customer")
        for batch in paging.batches(carts, BATCH):
            yield [self._row(cart, zone) for cart in batch]

    def _row(self, cart: Cart, zone: ZoneInfo) -> list[Cell]:
        return [
            cart.pk,
            cart.shop.name,
            cart.order_number,
            str(Status(cart.status(self.export.asked_at)).label),
            cart.customer_label,
            cart.customer.email if cart.customer else "",
            cart.item_count,
            Decimal(cart.total_minor).scaleb(-minor_digits(cart.currency)),
            cart.currency,
            cart.shipping_name,
            cart.created_at.astimezone(zone).replace(tzinfo=None),
            cart.last_activity_at.astimezone(zone).replace(tzinfo=None),
            _("yes") if queries.is_online(cart, self.export.asked_at) else _("no"),
            _("yes") if cart.is_suspected_bot else _("no"),
        ]


@dataclass(frozen=True, slots=True)
class ReportSheet:
    """What is attributed to the mails of a shop, by step, by language and by day."""

    export: Export

    def count(self) -> int:
        return sum(len(batch) for batch in self.batches())

    def header(self) -> list[str]:
        return reported.header()

    def batches(self) -> Iterator[list[list[Cell]]]:
        found = _asked(self.export)
        if found is not None:
            yield [list(row) for row in reported.table(found)]


@dataclass(frozen=True, slots=True)
class LedgerSheet:
    """The lines of the ledger that the figures of a shop count."""

    export: Export

    def _lines(self) -> QuerySet[LedgerLine]:
        found = _asked(self.export)
        return found.lines() if found is not None else LedgerLine.objects.none()

    def count(self) -> int:
        return self._lines().count()

    def header(self) -> list[str]:
        return [
            _("Date"), _("Shop"), _("Order"), _("Cart"), _("Campaign"), _("Step"), _("Evidence"), _("Taken back"),
            _("Amount"), _("Margin"), _("Voucher"), _("Currency"),
        ]  # fmt: skip

    def batches(self) -> Iterator[list[list[Cell]]]:
        lines = self._lines().select_related("shop", "order", "campaign", "enrolment", "reminder__step")
        for batch in paging.batches(lines, BATCH):
            yield [self._row(line) for line in batch]

    def _row(self, line: LedgerLine) -> list[Cell]:
        amounts = (line.amount_minor, line.margin_minor, line.voucher_minor)
        return [
            line.at.astimezone(line.shop.zone).replace(tzinfo=None),
            line.shop.name,
            line.order.number,
            line.enrolment.cart_id,
            line.campaign.name,
            line.reminder.step.position if line.reminder else None,
            str(line.get_grade_display()),
            line.cause,
            *(None if amount is None else Decimal(amount).scaleb(-minor_digits(line.currency)) for amount in amounts),
            line.currency,
        ]


def _asked(export: Export) -> reported.Asked | None:
    """What of the report an export is about."""
    shops = Shop.objects.filter(pk__in=export.shop_ids)
    return reported.asked(dict(parse_qsl(export.query)), shops, export.asked_at)


SHEETS: dict[str, Callable[[Export], Sheet]] = {"carts": CartSheet, "report": ReportSheet, "ledger": LedgerSheet}
"""What can be exported, by the name of the list."""
