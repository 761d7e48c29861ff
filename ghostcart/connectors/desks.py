"""Where a connection's vouchers are made, by the way that staff chose."""

from collections.abc import Iterator
from contextlib import contextmanager

from ghostcart.connectors.errors import NoWay
from ghostcart.connectors.models import Connection
from ghostcart.connectors.prestashop.access import open_database, open_webservice, shop_number
from ghostcart.connectors.prestashop.voucher_desk import DatabaseDesk
from ghostcart.connectors.prestashop.voucher_service import WebserviceDesk
from ghostcart.connectors.vouchers import Desk, Way, way_of

STATEMENT_SECONDS = 10
"""A voucher is a few rows: what takes longer is stuck behind somebody else."""


@contextmanager
def open_desk(connection: Connection) -> Iterator[Desk]:
    """Raises ShopTrouble."""
    match way_of(connection):
        case Way.DATABASE:
            with open_database(connection, writes=True, statement_seconds=STATEMENT_SECONDS) as database:
                yield DatabaseDesk(database, shop_number(connection))
        case Way.WEBSERVICE:
            yield WebserviceDesk(open_webservice(connection), shop_number(connection))
        case _:
            raise NoWay
