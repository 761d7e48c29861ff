"""Where this database lives. A copy of it, or a backup that was restored, believes that mails wait which were sent long
ago: until somebody says what it is (`ghostcart restored`), nothing is written to anybody.

The database notes which server or data folder it is in; the data folder notes how far the database had come.
"""

import json
import os
import secrets
import threading
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
    """This is where it lives, from now on. Several workers may say so at once."""
    folder = _own_id()
    Home.objects.update_or_create(pk=1, defaults={"place": _place(folder), "seen_at": now})
    part = _part({"id": folder, "seen_at": now.isoformat()})
    part.replace(_file())


def _own_id() -> str:
    """The folder's own number; of those that make it at the same moment, the first one's."""
    if not _noted().get("id"):
        part = _part({"id": secrets.token_hex(16)})
        try:
            os.link(part, _file())
        except FileExistsError:
            if not _noted().get("id"):  # not another's, but unreadable
                part.replace(_file())
        part.unlink(missing_ok=True)
    return str(_noted()["id"])


def _part(told: dict[str, str]) -> Path:
    """A file that is not yet the note: another worker never sees half of one."""
    _file().parent.mkdir(parents=True, exist_ok=True)
    part = _file().with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
    part.write_text(json.dumps(told))
    return part


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
            return ""  # not told: hosts have folders of their own, which say nothing of the server
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
