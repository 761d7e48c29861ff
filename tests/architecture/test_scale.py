"""What comes after one PostgreSQL is one parted by shop: the tables that grow must allow it (explanation/scale.md)."""

import pytest
from django.apps import apps
from django.db.models import ForeignKey, UniqueConstraint

HOT = (
    "carts.Cart", "carts.CartLine", "carts.CartVoucher", "carts.CartEvent", "carts.Device", "carts.IdempotencyKey",
    "customers.Customer", "customers.Person", "customers.PersonKey", "orders.Order", "mail.Message",
    "mail.MessageEvent", "mail.Link", "vouchers.Voucher", "vouchers.VoucherRedemption", "recovery.Enrolment",
    "recovery.Reminder", "recovery.Decision",
)  # fmt: skip
"""What grows with shoppers and mails, not with merchants."""
RANDOM = {("mail.Link", "token_hash"), ("orders.Order", "token")}
"""Drawn with so many bits that two shops' cannot meet: unique in each part is unique in all."""


def carries_shop(model):
    return any(field.name == "shop" and not field.null for field in model._meta.concrete_fields)


@pytest.mark.parametrize("name", HOT)
def test_each_row_says_whose_it_is(name):
    assert carries_shop(apps.get_model(name))


@pytest.mark.parametrize("name", HOT)
def test_no_key_spans_shops(name):
    """Each holds the shop, or a row of it: then a part of the database can see to it alone."""
    model = apps.get_model(name)
    keys = [one.fields for one in model._meta.constraints if isinstance(one, UniqueConstraint)]
    keys += [(field.name,) for field in model._meta.concrete_fields if field.unique and not field.primary_key]
    for key in keys:
        fields = [model._meta.get_field(column) for column in key]
        is_of_shop = any(
            isinstance(field, ForeignKey) and (field.name == "shop" or carries_shop(field.related_model))
            for field in fields
        )
        assert is_of_shop or (name, *key) in RANDOM, f"{name}: {key}"


def test_a_table_without_the_shop_would_be_found():
    """The guard of these tests."""
    assert not carries_shop(apps.get_model("recovery.Step"))
