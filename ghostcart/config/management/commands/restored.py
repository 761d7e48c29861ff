from django.core.management.base import BaseCommand

from ghostcart.lib import clock, database_file
from ghostcart.mail import home
from ghostcart.recovery import restored


class Command(BaseCommand):
    help = "After a backup was restored, or the database moved: say so, and mail goes out again."

    def add_arguments(self, parser):
        parser.add_argument(
            "--nothing-lost", action="store_true",
            help="the database moved and is up to date: what is due goes out (else it is taken for sent)",
        )  # fmt: skip

    def handle(self, *args, nothing_lost, **options):
        now = clock.now()
        database_file.unlock()
        held = restored.Held(0, 0) if nothing_lost else restored.hold_back(now)
        home.move_in(now)
        self.stdout.write(
            f"{held.messages} messages that were due are not sent, since they probably were; "
            f"{held.campaigns} campaigns look forward from now. Mail goes out again."
        )
