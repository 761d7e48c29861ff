from django.db import migrations

DIGITS = "phone"
for sign in ("+", " ", "-", "(", ")", "/", "."):
    DIGITS = f"replace({DIGITS}, '{sign}', '')"


class Migration(migrations.Migration):
    dependencies = [("customers", "0005_shops_stay")]
    operations = [
        migrations.RunSQL(
            "UPDATE customers_customer"
            f" SET search_text = substr(search_text || ' ' || ltrim({DIGITS}, '0'), 1, 900) WHERE phone > ''",
            migrations.RunSQL.noop,
        )
    ]
