"""What the house asks of a connector, and which one reads the shops of each kind. `reading` knows nothing more of them.

A connector turns what another shop knows into snapshots. It writes nothing by itself, and tells every trouble as a
`ShopTrouble`; what else goes wrong in it stops this shop, and no other. Vouchers have a seam of their own, `Desk`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, Self

from ghostcart.connectors.models import Connection, Kind
from ghostcart.connectors.portions import Cursor, Look, Portion, Seen, Slice
from ghostcart.connectors.prestashop.ways import ByDatabase, ByWebservice


class ShopReader(Protocol):
    """An attached shop, open to be read by one process at a time. Reads at the `now` that it is given.

    `lease`: how long one slice or look may take at most, and so how soon another worker takes over from one that fell
    silent. `every`: the rest between two looks.
    """

    lease: ClassVar[timedelta]
    every: ClassVar[timedelta]
    writes_two: bool
    """Whether two slices of an import may be written at once; `reading` switches it off where they collide."""

    @classmethod
    def meet(cls, address: str, options: Mapping[str, Any]) -> Seen:
        """Look at a shop that shall be attached; what staff typed and chose. Raises ShopTrouble."""
        ...

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Open one that is attached. Raises ShopTrouble."""
        ...

    def refresh(self, now: datetime) -> None:
        """Read what everything else needs, if it is not fresh; asked first in each turn. Raises ShopTrouble."""
        ...

    def begin(self, now: datetime) -> tuple[Cursor, int]:
        """Where an import starts, with `stage` and, under `follow`, where following will; and how many rows there
        are, at most. Raises ShopTrouble."""
        ...

    def next_slice(self, cursor: Cursor, now: datetime) -> Slice:
        """Read the slice at the cursor. Raises ShopTrouble."""
        ...

    def look(self, cursor: Cursor, now: datetime) -> Look:
        """Read what is new since the cursor, and a little before: what comes twice changes nothing. Raises
        ShopTrouble."""
        ...

    def take(self, portion: Portion, now: datetime, *, is_history: bool = False) -> None:
        """Write a slice's portion under the connection's shop and source, in a transaction of the caller."""
        ...

    def close(self) -> None:
        """Let go of what is open. Raises nothing."""
        ...


READERS: Mapping[str, type[ShopReader]] = {Kind.PRESTASHOP: ByDatabase, Kind.PRESTASHOP_API: ByWebservice}
"""By kind of connection: those that the worker reads."""
