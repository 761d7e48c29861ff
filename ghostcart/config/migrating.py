"""Migrating, whenever it is stopped: a migration and the note that it is done are one transaction.

Django notes many of its migrations in a transaction of its own, afterwards. Killed in between, the next run would make
tables that are there, and fail for ever.
"""

from typing import Any

from django.db.migrations.executor import MigrationExecutor


class Executor(MigrationExecutor):
    def apply_migration(self, state: Any, migration: Any, fake: bool = False, fake_initial: bool = False) -> Any:
        if fake or fake_initial or not migration.atomic:
            return super().apply_migration(state, migration, fake=fake, fake_initial=fake_initial)
        if self.progress_callback:
            self.progress_callback("apply_start", migration, fake)
        with self.connection.schema_editor(atomic=True) as editor:
            state = migration.apply(state, editor)
            while editor.deferred_sql:
                editor.execute(editor.deferred_sql.pop(0), None)
            self.record_migration(migration)
        if self.progress_callback:
            self.progress_callback("apply_success", migration, fake)
        return state
