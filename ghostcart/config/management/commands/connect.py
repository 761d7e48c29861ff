"""`ghostcart connect`: attach a shop by its database, import it, and follow it."""

from argparse import ArgumentParser
from time import sleep
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ghostcart.connectors import errors, reading, services
from ghostcart.connectors.models import Connection, Kind, State
from ghostcart.connectors.prestashop import checking
from ghostcart.connectors.prestashop.checking import Found, FoundShop
from ghostcart.connectors.prestashop.database import without_password
from ghostcart.lib import clock
from ghostcart.shops import queries as shop_queries


class Command(BaseCommand):
    help = "Attach a shop: `connect prestashop mysql://user:password@host/database`. The import can be interrupted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=["prestashop"])
        parser.add_argument("url", help="mysql://user:password@host:port/database, with ?ssl=1 for encryption")
        parser.add_argument("--prefix", default="ps_", help="of the tables")
        parser.add_argument("--shop-id", type=int, help="which of its shops; without it the first")
        parser.add_argument("--time-zone", default="", help="such as Europe/Paris, if the shop does not tell")
        parser.add_argument("--into", default="", help="the short name of a shop here; without it a new one is made")
        parser.add_argument("--newsletter-is-consent", action="store_true",
                            help="who takes the newsletter there has agreed to reminders")  # fmt: skip
        parser.add_argument("--check", action="store_true", help="look only, attach nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--follow", action="store_true", help="follow the shop until interrupted")
        parser.add_argument("--once", action="store_true", help="look once at what changed after the import, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(file=self.stdout, soft_wrap=True)  # type: ignore[arg-type]
        try:
            self._connect(options)
        except errors.ShopTrouble as trouble:
            raise CommandError(str(trouble)) from None
        except KeyboardInterrupt:
            self.console.print("Interrupted. The same command goes on here; a worker goes on by itself.")
        finally:
            reading.release()

    def _connect(self, options: dict[str, Any]) -> None:
        found = services.check(options["url"], options["prefix"], options["time_zone"])
        self._tell(found)
        if found.missing:
            raise CommandError("The shop cannot be read: see above.")
        theirs = found.shop(options["shop_id"])
        if options["check"]:
            return
        connection = self._known(options, theirs)
        if connection is None:
            if not options["yes"] and input(f"Import {theirs.name} now? [y/N] ").strip().lower() not in ("y", "yes"):
                return
            connection = self._attach(options, theirs)
        self._import(connection)
        if options["once"]:
            self._look(connection)
        if options["follow"]:
            self._follow(connection)

    # -- what was found --------------------------------------------------------------------------

    def _tell(self, found: Found) -> None:
        self.console.print(
            f"PrestaShop {found.version or '?'} at {found.place} ({found.server}), tables {found.prefix}*"
        )
        for one in found.shops:
            self.console.print(
                f"  shop {one.number}: {one.name}, {one.address or 'address not known'}; "
                f"time zone {one.time_zone or 'not known'}; languages {', '.join(one.languages)}; "
                f"currencies {', '.join(one.currencies)}; {one.carts} carts, {one.orders} orders",
                markup=False,
            )
        if found.shops:
            self.console.print(f"  {found.customers} customers, {found.products} products")
        for note in found.notes:
            self.console.print(f"  Note: {checking.sentence(note)}", markup=False)
        for note in found.missing:
            self.console.print(f"  Missing: {errors.explain(note)}", markup=False)

    # -- doing it --------------------------------------------------------------------------------

    def _known(self, options: dict[str, Any], theirs: FoundShop) -> Connection | None:
        address = without_password(options["url"])
        for one in Connection.objects.filter(kind=Kind.PRESTASHOP, address=address):
            if one.options.get("shop_id") == theirs.number and one.options.get("prefix") == options["prefix"]:
                return one
        return None

    def _attach(self, options: dict[str, Any], theirs: FoundShop) -> Connection:
        shop = None
        if options["into"]:
            shop = shop_queries.by_slug(options["into"])
            if shop is None:
                raise CommandError(f"There is no shop {options['into']} here.")
        try:
            made = services.attach(
                kind=Kind.PRESTASHOP, url=options["url"], shop=shop, now=clock.now(),
                options={"prefix": options["prefix"], "shop_id": theirs.number, "time_zone": options["time_zone"],
                         "newsletter_is_consent": options["newsletter_is_consent"]},
            )  # fmt: skip
        except errors.AlreadyAttached as refused:
            raise CommandError(str(refused)) from None
        self.console.print(f"Attached as {made.shop.slug}.", markup=False)
        return made

    def _import(self, connection: Connection) -> None:
        if connection.state == State.PAUSED:
            raise CommandError("The connection is paused.")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=self.console) as progress:
            bar = progress.add_task("importing", total=None)
            while True:
                connection.refresh_from_db()
                progress.update(
                    bar, completed=connection.done, total=connection.total or None,
                    description=connection.cursor.get("stage", "importing"),
                )  # fmt: skip
                if connection.state != State.IMPORTING:
                    progress.update(bar, description="imported")
                    return
                self._trouble(connection)
                if not reading.read_due(clock.now()):
                    sleep(0.2)  # another process reads it, or it rests after a failure

    def _look(self, connection: Connection) -> None:
        while reading.read_due(clock.now()):
            pass
        connection.refresh_from_db()
        self._trouble(connection)

    def _follow(self, connection: Connection) -> None:
        self.console.print("Following. Ctrl-C ends it.")
        while True:
            connection.refresh_from_db()
            self._trouble(connection)
            if not reading.read_due(clock.now()):
                sleep(0.2)

    def _trouble(self, connection: Connection) -> None:
        if connection.trouble and connection.trouble_at != getattr(self, "_told", None):
            self._told = connection.trouble_at
            self.console.print(f"{errors.explain(connection.trouble)} Trying again.", markup=False)
