"""Indexes for words in the middle of a text, on PostgreSQL (pg_trgm). Elsewhere, and where the extension is not there,
the table is searched."""

from typing import Any

import structlog
from django.db import DatabaseError, transaction

log = structlog.get_logger()


def create(editor: Any, statement: str) -> None:
    """In a migration: make an index of `gin_trgm_ops`. The shop works without it, if more slowly."""
    if editor.connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=editor.connection.alias):
            editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            editor.execute(statement)
    except DatabaseError as error:
        log.warning("no index for searching: PostgreSQL has no pg_trgm", error=str(error).strip())


def drop(editor: Any, name: str) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(f"DROP INDEX IF EXISTS {name}")
