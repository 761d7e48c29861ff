"""PostgreSQL: the cart log in parts, one a month, so that old entries go by dropping a table."""

from datetime import UTC, datetime

from django.db import migrations

from ghostcart.lib import partitions

INDEXES = {"event_by_cart": "cart_id, id", "event_by_time": "shop_id, at", "event_by_transaction": "xid, id"}
CART = """ALTER TABLE carts_cartevent ADD CONSTRAINT event_of_cart FOREIGN KEY (cart_id) REFERENCES carts_cart (id)
          DEFERRABLE INITIALLY DEFERRED"""


def forward(apps, editor):
    partitions.split(editor, "carts_cartevent", "at", datetime.now(UTC), INDEXES, [CART])


class Migration(migrations.Migration):
    atomic = False
    # Deliveries point at entries without a constraint since then: there can be none on a table in parts.
    dependencies = [("carts", "0009_logstart"), ("connectors", "0006_free_events")]
    operations = [migrations.RunPython(forward, migrations.RunPython.noop, atomic=False)]
