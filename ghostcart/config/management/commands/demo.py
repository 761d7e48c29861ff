import shutil
import subprocess
import sys
import time

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from ghostcart.config import serving
from ghostcart.lib import database_file

LEAST_FREE = 200_000_000


class Command(BaseCommand):
    requires_system_checks = []  # a third of a second, for what cannot have changed since the tests
    help = "Set up the demo shops with 90 days of history, serve them, and let shoppers walk through."

    def add_arguments(self, parser):
        parser.add_argument("--rate", type=float, default=0.7, help="cart changes a second; 0 for a quiet shop")
        parser.add_argument("--carts", type=int, default=3000)
        parser.add_argument("--prepare-only", action="store_true")

    def handle(self, *args, rate, carts, prepare_only, **options):
        if not settings.IS_DEMO:
            raise CommandError("Start the demo with 'ghostcart demo': it sets GHOSTCART_DEMO before anything else.")
        if problem := serving.port_problem(settings.HOST, settings.PORT):
            raise CommandError(problem)
        if shutil.disk_usage(settings.DATA).free < LEAST_FREE:
            raise CommandError(
                f"Less than 200 MB are free where {settings.DATA} lies. Make room, or set GHOSTCART_DATA."
            )
        if prepare_only:
            self.prepare(carts)
            return
        again = [sys.executable, "-m", "ghostcart", "demo", "--prepare-only", "--carts", str(carts)]
        if code := subprocess.call(again):  # apart: filling takes 100 MB that every process would inherit
            sys.exit(code)
        address = settings.LOCAL_URL
        self.stdout.write(
            f"\n  Shop          {address}/\n  Back office   {address}/backoffice/\n"
            f"                sign in as owner@demo.example with {self.password()}\n"
            f"  API           {address}/api/docs\n\n  Ctrl-C stops it. Data: {settings.DATA}\n"
        )
        started = time.monotonic()
        shoppers = [serving.simulator(address, rate)] if rate > 0 else []
        code = serving.run_together([serving.whole(), serving.worker()], guests=shoppers)
        if code and time.monotonic() - started < 10:
            raise CommandError("The demo could not start; the lines above say why.", returncode=code)

    @staticmethod
    def prepare(carts):
        if problem := database_file.trouble_at_start():
            raise CommandError(problem)
        try:
            call_command("migrate", verbosity=0)
        except OperationalError as error:
            raise CommandError(f"The database does not answer as it should: {error}") from error
        call_command("fill", carts=carts)

    @staticmethod
    def password():
        from ghostcart.config.demo.shops import demo_password

        return demo_password()
