"""Estimated prices follow the shop's own rules."""

from dataclasses import replace

from ghostcart.connectors.prestashop.prices import Occasion, SpecialPrice, UnitPrice, unit_price

ON = Occasion(
    shop=1, shop_group=1, currency=1, rate_micros=1_000_000, country=10, group=3, group_reduction_ppm=0, customer=7,
    cart=5, at="2026-11-22 12:00:00", quantity=1, shows_tax=True,
)  # fmt: skip
PRIORITIES = ("id_customer", "id_shop", "id_currency", "id_country", "id_group")
ZERO = "0000-00-00 00:00:00"


def special(number: int = 1, **more) -> SpecialPrice:
    values = {
        "id": number, "rule": 0, "cart": 0, "product": 1, "shop": 0, "currency": 0, "country": 0, "group": 0,
        "customer": 0, "variant": 0, "price_micros": -1_000_000, "from_quantity": 1, "reduction_micros": 0,
        "is_percentage": True, "includes_tax": True, "since": ZERO, "until": ZERO,
    }  # fmt: skip
    return SpecialPrice(**{**values, **more})


def price(*specials: SpecialPrice, on: Occasion = ON, variant: int = 0, **more) -> UnitPrice:
    return unit_price(1, variant, 100_000_000, 20_000_000, 220_000, on, specials, PRIORITIES, **more)


def test_tax_surcharge_and_currency():
    assert price() == UnitPrice(122_000_000, None)
    assert price(variant=4).micros == 146_400_000
    assert price(on=replace(ON, shows_tax=False), variant=4).micros == 120_000_000
    assert price(on=replace(ON, currency=2, rate_micros=1_100_000)).micros == 134_200_000


def test_reductions():
    tenth = special(reduction_micros=100_000)
    assert price(tenth) == UnitPrice(109_800_000, 122_000_000)
    ten = special(reduction_micros=10_000_000, is_percentage=False)
    assert price(ten).micros == 112_000_000
    assert price(ten, on=replace(ON, shows_tax=False)).micros == 100_000_000 - 8_196_721
    untaxed = replace(ten, includes_tax=False)
    assert price(untaxed).micros == 122_000_000 - 12_200_000
    assert price(ten, on=replace(ON, currency=2, rate_micros=2_000_000)).micros == 244_000_000 - 20_000_000
    assert price(special(reduction_micros=500_000_000, is_percentage=False)) == UnitPrice(0, 122_000_000)


def test_a_price_of_its_own_takes_the_place_of_the_products():
    own = special(price_micros=50_000_000)
    assert price(own).micros == 61_000_000
    assert price(own, variant=4).micros == 85_400_000
    assert price(replace(own, variant=4), variant=4).micros == 61_000_000
    in_dollars = replace(own, currency=2)
    assert price(in_dollars, on=replace(ON, currency=2, rate_micros=3_000_000)).micros == 61_000_000


def test_group_and_category_reductions():
    trade = replace(ON, group_reduction_ppm=50_000)
    assert price(on=trade).micros == 115_900_000
    assert price(special(reduction_micros=100_000), on=trade).micros == 104_310_000
    assert price(on=trade, category_reduction_ppm=200_000).micros == 97_600_000


def test_only_what_fits_counts_and_the_nearest_first():
    cheap = special(reduction_micros=900_000)
    for more in ({"cart": 6}, {"customer": 8}, {"group": 4}, {"country": 8}, {"currency": 2}, {"shop": 2},
                 {"variant": 9}, {"product": 2}, {"from_quantity": 2}, {"until": "2026-11-22 11:59:59"},
                 {"since": "2026-11-22 12:00:01"}, {"shop_group": 2}):  # fmt: skip
        assert price(replace(cheap, **more)).micros == 122_000_000, more
    general = special(1, reduction_micros=500_000)
    for more in ({"cart": 5}, {"customer": 7}, {"variant": 4}, {"group": 3}, {"shop": 1}, {"country": 10}):
        near = special(2, reduction_micros=100_000, **more)
        assert price(general, near, variant=4).micros == 131_760_000, more
    many = special(3, reduction_micros=200_000, from_quantity=3)
    assert price(general, many, on=replace(ON, quantity=3)).micros == 97_600_000
    of_customer, of_group = special(4, customer=7, reduction_micros=100_000), special(5, group=3, shop=1)
    assert price(of_customer, of_group).micros == 109_800_000
