"""Variants as a shopper chooses them."""

import pytest

from ghostcart.catalog.queries import Choice
from ghostcart.storefront.options import axes


def choices(*texts, pictures=None, stock=1):
    return [
        Choice(f"S{place}", {"en": text}, (pictures or {}).get(text, ""), stock, 1_000_000, None)
        for place, text in enumerate(texts)
    ]


def shown(found):
    return [[value.text for value in axis.values] for axis in found]


def test_one_variant_is_no_choice():
    only = choices("One size")
    assert axes(only, only[0], "en") == []


def test_two_parts_are_two_axes():
    found = choices("Slate / S", "Slate / M", "Rust / S")
    assert shown(axes(found, found[1], "en")) == [["Slate", "Rust"], ["S", "M"]]
    assert [v.is_chosen for v in axes(found, found[1], "en")[1].values] == [False, True]


@pytest.mark.parametrize("texts", [("Red", "Red / L"), ("Red", "Red"), ("", "Red")])
def test_what_follows_no_pattern_is_one_axis(texts):
    found = choices(*texts)
    assert len(axes(found, found[0], "en")) == 1
    assert len(axes(found, found[0], "en")[0].values) == len(set(texts))


def test_the_first_axis_shows_pictures_where_they_differ():
    pictures = {"Red": "r.svg", "Blue": "b.svg"}
    found = choices("Red", "Blue", pictures=pictures)
    assert [value.picture for value in axes(found, found[0], "en")[0].values] == ["r.svg", "b.svg"]
    found = choices("Red", "Blue", pictures={"Red": "r.svg"})
    assert [value.picture for value in axes(found, found[0], "en")[0].values] == ["", ""]


def test_a_value_is_sold_out_when_all_its_variants_are():
    found = choices("Red", "Blue", stock=0)
    assert all(value.is_sold_out for value in axes(found, found[0], "en")[0].values)
