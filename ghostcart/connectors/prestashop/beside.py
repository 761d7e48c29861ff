"""A process of its own that reads the next slice of an import while this one writes the last: both want a processor.

It only saves time. Whatever goes wrong there is met again here, where it is read in its stead and told in plain words.
"""

import multiprocessing
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection as Pipe
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghostcart.connectors.prestashop.importing import Slice

_new = multiprocessing.get_context("spawn")  # a fork would share our open databases


@dataclass(frozen=True, slots=True)
class Place:
    """What it takes to open a reader elsewhere; `url` with its password."""

    url: str
    prefix: str
    shop_id: int
    source: str
    number: int
    time_zone: str
    newsletter_is_consent: bool


class Beside:
    """The reading process. It ends with `close`, or when this process ends, however that happens."""

    def __init__(self, place: Place) -> None:
        self._pipe, theirs = _new.Pipe()
        self._process = _new.Process(target=_read, args=(theirs, place), daemon=True)
        self._process.start()
        theirs.close()
        self._asked: dict[str, Any] | None = None

    def ask(self, cursor: dict[str, Any], now: datetime) -> None:
        """Begin to read the slice at a cursor."""
        with suppress(OSError):
            self._pipe.send((cursor, now))
            self._asked = cursor

    def answer(self, cursor: dict[str, Any]) -> "Slice | None":
        """The slice that was asked for; None if it was another, or could not be read."""
        asked, self._asked = self._asked, None
        if asked is None:
            return None
        with suppress(OSError, EOFError):
            found: Slice | None = self._pipe.recv()
            return found if asked == cursor else None
        return None

    def close(self) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.join()


def _read(pipe: Pipe, place: Place) -> None:
    """The work of that process: answer each cursor with its slice, until nobody asks."""
    import django

    django.setup()
    from ghostcart.connectors.errors import ShopTrouble
    from ghostcart.connectors.prestashop import importing
    from ghostcart.connectors.prestashop.reader import Reader

    reader = None
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            cursor, now = pipe.recv()
            found = None
            try:
                reader = reader or Reader.at(place)
                reader.refresh(now)
                found = importing.next_slice(reader, cursor, now)
            except ShopTrouble:
                reader = None
            pipe.send(found)
