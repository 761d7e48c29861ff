from datetime import timedelta

from django.core.management.base import BaseCommand, CommandError

from ghostcart.lib import clock


class Command(BaseCommand):
    help = "Show the clock, or move it forward (only in the demo and in tests, where GHOSTCART_CLOCK names a file)."

    def add_arguments(self, parser):
        parser.add_argument("--forward-hours", type=float, default=0)

    def handle(self, *args, forward_hours, **options):
        if forward_hours:
            try:
                clock.move(timedelta(hours=forward_hours))
            except RuntimeError as error:
                raise CommandError(str(error)) from error
        self.stdout.write(f"{clock.now():%Y-%m-%d %H:%M:%S} UTC, moved by {clock.offset()}")
