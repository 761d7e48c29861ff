"""Where this database lives. A copy of it, or a backup that was restored, believes that mails wait which were sent long
ago: until somebody says what it is (`ghostcart restored`), nothing is written to anybody.

The database notes which server or data folder it is in; the data folder notes how far the database had come.
"""

import json
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from ghostcart.mail.models import Home

SLACK = timedelta(minutes=2)
"""The database and the folder are noted one after the other, every few seconds."""
FILE = "home.json"


def is_here(now: datetime) -> bool:
    """Whether this is the database that was here before; if so, it is noted that it still is. The first look counts
    as moving in."""
    kept = Home.objects.filter(pk=1).first()
    if kept is not None and _trouble(kept):
        return False
    move_in(now)
    return True


def move_in(now: datetime) -> None:
    """This is where it lives, from now on."""
    told = {"id": _noted().get("id") or secrets.token_hex(16), "seen_at": now.isoformat()}
    _file().parent.mkdir(parents=True, exist_ok=True)
    Home.objects.update_or_create(pk=1, defaults={"place": _place(told["id"]), "seen_at": now})
    part = _file().with_suffix(".part")
    part.write_text(json.dumps(told))
    part.replace(_file())


def trouble() -> str:
    """A sentence, in the active language, if nobody may be written to from here; else empty."""
    kept = Home.objects.filter(pk=1).first()
    found = _trouble(kept) if kept else ""
    if found == "copied":
        return _("This database was copied or restored from another place. Nothing is mailed until you run: "
                 "ghostcart restored")  # fmt: skip
    if found == "went_back":
        return _("This database went back in time, as if a backup was restored. Nothing is mailed until you run: "
                 "ghostcart restored")  # fmt: skip
    return ""


def _trouble(kept: Home) -> str:
    noted = _noted()
    if kept.place != _place(noted.get("id", "")):
        return "copied"
    seen_at = noted.get("seen_at")
    return "went_back" if seen_at and datetime.fromisoformat(seen_at) > kept.seen_at + SLACK else ""


def _place(folder: str) -> str:
    """What a copy does not take along: of PostgreSQL the number of the server and of the database, else the folder."""
    if connection.vendor != "postgresql":
        return folder
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")
        if not cursor.fetchone()[0]:
            return folder
        cursor.execute(
            "SELECT system_identifier::text || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())"
            " FROM pg_control_system()"
        )
        return str(cursor.fetchone()[0])


def _noted() -> dict[str, Any]:
    try:
        told = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _file() -> Path:
    return Path(settings.DATA) / FILE
