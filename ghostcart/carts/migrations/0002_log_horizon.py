"""PostgreSQL: each log entry knows its transaction, so that readers can stay below the running ones."""

from django.db import migrations

FORWARD = [
    "ALTER TABLE carts_cartevent ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()",
    "CREATE INDEX event_by_transaction ON carts_cartevent (xid, id)",
]
BACKWARD = ["ALTER TABLE carts_cartevent DROP COLUMN xid"]


def forward(apps, editor):
    if editor.connection.vendor == "postgresql":
        for statement in FORWARD:
            editor.execute(statement)


def backward(apps, editor):
    if editor.connection.vendor == "postgresql":
        for statement in BACKWARD:
            editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("carts", "0001_initial")]
    operations = [migrations.RunPython(forward, backward)]
