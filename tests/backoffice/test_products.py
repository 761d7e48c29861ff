"""Products: the list, making and changing those of one's own shop, two who change one, and what is kept elsewhere."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from ghostcart.backoffice.models import Role
from ghostcart.carts.changes import Touch
from ghostcart.catalog import intake, services
from ghostcart.catalog.models import Price, Product, Variant
from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.orders import services as orders
from ghostcart.orders.services import Payment
from tests import factories, outside
from tests.backoffice.cast import manager, signed_in
from tests.factories import Shopper
from tests.races import together

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


@pytest.fixture
def shop():
    return factories.shop(languages=["en", "de"])


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def row(number, **told):
    return {f"variant-{number}-{name}": value for name, value in told.items()}


def form(*rows, **changed):
    told = {"name_en": "Teapot", "description_en": "It pours.", "category": "Kitchen", "tax_rate_ppm": "21",
            "is_active": "on", "variant-TOTAL_FORMS": len(rows), "variant-INITIAL_FORMS": 0} | changed  # fmt: skip
    for number, one in enumerate(rows):
        told |= row(number, **one)
    return told


POT = {"sku": "POT", "option": "Red", "stock": "7", "is_active": "on", "price_EUR": "24,90", "price_CHF": "29"}


def make(client, shop, *rows, **changed):
    return client.post(f"/backoffice/products/new/{shop.pk}/", form(*(rows or (POT,)), **changed))


def kept(client, product):
    """The form of a product as a browser would send it back."""
    shown = client.get(f"/backoffice/products/{product.pk}/edit/").context["form"]
    told = {name: shown[name].value() for name in shown.fields if name != "picture"}
    told |= {f"variant-{name}": value for name, value in shown.prices.management_form.initial.items()}
    for one in shown.prices:
        told |= {one[name].html_name: one[name].value() for name in one.fields}
    told = {name: value for name, value in told.items() if value not in (None, False)}
    for one in shown.prices:
        for name in one.fields:
            field = one.fields[name]
            if name.startswith(("price_", "regular_")) and one.initial.get(name) is not None:
                told[one[name].html_name] = field.prepare_value(one.initial[name])
    told["tax_rate_ppm"] = shown.fields["tax_rate_ppm"].prepare_value(shown.initial["tax_rate_ppm"])
    return told


def test_a_product_is_made_and_can_be_bought(shop):
    client = manager(shop)
    big = POT | {"sku": "POT-XL", "option": "Blue", "price_EUR": "34.90", "regular_EUR": "40"}
    answer = make(client, shop, POT, big, {"sku": ""})
    assert answer.status_code == 302, answer.context["form"].errors
    product = Product.objects.get(shop=shop, slug="teapot")
    assert (product.name("en"), product.tax_rate_ppm, product.category.names) == ("Teapot", 210_000, {"en": "Kitchen"})
    assert Shopper(shop).add("POT", 2).totals.total_minor == 2 * 2490 + 490
    price = Variant.objects.get(sku="POT-XL").prices.get(currency="EUR")
    assert (price.price_micros, price.regular_micros) == (34_900_000, 40_000_000)
    assert "Teapot" in client.get(f"/{shop.slug}/en/p/teapot/").content.decode()


def test_what_was_sold_while_somebody_typed_stays_sold(shop):
    client = manager(shop)
    make(client, shop)
    product = Product.objects.get(slug="teapot")
    told = kept(client, product)
    shopper = Shopper(shop)
    shopper.add("POT", 3)
    orders.place(shopper.change(Touch), customer=factories.customer(shop), address=factories.ADDRESS,
                 payment=Payment("transfer"), shipping_method="standard")  # fmt: skip
    assert client.post(f"/backoffice/products/{product.pk}/edit/", told | row(0, stock="10")).status_code == 302
    assert Variant.objects.get(sku="POT").stock == 7 - 3 + 3  # three more than were shown, and three sold
    told = kept(client, product)
    assert client.post(f"/backoffice/products/{product.pk}/edit/", told | row(0, stock="0")).status_code == 302
    assert Variant.objects.get(sku="POT").stock == 0


def test_a_form_that_is_sent_back_untouched_changes_nothing(shop):
    client = manager(shop)
    make(client, shop)
    product = Product.objects.get(slug="teapot")
    before = list(Variant.objects.filter(product=product).values()), product.names, product.category_id
    assert client.post(f"/backoffice/products/{product.pk}/edit/", kept(client, product)).status_code == 302
    product.refresh_from_db()
    assert (list(Variant.objects.filter(product=product).values()), product.names, product.category_id) == before


def test_an_article_number_of_another_product_is_refused_and_nothing_is_kept(shop):
    answer = make(manager(shop), shop, POT, POT | {"sku": "MUG"})
    assert "The article number MUG belongs to another product." in answer.content.decode()
    assert not Product.objects.filter(slug="teapot").exists()


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"name_en": ""}, "name_en"), ({"tax_rate_ppm": "101"}, "tax_rate_ppm"), ({"tax_rate_ppm": "x"}, "tax_rate_ppm")],
)
def test_what_is_wrong_stands_beside_its_field(shop, changed, told):
    answer = make(manager(shop), shop, **changed)
    assert told in answer.context["form"].errors


@pytest.mark.parametrize("price", ["", "-1", "1.234", "abc"])
def test_a_price_that_is_none_is_refused(shop, price):
    answer = make(manager(shop), shop, POT | {"price_EUR": price})
    assert "price_EUR" in answer.context["form"].prices.errors[0]


def test_a_picture_is_known_by_its_first_bytes_and_shown_from_our_own_address(shop):
    client = manager(shop)
    told = {"picture": SimpleUploadedFile("a.html", PNG, "text/html")}
    assert make(client, shop, **told).status_code == 302
    path = Variant.objects.get(sku="POT").picture
    answer = client.get(f"/media/{path}")
    assert (path.split(".")[-1], answer["Content-Type"], answer.content) == ("png", "image/png", PNG)
    told = {"picture": SimpleUploadedFile("a.png", b"<svg onload=alert(1)>", "image/png")}
    assert "picture" in make(client, shop, POT | {"sku": "POT2"}, **told).context["form"].errors
    assert client.get("/media/given/../../shop.sqlite3").status_code == 404


def test_products_of_an_attached_shop_are_shown_and_cannot_be_changed(shop):
    intake.take(shop.pk, "prestashop", [outside.product("a-mug")])
    product = Product.objects.exclude(source="").get()
    client = manager(shop)
    assert "can only be changed there" in client.get(f"/backoffice/products/{product.pk}/").content.decode()
    before = list(Product.objects.values())
    client.post(f"/backoffice/products/{product.pk}/edit/", form(POT))
    assert list(Product.objects.values()) == before
    with pytest.raises(services.ProductElsewhere):
        services.save(shop.pk, services.ProductDraft(names={"en": "x"}, language="en"), product)


def test_only_managers_change_products_and_only_of_their_shops(shop):
    product = Product.objects.filter(shop=shop).first()
    page = f"/backoffice/products/{product.pk}/"
    agent = signed_in(Role.AGENT, shop)
    assert "/edit/" not in agent.get(page).content.decode()
    assert agent.post(f"{page}edit/", form(POT)).status_code == 403
    stranger = manager(factories.shop())
    assert [stranger.get(page).status_code, stranger.post(f"{page}edit/", form(POT)).status_code] == [404, 404]
    assert make(stranger, shop).status_code == 404


def test_the_list_finds_by_words_and_by_article_number(shop):
    client = manager(shop)
    for query, names in (("q=mug", ["mug"]), ("q=LAMP", ["lamp"]), ("q=R-CLOCK", ["clock"]), ("q=nothing", [])):
        shown = client.get(f"/backoffice/products/?{query}").context["page"].rows
        assert [one.slug for one in shown] == names
    assert len(client.get("/backoffice/products/?reset=1", follow=True).context["page"].rows) == 3


def test_a_cart_keeps_its_price_until_it_changes(shop):
    shopper = Shopper(shop)
    shopper.add("MUG")
    mug = Product.objects.get(shop=shop, slug="mug")
    client = manager(shop)
    told = kept(client, mug) | row(0, price_EUR="99")
    assert client.post(f"/backoffice/products/{mug.pk}/edit/", told).status_code == 302
    assert shopper.cart.total_minor == 1250 + 490


# -- two who change one ------------------------------------------------------------------------------


@pytest.fixture
def pot(shop):
    make(manager(shop), shop)
    return Product.objects.get(shop=shop, slug="teapot")


def edit(product):
    return f"/backoffice/products/{product.pk}/edit/"


def saved(product):
    """All that is kept of a product."""
    variants = Variant.objects.filter(product=product)
    rows = Product.objects.filter(pk=product.pk), variants, Price.objects.filter(variant__in=variants)
    return [list(one.order_by("pk").values()) for one in rows]


SMALL = row(1, **POT | {"sku": "POT-S", "option": "Blue"})


@pytest.mark.parametrize(
    "theirs",
    [
        {"name_de": "Ihre"},
        {"category": "Table"},
        {"tax_rate_ppm": "10"},
        row(0, price_CHF="1.50"),
        row(0, option="Green"),
        SMALL,
        {"picture": SimpleUploadedFile("a.png", PNG)},
    ],
    ids=lambda theirs: next(iter(theirs)),
)
def test_who_saves_a_product_that_another_one_saved_meanwhile_is_told_and_overwrites_nothing(shop, pot, theirs):
    client = manager(shop)
    told = kept(client, pot)
    assert manager(shop).post(edit(pot), told | theirs).status_code == 302
    before = saved(pot)
    mine = told | {"name_en": "Mine"} | row(0, price_EUR="7,70")
    for mark in ("", "made up", told["mark"]):
        answer = client.post(edit(pot), mine | {"mark": mark})
        assert "Somebody else has saved this" in answer.content.decode()
        assert saved(pot) == before
    form = answer.context["form"]
    assert not any(form.prices.errors)
    assert (form["name_en"].value(), form.prices[0]["price_EUR"].value()) == ("Mine", "7,70")
    assert client.post(edit(pot), mine | {"mark": form["mark"].value()}).status_code == 302  # now they know
    pot.refresh_from_db()
    price = Price.objects.get(variant__sku="POT", currency="EUR")
    assert (pot.name("en"), price.price_micros) == ("Mine", 7_700_000)


def test_a_variant_that_another_one_added_stands_beside_mine(shop, pot):
    client = manager(shop)
    told = kept(client, pot)
    manager(shop).post(edit(pot), told | SMALL)
    mine = told | row(1, **POT | {"sku": "POT-XL", "option": "White"})
    form = client.post(edit(pot), mine).context["form"]
    assert form.is_overtaken
    assert (form.prices[1]["sku"].value(), form.prices[1].initial) == ("POT-XL", {})
    assert client.post(edit(pot), mine | {"mark": form["mark"].value()}).status_code == 302
    options = {one.sku: one.option("en") for one in pot.variants.all()}
    assert options == {"POT": "Red", "POT-S": "Blue", "POT-XL": "White"}


def test_a_picture_that_came_with_a_refused_form_is_asked_for_again(shop, pot):
    """A page cannot put a file back: without a word it would be lost at the second try."""
    client = manager(shop)
    told = kept(client, pot)
    manager(shop).post(edit(pot), told | {"name_de": "Ihre"})
    answer = client.post(edit(pot), told | {"picture": SimpleUploadedFile("a.png", PNG)})
    assert "Please choose the picture once more." in answer.content.decode()
    assert "picture" in answer.context["form"].errors
    assert not Variant.objects.get(sku="POT").picture


def test_two_who_save_the_same_product_are_not_bothered(shop, pot):
    first, second = manager(shop), manager(shop)
    told = kept(first, pot) | {"name_en": "Ours", "category": "Table"} | row(0, price_EUR="7.70")
    assert [one.post(edit(pot), told).status_code for one in (first, second)] == [302, 302]


def test_without_its_mark_the_later_form_would_overwrite_the_other_in_silence(shop, pot):
    """The guard of the tests above."""
    for name in ("Theirs", "Mine"):
        services.save(shop.pk, services.ProductDraft(names={"en": name}, language="en"), pot)
    assert Product.objects.get(pk=pot.pk).names == {"en": "Mine"}


@pytest.mark.django_db(transaction=True)
def test_of_many_who_save_a_product_at_once_one_is_kept_and_the_others_are_told(shop):
    mug = Product.objects.get(shop=shop, slug="mug")
    shown = services.product_mark(mug, "en")

    def write(number):
        mine, draft = Product.objects.get(pk=mug.pk), services.ProductDraft(names={"en": f"By {number}"}, language="en")
        return lambda: services.save(shop.pk, draft, mine, shown=shown)

    results = together([write(number) for number in range(6)])
    assert [type(one) for one in results].count(SavedMeanwhile) == 5
    winner = next(number for number, one in enumerate(results) if isinstance(one, Product))
    assert Product.objects.get(pk=mug.pk).names == {"en": f"By {winner}"}
