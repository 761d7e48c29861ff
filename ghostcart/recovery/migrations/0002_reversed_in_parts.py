from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("recovery", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="ledgerline",
            name="part",
            field=models.PositiveSmallIntegerField(
                db_default=1, default=1, help_text="which of the reversals of a line it is"
            ),
        ),
        migrations.AlterField(
            model_name="ledgerline",
            name="cause",
            field=models.CharField(
                blank=True,
                default="",
                help_text="of a reversal: cancelled, refunded, changed, again",
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerline",
            constraint=models.UniqueConstraint(fields=("reverses", "part"), name="each_part_reversed_once"),
        ),
        migrations.RemoveConstraint(
            model_name="ledgerline",
            name="one_reversal_per_line",
        ),
    ]
