from django.db import migrations

from ghostcart.lib import trigrams


def forward(apps, editor):
    trigrams.create(editor, "CREATE INDEX customer_by_word ON customers_customer USING gin (search_text gin_trgm_ops)")


def backward(apps, editor):
    trigrams.drop(editor, "customer_by_word")


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_outside")]
    operations = [migrations.RunPython(forward, backward)]
