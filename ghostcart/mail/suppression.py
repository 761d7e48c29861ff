"""Addresses that must not be written to: putting them on the list, taking them off, and the list as a file.

What is put here in one transaction is seen by every claim after it: the address's waiting messages are locked first,
and a claim holds that lock until it commits. Mail for one's own account (a lost password) is sent all the same.
"""

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from django.db import transaction

from ghostcart.customers import keys
from ghostcart.customers.errors import BadAddress
from ghostcart.lib.cells import harmless, is_formula
from ghostcart.mail.errors import BadFile, ErasedStays, FileTooLong
from ghostcart.mail.models import Message, State, Suppression

ALL = "all"
REASONS = ("unsubscribed", "bounced", "complained", "staff", "imported", "erased")
COLUMNS = ("address", "scope", "reason", "source", "at")
MOST_LINES = 100_000
BATCH = 500
_WAITING = (State.DUE, State.FAILED_TEMP, State.CLAIMED)


def suppressed(shop_id: int, hashes: Collection[str], scope: str = ALL) -> set[str]:
    """Which of these addresses must not get mail of that scope: those on the list for it, or for all."""
    listed = Suppression.objects.filter(shop_id=shop_id, address_hash__in=hashes, scope__in={ALL, scope})
    return set(listed.values_list("address_hash", flat=True))


@transaction.atomic
def suppress(shop_id: int, address: str, *, reason: str, source: str, now: datetime, scope: str = ALL) -> bool:
    """Put an address on the list; False if it was there. Raises BadAddress.

    Messages that wait for it are cancelled, where the scope is all; those of one kind of campaign are for `decide`.
    """
    digest = keys.address_hash(address)
    _hold_back(shop_id, [digest], reason if scope == ALL else None)
    _row, is_new = Suppression.objects.get_or_create(
        shop_id=shop_id,
        address_hash=digest,
        scope=scope,
        defaults={"address": address.strip(), "reason": reason, "source": source[:60], "at": now},
    )
    return is_new


def lift(shop_id: int, address: str, *, scope: str | None = None) -> int:
    """Take an address off the list, for one scope or (None) for all of them; how many entries went."""
    entries = Suppression.objects.filter(shop_id=shop_id, address_hash=keys.address_hash(address))
    if scope is not None:
        entries = entries.filter(scope=scope)
    return entries.delete()[0]


def lift_entry(entry: Suppression) -> None:
    """Take one entry off the list. Raises ErasedStays for who asked to be forgotten."""
    if not entry.address:
        raise ErasedStays
    lift(entry.shop_id, entry.address, scope=entry.scope)


def _hold_back(shop_id: int, digests: Sequence[str], reason: str | None) -> None:
    """Lock what waits for these addresses; with a reason, cancel it, also when it was claimed but not handed over."""
    waiting = Message.objects.filter(shop_id=shop_id, address_hash__in=digests, state__in=_WAITING)
    ids = list(waiting.exclude(kind="account").select_for_update().order_by("pk").values_list("pk", flat=True))
    if reason is not None and ids:
        Message.objects.filter(pk__in=ids, state__in=_WAITING).update(state=State.CANCELLED, reason=reason)


# -- the list as a file ------------------------------------------------------------------------------


@dataclass(slots=True)
class Imported:
    """What came of a list: how many addresses are new, were known, and which lines could not be used, and why.

    Reasons: bad_email, bad_scope. Lines count from 1, the header included; at most `MOST_FAULTS` are told.
    """

    added: int = 0
    known: int = 0
    faulty: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)

    MOST_FAULTS = 200

    def fault(self, line: int, reason: str) -> None:
        self.faulty += 1
        if len(self.faults) < self.MOST_FAULTS:
            self.faults.append((line, reason))


def import_csv(shop_id: int, file: BinaryIO, actor: str, now: datetime) -> Imported:
    """Put the addresses of a CSV file on the list: one a line, or a column named address or email; scope if given.

    Good lines are taken even if others are faulty; the same file again changes nothing. Raises BadFile, FileTooLong.
    """
    report = Imported()
    wanted: dict[tuple[str, str], Suppression] = {}
    for line, address, scope in _read(file):
        try:
            digest = keys.address_hash(address)
        except BadAddress:
            report.fault(line, "bad_email")
            continue
        if not scope.isidentifier() or len(scope) > 20:
            report.fault(line, "bad_scope")
            continue
        if (digest, scope) in wanted:
            report.known += 1
            continue
        wanted[digest, scope] = Suppression(
            shop_id=shop_id, address_hash=digest, address=address, scope=scope, reason="imported", source=actor, at=now
        )
    entries = list(wanted.values())
    for start in range(0, len(entries), BATCH):
        _add(shop_id, entries[start : start + BATCH], report)
    return report


@transaction.atomic
def _add(shop_id: int, entries: list[Suppression], report: Imported) -> None:
    _hold_back(shop_id, [entry.address_hash for entry in entries if entry.scope == ALL], "imported")
    _hold_back(shop_id, [entry.address_hash for entry in entries if entry.scope != ALL], None)
    there = Suppression.objects.filter(shop_id=shop_id, address_hash__in={entry.address_hash for entry in entries})
    known = set(there.values_list("address_hash", "scope"))
    new = [entry for entry in entries if (entry.address_hash, entry.scope) not in known]
    Suppression.objects.bulk_create(new, ignore_conflicts=True)
    report.added += len(new)
    report.known += len(entries) - len(new)


def _read(file: BinaryIO) -> Iterator[tuple[int, str, str]]:
    """Line, address and scope of each line that holds something."""
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile from error
    head = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    address_at, scope_at, is_first = 0, -1, True
    try:
        for row in rows:
            if rows.line_num > MOST_LINES:
                raise FileTooLong(most=MOST_LINES)
            cells = [_bare(cell) for cell in row]
            if is_first:
                is_first, names = False, [cell.lower() for cell in cells]
                found = [names.index(name) for name in ("address", "email", "e-mail") if name in names]
                if found:
                    address_at, scope_at = found[0], names.index("scope") if "scope" in names else -1
                    continue
            if any(cells):
                yield rows.line_num, _cell(cells, address_at), _cell(cells, scope_at) or ALL
    except csv.Error as error:
        raise BadFile from error


def _cell(cells: list[str], at: int) -> str:
    return cells[at] if 0 <= at < len(cells) else ""


def _bare(cell: str) -> str:
    """Without the apostrophe that an export puts before what a spreadsheet would take for a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and is_formula(cell[1:]) else cell


def export_rows(shop_id: int) -> Iterator[tuple[str, ...]]:
    """The list, header first, oldest first, in cells that no spreadsheet takes for a formula; `import_csv` reads it.

    Without those whose address was erased: only its hash is left, and that is of no use elsewhere.
    """
    yield COLUMNS
    entries = Suppression.objects.filter(shop_id=shop_id).exclude(address="").order_by("id")
    for entry in entries.iterator(chunk_size=2_000):
        cells = (entry.address, entry.scope, entry.reason, entry.source, entry.at.isoformat(timespec="seconds"))
        yield tuple(harmless(cell) for cell in cells)
