from django.db import migrations

from ghostcart.lib import trigrams

INDEX = """CREATE INDEX cart_by_part_of_order ON carts_cart USING gin (upper(order_number) gin_trgm_ops)
WHERE order_number > ''"""


def forward(apps, editor):
    trigrams.create(editor, INDEX)


def backward(apps, editor):
    trigrams.drop(editor, "cart_by_part_of_order")


class Migration(migrations.Migration):
    dependencies = [("carts", "0006_lean_rows")]
    operations = [migrations.RunPython(forward, backward)]
