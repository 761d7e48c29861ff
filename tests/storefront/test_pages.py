"""Every page answers in six languages, creates nothing, and says what it is."""

import re

import pytest
from django.urls import reverse

from ghostcart.carts import tokens
from ghostcart.carts.models import Cart, Device
from ghostcart.catalog.models import Category, Product, Variant
from ghostcart.lib.texts import LANGUAGES
from tests import factories

PAGES = (
    "", "c/all/", "c/all/?sort=price&stock=1", "c/all/?sort=-price", "c/all/?sort=name", "c/all/?sort=x&page=99",
    "p/mug/", "p/mug/?sku=MUG", "p/mug/?sku=nonsense", "search/", "search/?q=mug", "search/?q=%00", "cart/",
    "checkout/", "account/sign-in/", "account/register/",
)  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_answer_in_every_language(client, shop, language):
    for page in PAGES:
        response = client.get(f"/{shop.slug}/{language}/{page}")
        assert response.status_code == 200, page
        assert f'<html lang="{language}">' in response.content.decode()
        assert response["Content-Language"] == language
        assert "text/html" in response["Content-Type"]


def test_looking_around_stores_nothing(client, shop):
    for page in PAGES:
        client.get(f"/{shop.slug}/en/{page}")
    assert not Cart.objects.exists()
    assert not Device.objects.exists()
    assert "ghostcart" not in client.cookies  # no session either


def test_the_first_page_gives_a_cart_token_and_the_next_ones_leave_it(client, shop):
    home = f"/{shop.slug}/en/"
    given = client.get(home).cookies[f"cart_{shop.slug}"]
    assert tokens.digest(shop.pk, given.value)
    assert (given["samesite"], given["httponly"], given["path"]) == ("Lax", "", "/")
    assert f"cart_{shop.slug}" not in client.get(home).cookies


@pytest.mark.parametrize("held", ["", "nonsense", "x" * 67, "ü" * 67])
def test_a_token_that_is_none_is_replaced(client, shop, held):
    client.cookies[f"cart_{shop.slug}"] = held
    assert tokens.digest(shop.pk, client.get(f"/{shop.slug}/en/").cookies[f"cart_{shop.slug}"].value)


def test_pages_are_the_same_for_everybody_and_cacheable(client, shop, django_assert_max_num_queries):
    url = f"/{shop.slug}/en/p/mug/"
    client.get(url)
    with django_assert_max_num_queries(14):
        response = client.get(url)
    assert client.get(url, headers={"If-None-Match": response["ETag"]}).status_code == 304


def test_private_pages_are_kept_by_no_cache(client, shop):
    assert "no-store" in client.get(f"/{shop.slug}/en/checkout/")["Cache-Control"]


def test_no_page_has_inline_script_or_style(client, shop):
    for page in PAGES:
        text = client.get(f"/{shop.slug}/en/{page}").content.decode()
        assert not re.search(r'\sstyle="|\son[a-z]+="', text), page
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag
        assert "https://" not in text.replace("https://testserver", "")


def test_the_entrance_leads_to_the_shop_in_the_browsers_language(client, shop):
    assert client.get("/").url == f"/{shop.slug}/"
    response = client.get(f"/{shop.slug}/", headers={"Accept-Language": "xx, de-CH;q=0.9, it;q=0.5"})
    assert response.url == f"/{shop.slug}/de/"
    assert client.get(f"/{shop.slug}/", headers={"Accept-Language": "zz"}).url == f"/{shop.slug}/{shop.language}/"


@pytest.mark.parametrize("path", ["c/nope/", "p/nope/", "thanks/nope/", "sku/nope/"])
def test_what_is_not_there_is_a_404_in_the_shops_look(client, shop, path):
    response = client.get(f"/{shop.slug}/de/{path}")
    assert response.status_code == 404
    assert shop.name in response.content.decode()
    assert '<html lang="de">' in response.content.decode()


def test_an_unknown_shop_or_language_is_a_404(client, shop):
    shop.languages = ["en", "it"]
    shop.save(update_fields=["languages"])
    assert client.get("/nobody/").status_code == 404
    assert client.get("/nobody/en/").status_code == 404
    assert client.get(f"/{shop.slug}/de/").status_code == 404
    assert client.get("/nobody/theme.css").status_code == 404


@pytest.mark.django_db
def test_without_any_shop_the_page_says_so(client):
    assert client.get("/").status_code == 404


def test_an_empty_shop_is_no_error(client, shop):
    Category.objects.all().delete()
    Product.objects.all().delete()
    assert client.get(f"/{shop.slug}/en/").status_code == 200


def test_products_without_a_price_or_variant_are_not_shown(client, shop):
    Variant.objects.filter(sku="LAMP").update(is_active=False)
    assert client.get(f"/{shop.slug}/en/p/lamp/").status_code == 404
    assert "Lamp" not in client.get(f"/{shop.slug}/en/c/all/").content.decode()


def test_a_line_leads_to_its_product(client, shop):
    response = client.get(f"/{shop.slug}/en/sku/MUG/")
    assert response.url == f"/{shop.slug}/en/p/mug/?sku=MUG"


def test_hostile_texts_stay_texts(client, shop):
    Product.objects.filter(slug="mug").update(names={"en": '</script><script>alert("1")</script>'})
    for page in ("", "c/all/", "p/mug/"):
        assert "<script>alert" not in client.get(f"/{shop.slug}/en/{page}").content.decode()


# -- currency ----------------------------------------------------------------------------------------


def test_the_currency_is_the_shops_until_another_one_is_chosen(client, shop, config_of):
    url = f"/{shop.slug}/en/p/mug/"
    assert "€12.50" in client.get(url).content.decode()
    client.cookies[f"currency_{shop.slug}"] = "CHF"
    response = client.get(url)
    assert "CHF\N{NO-BREAK SPACE}12.50" in response.content.decode()
    assert config_of(response)["currency"] == "CHF"


@pytest.mark.parametrize("wanted", ["USD", "chf", "x" * 500])
def test_a_currency_that_the_shop_has_not_is_ignored(client, shop, config_of, wanted):
    client.cookies[f"currency_{shop.slug}"] = wanted
    assert config_of(client.get(f"/{shop.slug}/en/"))["currency"] == "EUR"


# -- what is shown -----------------------------------------------------------------------------------


def test_stock_and_reductions_are_shown(client, shop):
    factories.product(shop, "SALE", price="30.00", regular="40.00", stock=0)
    clock = client.get(f"/{shop.slug}/en/p/clock/").content.decode()
    assert "Only 2 left" in clock
    sale = client.get(f"/{shop.slug}/en/p/sale/").content.decode()
    assert "Sold out" in sale
    assert "€40.00" in sale
    assert "25</span> %" in sale


def test_a_category_can_be_sorted_and_filtered(client, shop):
    Variant.objects.filter(sku="LAMP").update(stock=0)

    def names(query):
        text = client.get(f"/{shop.slug}/en/c/all/{query}").content.decode()
        return re.findall(r'card__name"><a [^>]*><bdi>(\w+)</bdi>', text)

    assert names("") == ["Mug", "Lamp", "Clock"]
    assert names("?sort=price") == ["Mug", "Clock", "Lamp"]
    assert names("?sort=-price") == ["Lamp", "Clock", "Mug"]
    assert names("?sort=name") == ["Clock", "Lamp", "Mug"]
    assert names("?stock=1") == ["Mug", "Clock"]


def test_search_finds_names_without_accents(client, shop):
    Product.objects.filter(slug="mug").update(names={"en": "Théière"})
    assert "Théière" in client.get(f"/{shop.slug}/en/search/?q=THEIERE").content.decode()
    assert "Théière" not in client.get(f"/{shop.slug}/en/search/?q=lamp").content.decode()


def test_the_footer_and_the_languages_lead_on(client, shop):
    other = factories.shop()
    text = client.get(f"/{shop.slug}/de/c/all/").content.decode()
    assert f'href="/{other.slug}/de/"' in text
    assert f'href="/{shop.slug}/fr/c/all/"' in text
    assert reverse("storefront:account", kwargs={"slug": shop.slug, "language": "de"}) in text
