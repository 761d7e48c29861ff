"""Walks the database of DATABASE_URL from nothing through every state of its schema, and writes rows into every table
at each of them, as programs of that state would have: later migrations meet the rows of all earlier ones.

    python -m tests.upgrading [APP.MIGRATION]     prints as JSON what it wrote and what the end looks like

Values are made by chance, the same ones each time: short and as long as fits, given and left out.
"""

import json
import os
import random
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 1, tzinfo=UTC)
TRIES = 40
ROWS = 2
"""In each table at each state."""
WORDS = {
    "accent": "#3b6e57", "country": "IT", "currency": "EUR", "language": "en", "time_zone": "Europe/Rome",
    "shop.currencies": ["EUR"], "cartevent.kind": "checkout_started",
}  # fmt: skip
"""What is read in pages as it stands, and must be something that the program of its time would have written."""


class Walk:
    def __init__(self, rows: int = ROWS) -> None:
        from django.db import connection

        from ghostcart.config.migrating import Executor

        self.executor, self.connection = Executor(connection), connection
        self.rows, self.chance, self.number = rows, random.Random(7), 0
        self.written: dict[str, list[Any]] = {}
        self.loose: list[str] = []
        """Migrations that were noted as done outside of a transaction."""

    def plan(self, until: str = "") -> list[Any]:
        """All migrations in their order, or those up to one of them."""
        ends = self.executor.loader.graph.leaf_nodes()
        plan = [one for one, _ in self.executor.migration_plan(ends, clean_start=True)]
        names = [f"{one.app_label}.{one.name}" for one in plan]
        return plan[: names.index(until) + 1] if until else plan

    def go(self, plan: Sequence[Any]) -> None:
        from django.db import transaction

        self.executor.recorder.ensure_schema()
        state = self.executor._create_project_state()  # type: ignore[attr-defined]
        assert state.apps  # drawn up once; from then on each migration brings it up to date
        for migration in plan:
            with self.connection.execute_wrapper(self._look):
                state = self.executor.apply_migration(state, migration)
            with transaction.atomic():
                self.fill(state.apps)

    def _look(self, execute: Any, statement: str, words: Any, many: bool, context: Any) -> Any:
        if statement.startswith('INSERT INTO "django_migrations"') and not self.connection.in_atomic_block:
            self.loose.append(".".join(words[:2]))
        return execute(statement, words, many, context)

    # -- rows ----------------------------------------------------------------------------------------

    def fill(self, apps: Any) -> None:
        """Rows in every table; first in those that others point at."""
        tables = apps.get_models(include_auto_created=True)
        waiting = [one for one in tables if one._meta.managed and not one._meta.proxy]
        while waiting and self.rows:
            ready = [one for one in waiting if not {pointed._meta.label for pointed in needed(one)} & labels(waiting)]
            assert ready, f"these need each other: {labels(waiting)}"
            for model in ready:
                for _ in range(self.rows):
                    self.insert(model)
            waiting = [one for one in waiting if one not in ready]

    def insert(self, model: Any) -> None:
        """One row; what a rule of the table forbids is tried again with other values."""
        from django.db import IntegrityError, transaction

        for chance in range(TRIES):
            self.number += 1
            row = model(**{field.attname: self.value(model, field) for field in model._meta.concrete_fields
                           if not field.get_internal_type().endswith("AutoField")})  # fmt: skip
            try:
                with transaction.atomic():
                    row.save(force_insert=True)
                self.written.setdefault(model._meta.label, []).append(row.pk)
                return
            except IntegrityError:
                if chance == TRIES - 1:
                    raise

    def value(self, model: Any, field: Any) -> Any:
        is_rich = self.chance.random() < 0.5
        if field.null and not is_rich:
            return None
        if field.is_relation:
            return self.pointed(model, field)
        if known := WORDS.get(f"{model._meta.model_name}.{field.name}", WORDS.get(field.name)):
            return known
        if field.choices:
            return self.chance.choice([value for value, _words in field.flatchoices])
        if field.has_default() and not field.unique and not is_rich:
            return field.get_default()
        return self.plain(field, is_rich)

    def pointed(self, model: Any, field: Any) -> Any:
        known = self.written.get(field.related_model._meta.label, [])
        if field.unique:
            taken = {*model._base_manager.values_list(field.attname, flat=True)}
            known = [one for one in known if one not in taken]
        return self.chance.choice(known[-2 * ROWS :]) if known else None

    def plain(self, field: Any, is_rich: bool) -> Any:
        match field.get_internal_type():
            case "BooleanField":
                return is_rich
            case "DateTimeField":
                return START + timedelta(minutes=self.number)
            case "DateField":
                return (START + timedelta(days=self.number)).date()
            case "JSONField":
                return field.get_default() if field.has_default() else {}
            case "BinaryField":
                return b"bytes"
            case kind if "Integer" in kind:
                return self.number % 9000 + 1  # within every rule: percents, quantities
            case kind if kind in ("CharField", "TextField", "SlugField", "EmailField", "URLField"):
                return self.text(field, is_rich)
        raise TypeError(f"no value is known for {field}: say here what its rows hold")

    def text(self, field: Any, is_rich: bool) -> str:
        if field.blank and not field.unique and not is_rich:
            return ""
        most, text = field.max_length or 2000, f"w{self.number:x}"
        if field.get_internal_type() == "EmailField":
            return f"{text}@example.com"
        filler = "x" if field.get_internal_type() == "SlugField" else "ü"
        return text[:most].ljust(most if is_rich else 0, filler)


def needed(model: Any) -> list[Any]:
    """The tables that a row cannot do without; itself left out."""
    fields = [one for one in model._meta.concrete_fields if one.is_relation and not one.null]
    return [one.related_model for one in fields if one.related_model is not model]


def labels(models: Sequence[Any]) -> set[str]:
    return {one._meta.label for one in models}


def schema() -> dict[str, Any]:
    """Columns, constraints and indexes of every table, without the names that chance gave."""
    from django.db import connection

    look, found = connection.introspection, {}
    with connection.cursor() as cursor:
        for table in look.table_names(cursor):
            columns = sorted(repr(one) for one in look.get_table_description(cursor, table))
            rules = look.get_constraints(cursor, table).values()
            found[table] = [columns, sorted(repr(sorted(one.items(), key=str)) for one in rules)]
    return found


def lost(written: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Rows that were written and are not there, by table; of tables that still are."""
    from django.apps import apps

    there = {one._meta.label: one._base_manager for one in apps.get_models(include_auto_created=True)}
    gone = {label: [*{*keys} - {*there[label].values_list("pk", flat=True)}] for label, keys in written.items()
            if label in there}  # fmt: skip
    return {label: keys for label, keys in gone.items() if keys}


def dangling() -> list[str]:
    """Columns that point at rows which are not there, also where the database does not look."""
    from django.apps import apps

    return [
        str(field)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if field.is_relation
        and model._base_manager.exclude(**{field.attname: None})
        .exclude(**{f"{field.attname}__in": field.related_model._base_manager.values("pk")})
        .exists()
    ]


def set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghostcart.config.settings")
    import django

    django.setup()


if __name__ == "__main__":
    set_up()
    walk = Walk()
    walk.go(walk.plan(*sys.argv[1:]))
    print(json.dumps({"written": walk.written, "loose": walk.loose}))
