from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ghostcart.config import serving
from ghostcart.lib import database_file


class Command(BaseCommand):
    help = "Serve pages, API and live streams, and run the worker: everything in one process group."

    def handle(self, *args: object, **options: object) -> None:
        if problem := serving.port_problem(settings.HOST, settings.PORT) or database_file.trouble_at_start():
            raise CommandError(problem)
        if code := serving.run_together([serving.whole(), serving.worker()]):
            raise CommandError("A process ended by itself; see the lines above.", returncode=code)
