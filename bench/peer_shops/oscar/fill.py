"""Makes the tables and 40 products; prints what a client has to know."""

import json

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)

from oscar.test.factories import create_product  # noqa: E402

products = [
    create_product(upc=f"bench-{number}", title=f"Product {number}", price=5 + number, partner_name="Bench",
                   partner_sku=f"bench-{number}", num_in_stock=1_000_000_000)
    for number in range(40)
]  # fmt: skip
print(json.dumps({"products": [product.pk for product in products]}))
