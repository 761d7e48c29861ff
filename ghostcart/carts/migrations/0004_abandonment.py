"""An empty cart is never abandoned: that is said by `abandon_after` alone, so that one index tells open from abandoned."""

from datetime import UTC, datetime

from django.db import migrations, models
from django.db.models import Q

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def forward(apps, editor):
    carts = apps.get_model("carts", "Cart").objects.filter(shop__abandoned_basis="activity", line_count=0)
    carts.filter(ordered_at=None, merged_at=None).update(abandon_after=NEVER)


class Migration(migrations.Migration):
    dependencies = [("carts", "0003_outside")]
    operations = [
        migrations.RemoveIndex(model_name="cart", name="cart_ghosts"),
        migrations.RunPython(forward, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            model_name="cart",
            index=models.Index(
                fields=["shop", "abandon_after", "id"],
                name="cart_ghosts",
                condition=Q(ordered_at=None, merged_at=None, deleted_at=None),
            ),
        ),
    ]
