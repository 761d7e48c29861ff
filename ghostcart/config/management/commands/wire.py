from django.core.management.base import BaseCommand, CommandError

from ghostcart.config import serving
from ghostcart.lib import database_file


class Command(BaseCommand):
    help = "Serve the API and the live streams (ASGI workers), for several hosts behind a proxy."

    def add_arguments(self, parser):
        parser.add_argument("--workers", type=int, default=1)

    def handle(self, *args, workers, **options):
        if problem := database_file.trouble_at_start():
            raise CommandError(problem)
        command = serving.granian("asgi", "ghostcart.config.asgi:application", "--workers", str(workers))
        serving.become(*command)
