import sys

from django.core.management.base import BaseCommand

from ghostcart.config import doctor


class Command(BaseCommand):
    help = "Look at everything that this installation needs, and say what is wrong and how to mend it."
    requires_system_checks = []

    def handle(self, *args, **options):
        troubles = 0
        for finding in doctor.examine():
            mark = "well" if not finding.trouble else "look" if finding.is_warning else "WRONG"
            self.stdout.write(f"{mark:6} {finding.part}{f': {finding.trouble}' if finding.trouble else ''}")
            troubles += bool(finding.trouble) and not finding.is_warning
        if troubles:
            self.stdout.write(f"\n{troubles} to mend.")
            sys.exit(1)
        self.stdout.write("\nNothing stands in the way.")
