import signal
from threading import Event

from django.core.management.base import BaseCommand, CommandError

from ghostcart.config import work
from ghostcart.lib import database_file


class Command(BaseCommand):
    help = "Do the due work: campaigns, mail, the ledger, exports, cleaning up. Several may run."

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="do what is due and end (for cron and tests)")

    def handle(self, *args, once, **options):
        if problem := database_file.trouble_at_start():
            raise CommandError(problem)
        stopping = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *told: stopping.set())
        work.run(stopping, once=once)
