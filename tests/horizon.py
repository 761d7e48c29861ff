"""PostgreSQL shows an entry of the cart log only when no older transaction runs any more, of whoever it is (the
statistics of the server itself, an earlier test's thread): whoever reads right after writing has to wait for that."""

from django.db import connection


def settle() -> None:
    """Until no transaction that is still running holds back the log."""
    while is_held_back():
        pass


def is_held_back() -> bool:
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM carts_cartevent WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))"
        )
        return bool(cursor.fetchone()[0])
