"""`ghostcart move`: a shop that began on SQLite goes on with PostgreSQL."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ghostcart.config import moving
from ghostcart.lib import database_file
from ghostcart.mail import home


class Command(BaseCommand):
    help = "Move all data from SQLite to PostgreSQL: `move postgresql://user:password@host/name`, while nothing runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="of an empty database in which `ghostcart migrate` was run")

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        if connection.vendor != "sqlite":
            raise CommandError("This shop is on PostgreSQL already. Run it with the DATABASE_URL that it had before.")
        if urlsplit(url).scheme not in ("postgres", "postgresql"):
            raise CommandError("Name a database like postgresql://user:password@host:port/name")
        file = Path(connection.settings_dict["NAME"])
        try:
            trouble = database_file.moved() or database_file.torn(is_thorough=True) or home.trouble()
        except DatabaseError:
            raise CommandError(f"There is no shop in {file}. Does GHOSTCART_DATA name the right folder?") from None
        if trouble:
            raise CommandError(trouble)
        try:
            moving.turn_to(url)
            counts = self._move(file)
        except moving.CannotMove as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(
            f"{sum(counts.values())} rows of {len(counts)} tables have moved; each table has as many as before.\n"
            f"Set DATABASE_URL to the new database and start. {file} takes no changes any more: keep it until you are"
            " content."
        )

    def _move(self, file: Path) -> dict[str, int]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=Console(file=self.stdout)) as progress:  # type: ignore[arg-type]
            bar = progress.add_task("moving", total=None)
            return moving.move(
                file, lambda table, most, more: progress.update(bar, description=table, total=most, advance=more)
            )
