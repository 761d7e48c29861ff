"""`ghostcart fill`: make the demo's shops and their history."""

from argparse import ArgumentParser
from time import perf_counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ghostcart.config.demo import fill as demo
from ghostcart.config.demo import shops
from ghostcart.config.demo.history import LEAST_CARTS, LEAST_DAYS
from ghostcart.lib import clock


class Command(BaseCommand):
    help = "Makes the two demo shops with a reproducible history; does nothing if they are there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=demo.DAYS, help=f"how far back, at least {LEAST_DAYS}")
        parser.add_argument("--carts", type=int, default=demo.CARTS, help=f"how many, at least {LEAST_CARTS}")
        parser.add_argument("--seed", type=int, default=demo.SEED, help="the same seed tells the same story")

    def handle(self, *args: Any, days: int, carts: int, seed: int, **options: Any) -> None:
        start = perf_counter()
        try:
            with demo.progress() as report:
                is_made = demo.fill(clock.now(), report=report, days=days, carts=carts, seed=seed)
        except ValueError as wrong:
            raise CommandError(str(wrong)) from None
        except demo.DemoInTheWay as strangers:
            raise CommandError(f"shops that are not the demo's have its names: {strangers}") from None
        if not is_made:
            self.stdout.write("The demo shops are there already: nothing was changed.")
            return
        self.stdout.write(f"The demo is ready: {carts} carts in {perf_counter() - start:.1f} s.")
        password = shops.demo_password()
        if password is None:
            self.stdout.write("Nobody can sign in as the demo's staff: set GHOSTCART_DEMO or GHOSTCART_DEMO_PASSWORD.")
        else:
            which = password if password == shops.DEMO_PASSWORD else "that is in GHOSTCART_DEMO_PASSWORD"
            self.stdout.write(f"Sign in as {', '.join(demo.STAFF)} with the password {which}.")
