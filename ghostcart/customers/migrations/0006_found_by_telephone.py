from django.db import migrations

DIGITS = "phone"
for sign in ("+", " ", "-", "(", ")", "/", "."):
    DIGITS = f"replace({DIGITS}, '{sign}', '')"


class Migration(migrations.Migration):
    dependencies = [("customers", "0005_shops_stay")]
    operations = [
        migrations.RunSQL(
            f"UPDATE customers_customer SET search_text = search_text || ' ' || ltrim({DIGITS}, '0') WHERE phone > ''",
            migrations.RunSQL.noop,
        )
    ]
