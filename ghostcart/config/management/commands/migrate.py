from django.core.management.commands import migrate

from ghostcart.config.migrating import Executor

migrate.MigrationExecutor = Executor  # type: ignore[attr-defined]


class Command(migrate.Command):
    """Django's own, which may be killed at any moment."""
