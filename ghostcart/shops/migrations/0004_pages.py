from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("shops", "0003_origins"),
    ]

    operations = [
        migrations.AddField(
            model_name="shop",
            name="pages",
            field=models.JSONField(blank=True, default=dict, help_text="{PageKind: {language: text}}"),
        ),
    ]
