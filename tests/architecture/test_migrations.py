"""What migrations make is what the models describe."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, models

pytestmark = pytest.mark.django_db


def test_a_fresh_database_has_the_tables_that_the_models_describe():
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
    with connection.cursor() as cursor:
        there = {table: {one.name for one in connection.introspection.get_table_description(cursor, table)}
                 for table in connection.introspection.table_names(cursor)}  # fmt: skip
    for model in connection.introspection.get_migratable_models():
        columns = {field.column for field in model._meta.local_concrete_fields}
        assert columns <= there[model._meta.db_table], model._meta.label


def test_a_model_without_a_migration_would_be_found(monkeypatch):
    """The guard of the test above."""
    from ghostcart.shops.models import Shop

    field = models.BooleanField(default=False)
    field.contribute_to_class(Shop, "is_forgotten")
    try:
        with pytest.raises(SystemExit):
            call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
    finally:
        Shop._meta.local_fields.remove(field)
        Shop._meta._expire_cache()
        del Shop.is_forgotten
