"""`ghostcart simulate`: shoppers for a running demo."""

import asyncio
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from ghostcart.config.demo import simulate
from ghostcart.config.demo.places import Place, places_at_hand, places_of
from ghostcart.config.demo.server import Figures, Server, WrongShop


class Command(BaseCommand):
    help = "Lets shoppers walk through the demo shops of a running server, by its store API."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--base", default="http://127.0.0.1:8000", help="the server's address")
        parser.add_argument("--rate", type=float, default=2.0, help="cart changes a second, over all shoppers")
        parser.add_argument("--shoppers", type=int, default=50)
        parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same shoppers")
        parser.add_argument("--minutes", type=float, default=0, help="how long; 0 is until it is stopped")
        parser.add_argument("--catalogue", type=Path, help="a catalogue file, when the database is elsewhere")
        parser.add_argument("--quiet", action="store_true", help="say only when the server goes and comes back")

    def handle(self, *args: Any, **options: Any) -> None:
        base = _base(options["base"])
        if not 0 < options["rate"] <= 10_000 or not 0 < options["shoppers"] <= 10_000 or options["minutes"] < 0:
            raise CommandError("The rate and the number of shoppers must be above 0, and the minutes not below it.")
        catalogue = options["catalogue"]
        places = _places(catalogue)
        screen = simulate.Screen(options["quiet"])
        server = None

        async def run() -> None:
            nonlocal server
            server = Server(base, screen.say)
            await simulate.simulate(
                server,
                places,
                rate=options["rate"],
                shoppers=options["shoppers"],
                seed=options["seed"],
                minutes=options["minutes"],
                show=screen.show,
                restock=None if catalogue else simulate.restock,
            )

        try:
            asyncio.run(run())
        except WrongShop as wrong:
            raise CommandError(f"{wrong}. Nothing more was sent.") from None
        finally:
            screen.close(server.figures if server else Figures())


def _base(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"--base takes an address such as http://127.0.0.1:8000, not '{text}'.")
    return text.rstrip("/")


def _places(catalogue: Path | None) -> list[Place]:
    if catalogue is not None:
        try:
            return places_of(json.loads(catalogue.read_text(encoding="utf-8"))["shops"])
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise CommandError(f"{catalogue} cannot be read as a catalogue: {wrong}") from None
    try:
        places = places_at_hand()
    except DatabaseError:
        places = []
    connection.close()
    if not places:
        raise CommandError("There are no demo shops in this database: run 'ghostcart fill', or name a --catalogue.")
    return places
