"""Products as another shop tells them."""

import pytest

from ghostcart.catalog import intake
from ghostcart.catalog.models import Price, Product, Variant
from ghostcart.lib.snapshots import Taken
from tests.outside import SOURCE, product

pytestmark = pytest.mark.django_db


def take(shop, *told):
    return intake.take(shop.pk, SOURCE, told)


def test_a_product_comes_with_variants_and_prices_and_goes_with_them(shop):
    mug = intake.VariantSnapshot(external_id="mug-1", prices={"EUR": intake.PriceSnapshot(10_000_000)})
    assert take(shop, product("mug", variants=[mug, product("mug-2").variants[0]])) == {"mug": Taken.CREATED}
    ours = Product.objects.get(external_id="mug")
    assert [(one.sku, one.stock) for one in ours.variants.all()] == [("mug-1", intake.UNCOUNTED), ("mug-2", 5)]
    assert take(shop, product("mug", variants=[mug], version=2)) == {"mug": Taken.CHANGED}
    assert [one.is_active for one in ours.variants.all()] == [True, False]


def test_the_newest_price_stands_and_told_again_nothing_changes(shop):
    take(shop, product("mug", 10))
    assert take(shop, product("mug", 12, version=2)) == {"mug": Taken.CHANGED}
    assert take(shop, product("mug", 12, version=2)) == {"mug": Taken.UNCHANGED}
    assert take(shop, product("mug", 10, version=1)) == {"mug": Taken.STALE}
    assert Price.objects.get(variant__external_id="mug").price_micros == 12_000_000


def test_an_article_number_names_one_product(shop):
    taken = [intake.VariantSnapshot(external_id="x", sku="MUG")]  # the cast's own mug
    with pytest.raises(intake.SkuTaken):
        take(shop, product("x", variants=taken))
    assert not Variant.objects.filter(external_id="x").exists()
