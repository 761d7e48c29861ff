from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0006_shops_stay"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="refunded_minor",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="given back of the products so far; the order itself stands"
            ),
        ),
    ]
