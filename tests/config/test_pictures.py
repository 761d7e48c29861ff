"""The demo's catalogue is complete in six languages, and every product in it has a safe picture."""

import json
import re
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ghostcart.config import demo
from ghostcart.config.demo.pictures import SHAPES, draw

FILE = Path(demo.__file__).with_name("catalogue.json")
SHOPS = json.loads(FILE.read_text(encoding="utf-8"))["shops"]
PRODUCTS = [product for shop in SHOPS for product in shop["products"]]
LANGUAGES = {"en", "it", "es", "de", "fr", "nl"}
SKU = re.compile(r"[A-Z0-9-]{1,32}")
PRICE = re.compile(r"\d+\.\d{2,6}")

every_shop = pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop["slug"])
every_product = pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product["slug"])


def variants(shop):
    return [variant for product in shop["products"] for variant in product["variants"]]


def texts(node, path=""):
    """Every table of translations below a node, with its place; an empty one only for missing options."""
    if isinstance(node, dict):
        if LANGUAGES & node.keys():
            yield path, node
        else:
            for key, value in node.items():
                yield from texts(value, f"{path}/{key}")
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from texts(value, f"{path}/{place}")


# -- the catalogue -----------------------------------------------------------------------------------


def test_there_is_enough_to_browse():
    assert len(PRODUCTS) >= 60
    assert FILE.stat().st_size < 350_000


@every_shop
def test_every_text_is_there_in_six_languages(shop):
    tables = list(texts(shop))
    assert len(tables) >= 1 + 2 * (len(shop["categories"]) + len(shop["products"]))
    for place, table in tables:
        assert table.keys() == LANGUAGES, place
        assert all(text == text.strip() != "" for text in table.values()), place


@every_product
def test_a_product_has_names_descriptions_and_variants_that_differ(product):
    assert product["names"].keys() == product["descriptions"].keys() == LANGUAGES
    assert 1 <= len(product["variants"]) <= 6
    labels = [variant["options"].get("en") for variant in product["variants"]]
    assert len(set(labels)) == len(labels)
    assert None not in labels or len(labels) == 1


@every_shop
def test_skus_slugs_and_references_are_unique(shop):
    skus = [variant["sku"] for variant in variants(shop)]
    assert len(set(skus)) == len(skus)
    assert all(SKU.fullmatch(sku) for sku in skus)
    for field in ("slug", "reference"):
        values = [product[field] for product in shop["products"]]
        assert len(set(values)) == len(values)


@every_shop
def test_every_product_is_in_a_category_and_no_category_is_empty(shop):
    filled = {product["category"] for product in shop["products"]}
    assert filled == {category["slug"] for category in shop["categories"]}


@every_shop
def test_every_variant_has_a_price_in_each_currency_of_its_shop(shop):
    for variant in variants(shop):
        assert list(variant["prices"]) == shop["currencies"], variant["sku"]
        for money in variant["prices"].values():
            assert PRICE.fullmatch(money["price"]), variant["sku"]
            assert Decimal(money["price"]) > 0
            if money["regular"] is not None:
                assert Decimal(money["regular"]) > Decimal(money["price"]), variant["sku"]


@every_shop
def test_the_shop_shows_sales_low_stock_empty_stock_and_finer_prices(shop):
    stocks = {variant["stock"] for variant in variants(shop)}
    money = [price for variant in variants(shop) for price in variant["prices"].values()]
    assert 0 in stocks
    assert stocks & {1, 2, 3}
    assert any(price["regular"] for price in money)
    assert any(len(price["price"].partition(".")[2]) == 3 for price in money)


# -- the pictures ------------------------------------------------------------------------------------


def pictures(product):
    return [draw(product["shape"], variant["colors"], variant["sku"]) for variant in product["variants"]]


def test_there_are_many_shapes_and_none_is_left_over():
    assert len(SHAPES) >= 25
    assert {product["shape"] for product in PRODUCTS} == SHAPES.keys()


@every_product
def test_a_picture_is_a_self_contained_svg(product):
    for svg in pictures(product):
        root = ElementTree.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("viewBox") == "0 0 800 800"
        for element in root.iter():
            name = element.tag.rpartition("}")[2]
            assert name not in {"script", "foreignObject", "image", "use", "style", "text", "a"}
            assert not any("href" in key or key.startswith("on") or key == "style" for key in element.attrib)
        assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")


@every_product
def test_every_reference_inside_a_picture_is_defined_in_it(product):
    for svg in pictures(product):
        defined = re.findall(r' id="([^"]+)"', svg)
        assert len(set(defined)) == len(defined)
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(defined)


@every_product
def test_the_same_input_gives_the_same_bytes_and_another_colour_another_picture(product):
    first = pictures(product)
    assert first == pictures(product)
    assert len(set(first)) == len(first)
    assert all(len(svg) < 40_000 for svg in first)


def test_one_colour_is_enough():
    assert draw("mug", ["#8FA58A"], "x") == draw("mug", ["#8fa58a"], "x")


def test_an_unknown_shape_is_refused():
    with pytest.raises(KeyError):
        draw("unicorn", ["#8fa58a"], "x")
