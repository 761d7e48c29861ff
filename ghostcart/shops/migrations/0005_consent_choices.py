import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shops", "0004_pages"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsentChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "basis",
                    models.CharField(
                        choices=[("consent", "only with consent"), ("customer", "also existing customers")],
                        max_length=8,
                    ),
                ),
                ("sentence", models.TextField(blank=True, default="", help_text="in the words that were shown")),
                ("actor", models.CharField(help_text="system, or staff:7", max_length=40)),
                ("at", models.DateTimeField()),
                (
                    "shop",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="consent_choices",
                        to="shops.shop",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
    ]
