"""Imprint, terms and the like: the owner's words, shown at the foot of each page, as text."""

import pytest

from ghostcart.backoffice.models import Role
from ghostcart.shops import services
from ghostcart.shops.models import Shop
from tests import factories

pytestmark = pytest.mark.django_db


def write(client, shop, language="en", **texts):
    client.force_login(factories.staff(Role.OWNER, shop))
    page = f"/backoffice/settings/{shop.pk}/pages/{language}/"
    return client.post(page, {"mark": client.get(page).context["form"]["mark"].value(), **texts})


def test_what_is_written_stands_at_the_foot_and_on_its_page(client, shop):
    assert write(client, shop, imprint="Fern & Clay\n\n<b>Via Roma 1</b>").status_code == 302
    home = client.get(f"/{shop.slug}/en/").content.decode()
    assert f'href="/{shop.slug}/en/info/imprint/"' in home
    assert "info/terms/" not in home
    page = client.get(f"/{shop.slug}/en/info/imprint/").content.decode()
    assert "<p>Fern &amp; Clay</p>" in page
    assert "&lt;b&gt;Via Roma 1&lt;/b&gt;" in page
    assert client.get(f"/{shop.slug}/en/info/terms/").status_code == 404
    assert client.get(f"/{shop.slug}/en/info/nonsense/").status_code == 404


def test_a_language_without_a_text_shows_that_of_the_shop(client, shop):
    write(client, shop, terms="Terms.")
    write(client, shop, "de", terms="Bedingungen.")
    shop.refresh_from_db()
    assert shop.pages == {"terms": {"en": "Terms.", "de": "Bedingungen."}}
    for language, text in (("de", "Bedingungen."), ("fr", "Terms.")):
        assert text in client.get(f"/{shop.slug}/{language}/info/terms/").content.decode()
    write(client, shop, "de", terms="")
    assert "Terms." in client.get(f"/{shop.slug}/de/info/terms/").content.decode()


def test_they_are_named_below_the_button_that_orders(client, shop):
    write(client, shop, terms="Terms.")
    page = client.get(f"/{shop.slug}/en/checkout/").content.decode()
    assert page.index("data-order>") < page.index("checkout__infos")


def test_of_two_who_write_a_page_the_later_is_told_and_overwrites_nothing_and_other_languages_stay(client, shop):
    client.force_login(factories.staff(Role.OWNER, shop))
    shown = client.get(f"/backoffice/settings/{shop.pk}/pages/en/").context["form"]["mark"].value()
    write(client, shop, "de", terms="Bedingungen.")  # of another language: nothing to tell
    write(client, shop, terms="Theirs.")
    answer = write(client, shop, mark=shown, terms="Mine.")
    assert "Somebody else has saved this" in answer.content.decode()
    assert answer.context["form"]["terms"].value() == "Mine."
    shop.refresh_from_db()
    assert shop.pages == {"terms": {"en": "Theirs.", "de": "Bedingungen."}}
    assert write(client, shop, mark=answer.context["form"]["mark"].value(), terms="Mine.").status_code == 302
    shop.refresh_from_db()
    assert shop.pages == {"terms": {"en": "Mine.", "de": "Bedingungen."}}


def test_two_who_write_in_two_languages_at_once_lose_nothing(shop):
    """Each begins from the shop as it was before the other wrote."""
    first, second = Shop.objects.get(pk=shop.pk), Shop.objects.get(pk=shop.pk)
    services.write_pages(first, "en", {"imprint": "", "terms": "Terms.", "returns": "", "privacy": ""})
    services.write_pages(second, "de", {"imprint": "", "terms": "Bedingungen.", "returns": "", "privacy": ""})
    shop.refresh_from_db()
    assert shop.pages == {"terms": {"en": "Terms.", "de": "Bedingungen."}}


def test_only_owners_write_them(client, shop):
    for role, status in ((Role.MANAGER, 403), (Role.VIEWER, 403)):
        client.force_login(factories.staff(role, shop))
        assert client.post(f"/backoffice/settings/{shop.pk}/pages/en/", {"imprint": "x"}).status_code == status
    client.force_login(factories.staff(Role.OWNER, factories.shop()))
    assert client.post(f"/backoffice/settings/{shop.pk}/pages/en/", {"imprint": "x"}).status_code == 404
