"""A process of its own that reads the slices of a long import ahead, while this one writes: both want a processor.

It only saves time. Whatever goes wrong there is met again here, where the slice is read in its stead and told in plain
words. Slices come as MessagePack: unlike pickles, they cost a tenth of what reading and writing them does.
"""

import multiprocessing
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from ghostcart.connectors.portions import Slice

AHEAD = 1
"""Slices that wait to be written, beside one on its way and one in the works."""
_new = multiprocessing.get_context("spawn")  # a fork would share our open databases


@dataclass(frozen=True, slots=True)
class Place:
    """What it takes to open a reader elsewhere. `url` with its password; `slice_size`: carts, or customers, at once."""

    url: str
    prefix: str
    shop_id: int
    source: str
    number: int
    time_zone: str
    newsletter_is_consent: bool
    slice_size: int


class Beside:
    """Reads from a cursor on, one slice after the other. The process ends with `close`, with the last slice, with the
    first trouble, and with the process it reads for, however that ends."""

    def __init__(self, place: Place, cursor: dict[str, Any]) -> None:
        self._pipe, theirs = _new.Pipe(duplex=False)
        self._process = _new.Process(target=_read, args=(theirs, place, cursor), daemon=True)
        self._process.start()
        theirs.close()
        self._cursor = cursor
        self._waiting: Queue[Slice | None] = Queue(AHEAD)
        self._thread = Thread(target=self._receive, name="slices", daemon=True)
        self._thread.start()

    def next_slice(self, cursor: dict[str, Any]) -> "Slice | None":
        """The slice at a cursor, when it is there; None if it cannot be had from here."""
        if cursor != self._cursor:
            return None
        found = self._waiting.get()
        self._cursor = found.cursor if found else {}
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        while self._thread.is_alive():  # it may wait to hand over a slice
            with suppress(Empty):
                self._waiting.get(timeout=0.01)
        self._pipe.close()

    def _receive(self) -> None:
        from ghostcart.connectors.portions import Slice

        decoder = msgspec.msgpack.Decoder(Slice)
        try:
            with suppress(OSError, EOFError, msgspec.MsgspecError):
                while True:
                    self._waiting.put(decoder.decode(self._pipe.recv_bytes()))
        finally:
            self._waiting.put(None)  # whatever happened: somebody waits


def _read(pipe: Pipe, place: Place, cursor: dict[str, Any]) -> None:
    """The work of that process."""
    import django

    django.setup()
    from ghostcart.connectors.errors import ShopTrouble
    from ghostcart.connectors.prestashop.importing import next_slice
    from ghostcart.connectors.prestashop.reader import Reader
    from ghostcart.lib import clock

    encoder = msgspec.msgpack.Encoder()
    with suppress(ShopTrouble, OSError, KeyboardInterrupt):
        reader, is_last = Reader.at(place), False
        while not is_last:
            reader.refresh(clock.now())
            found = next_slice(reader, cursor, clock.now())
            pipe.send_bytes(encoder.encode(found))
            cursor, is_last = found.cursor, found.is_last
