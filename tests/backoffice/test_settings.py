"""Settings of a shop: each is saved and told, wrong ones are refused beside their field, and two owners who change them
at once do not overwrite each other in silence.
"""

from datetime import timedelta

import pytest
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts.models import Status
from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.shops import services
from ghostcart.shops.errors import NotConfirmed
from ghostcart.shops.models import ConsentChoice, ShippingMethod, Shop
from tests import factories
from tests.backoffice.cast import signed_in
from tests.factories import NOON
from tests.races import together

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def owner(client, shop):
    user = factories.staff(Role.OWNER, shop)
    client.force_login(user)
    return user


def url_of(shop: Shop) -> str:
    return reverse("backoffice:shop-settings", args=[shop.pk])


def mark_of(client, page: str) -> str:
    """What the page's form was filled with now."""
    return client.get(page).context["form"]["mark"].value()


def save(client, page: str, told: dict[str, object]):
    """As a browser does that has just opened the page."""
    return client.post(page, {"mark": mark_of(client, page), **told})


def values(**changed) -> dict[str, object]:
    return {
        "name": "Fern & Clay",
        "languages": ["en", "it", "de"],
        "language": "it",
        "currencies": "EUR, CHF",
        "currency": "EUR",
        "time_zone": "Europe/Zurich",
        "abandoned_number": "24",
        "abandoned_unit": "hours",
        "abandoned_basis": "activity",
        "online_minutes": "20",
        "rounding": "half_even",
        "rounding_type": "total",
    } | changed


def test_every_setting_is_saved(client, shop):
    answer = save(client, url_of(shop), values(currencies="eur,jpy , EUR", abandoned_number="3"))
    assert answer.status_code == 302, answer.context["form"].errors
    shop.refresh_from_db()
    assert (shop.name, shop.languages, shop.language) == ("Fern & Clay", ["en", "it", "de"], "it")
    assert (shop.currencies, shop.currency, shop.time_zone) == (["EUR", "JPY"], "EUR", "Europe/Zurich")
    assert (shop.abandoned_minutes, shop.abandoned_basis, shop.online_minutes) == (180, "activity", 20)
    assert (shop.rounding, shop.rounding_type) == ("half_even", "total")


def test_the_form_shows_what_is_saved_in_the_largest_whole_unit(client, shop):
    for minutes, number, unit in ((2880, 2, "days"), (90, 90, "minutes"), (120, 2, "hours")):
        Shop.objects.filter(pk=shop.pk).update(abandoned_minutes=minutes)
        form = client.get(url_of(shop)).context["form"]
        assert (form.initial["abandoned_number"], form.initial["abandoned_unit"]) == (number, unit)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("languages", []),
        ("languages", ["en", "xx"]),
        ("language", "fr"),
        ("currencies", "EUR, XQZ"),
        ("currencies", ""),
        ("currency", "USD"),
        ("time_zone", "Mars/Olympus"),
        ("abandoned_number", "0"),
        ("abandoned_number", "-5"),
        ("abandoned_number", "99999999999999999999"),
        ("abandoned_unit", "years"),
        ("abandoned_basis", "moon"),
        ("online_minutes", "0"),
        ("rounding", "banker"),
        ("rounding_type", "\x00"),
        ("origins", "https://*.shop.example"),
        ("origins", "https://shop.example/cart"),
        ("origins", "\n".join(f"https://shop{n}.example" for n in range(21))),
    ],
)
def test_a_wrong_value_is_refused_beside_its_field_and_nothing_is_saved(client, shop, field, wrong):
    before = Shop.objects.filter(pk=shop.pk).values().get()
    answer = save(client, url_of(shop), values(**{field: wrong}))
    assert answer.status_code == 200
    assert field in answer.context["form"].errors
    assert Shop.objects.filter(pk=shop.pk).values().get() == before


def test_the_sites_that_may_call_are_kept_as_browsers_name_them(client, shop):
    save(client, url_of(shop), values(origins="https://Shop.example/\r\nhttp://localhost:8080 https://shop.example"))
    shop.refresh_from_db()
    assert shop.origins == ["https://shop.example", "http://localhost:8080"]
    page = client.get(url_of(shop))
    assert page.context["form"].initial["origins"] == "https://shop.example\nhttp://localhost:8080"
    assert shop.public_key in page.content.decode()


def test_a_new_threshold_counts_at_once_for_the_carts_that_are_there(client, shop):
    shopper = factories.Shopper(shop)
    shopper.add("MUG")
    later = factories.NOON + timedelta(hours=2)
    assert shopper.cart.status(later) == Status.OPEN
    save(client, url_of(shop), values(abandoned_number="1"))
    assert shopper.cart.status(later) == Status.ABANDONED


def test_the_basis_may_be_the_creation_as_in_prestashop(client, shop):
    shopper = factories.Shopper(shop)
    shopper.add("MUG")
    shopper.wait(hours=20).add("LAMP")
    next_day = factories.NOON + timedelta(hours=25)
    assert shopper.cart.status(next_day) == Status.OPEN
    save(client, url_of(shop), values(abandoned_basis="created"))
    assert shopper.cart.status(next_day) == Status.ABANDONED


def test_only_a_changed_threshold_counts_carts_anew(client, shop, monkeypatch):
    from ghostcart.backoffice.views import settings

    counted = []
    monkeypatch.setattr(settings.cart_services, "retime", counted.append)
    save(client, url_of(shop), values())
    assert counted == []
    save(client, url_of(shop), values(abandoned_number="25"))
    assert [one.pk for one in counted] == [shop.pk]


def test_saving_settings_never_takes_back_an_order_number(shop):
    """The hot path counts `next_order_number`: a form that was open meanwhile must not overwrite it."""
    stale = Shop.objects.get(pk=shop.pk)
    Shop.objects.filter(pk=shop.pk).update(next_order_number=77)
    services.change_settings(stale, name="Other")
    assert Shop.objects.get(pk=shop.pk).next_order_number == 77


def test_saving_one_setting_takes_back_no_other(shop):
    stale = Shop.objects.get(pk=shop.pk)
    services.change_settings(shop, languages=["en", "nl"], currencies=["EUR"], mail_cap=9)
    services.change_settings(stale, name="Other")
    kept = Shop.objects.get(pk=shop.pk)
    assert (kept.name, kept.languages, kept.currencies, kept.mail_cap) == ("Other", ["en", "nl"], ["EUR"], 9)


def test_each_setting_is_explained(client, shop):
    form = client.get(url_of(shop)).context["form"]
    bare = [field.name for field in form.visible_fields() if not field.help_text]
    assert bare == ["name", "abandoned_number", "abandoned_unit"]  # explained by the sentence around them


def test_an_owner_of_several_shops_comes_to_the_one_in_view(client, owner, shop):
    second = factories.shop()
    owner.memberships.create(shop=second, role=Role.OWNER)
    page = reverse("backoffice:settings")
    assert client.get(page)["Location"] == url_of(shop)
    client.post(reverse("backoffice:shop"), {"shop": second.pk})
    assert client.get(page)["Location"] == url_of(second)


def test_an_owner_changes_no_shop_of_others(client, owner):
    other = factories.shop()
    assert client.post(url_of(other), values()).status_code == 404
    owner.memberships.create(shop=other, role=Role.MANAGER)
    assert client.post(url_of(other), values()).status_code == 403
    other.refresh_from_db()
    assert other.name != "Fern & Clay"


# -- who may be reminded -----------------------------------------------------------------------------


def mail_values(**changed) -> dict[str, object]:
    return {"consent_basis": "consent", "mail_cap": 3, "mail_cap_days": 7, "quiet_from": "21:00",
            "quiet_until": "08:00"} | changed  # fmt: skip


def test_who_reminds_people_that_never_agreed_confirms_it_and_who_when_and_what_is_written_down(
    client, owner, shop, monkeypatch
):
    monkeypatch.setattr("ghostcart.lib.clock.now", lambda: NOON)
    page = reverse("backoffice:mail-settings", args=[shop.pk])
    answer = save(client, page, mail_values(consent_basis="customer", mail_cap=5))
    assert "consent_confirmed" in answer.context["form"].errors
    shop.refresh_from_db()
    assert (shop.consent_basis, shop.mail_cap) == ("consent", 3)
    assert not ConsentChoice.objects.exists()
    sentence = str(answer.context["form"].fields["consent_confirmed"].label)
    assert "The law where our customers live allows us" in sentence
    save(client, page, mail_values(consent_basis="customer", consent_confirmed="on"))
    save(client, page, mail_values(consent_basis="customer", mail_cap=5))  # chosen already: nothing to confirm
    save(client, page, mail_values())
    shop.refresh_from_db()
    assert (shop.consent_basis, shop.mail_cap) == ("consent", 3)
    assert list(ConsentChoice.objects.values_list("shop", "basis", "actor", "at", "sentence")) == [
        (shop.pk, "customer", owner.actor, NOON, sentence),
        (shop.pk, "consent", owner.actor, NOON, ""),
    ]
    told = client.get(page).content.decode()
    assert sentence in told
    assert str(owner) in told
    assert "consent_confirmed" in save(client, page, mail_values(consent_basis="customer")).context["form"].errors


def test_without_a_sentence_that_was_confirmed_the_service_refuses_it(shop):
    for sentence in ("", " "):
        with pytest.raises(NotConfirmed):
            services.change_settings(shop, services.Chosen("customer", "staff:1", NOON, sentence), mail_cap=9)
    with pytest.raises(TypeError):
        services.change_settings(shop, consent_basis="customer")
    kept = Shop.objects.get(pk=shop.pk)
    assert (kept.consent_basis, kept.mail_cap) == ("consent", 3)
    assert not ConsentChoice.objects.exists()


# -- shipping ----------------------------------------------------------------------------------------


def method_url(shop: Shop, method) -> str:
    return reverse("backoffice:shipping-method", args=[shop.pk, method.pk])


def prices(shop: Shop, **changed) -> dict[str, str]:
    names = {f"name_{language}": "" for language in shop.languages}
    return names | {"name_en": "Courier", "price_EUR": "4,90", "price_CHF": "6", "is_active": "on"} | changed


def test_a_shipping_method_gets_names_prices_and_can_be_taken_off(client, shop):
    method = shop.shipping_methods.get(code="standard")
    assert save(client, method_url(shop, method), prices(shop, name_de="Kurier")).status_code == 302
    method.refresh_from_db()
    assert method.names == {"en": "Courier", "de": "Kurier"}
    assert (method.prices_minor, method.is_active) == ({"EUR": 490, "CHF": 600}, True)
    save(client, method_url(shop, method), {name: value for name, value in prices(shop).items() if name != "is_active"})
    method.refresh_from_db()
    assert not method.is_active


def test_the_price_shown_is_the_price_saved(client, shop):
    method = shop.shipping_methods.get(code="standard")
    form = client.get(method_url(shop, method)).context["form"]
    assert 'value="4.90"' in str(form["price_EUR"])


@pytest.mark.parametrize("wrong", ["", "-1", "1.234", "a lot", "1e3", "NaN", "9" * 19, "٣"])
def test_a_price_that_is_none_is_refused(client, shop, wrong):
    method = shop.shipping_methods.get(code="standard")
    answer = save(client, method_url(shop, method), prices(shop, price_EUR=wrong))
    assert "price_EUR" in answer.context["form"].errors
    method.refresh_from_db()
    assert method.prices_minor["EUR"] == 490


def test_a_method_is_only_reached_through_its_own_shop(client, owner, shop):
    other = factories.shop()
    assert client.get(method_url(shop, other.shipping_methods.first())).status_code == 404


# -- two who change them at once ---------------------------------------------------------------------


def shop_page(shop: Shop, **changed) -> tuple[str, dict[str, object]]:
    return url_of(shop), values(**changed)


def mail_page(shop: Shop, **changed) -> tuple[str, dict[str, object]]:
    return reverse("backoffice:mail-settings", args=[shop.pk]), mail_values(**changed)


def shipping_page(shop: Shop, **changed) -> tuple[str, dict[str, object]]:
    return method_url(shop, shop.shipping_methods.get(code="standard")), prices(shop, **changed)


def saved(shop: Shop) -> list[object]:
    return [*Shop.objects.filter(pk=shop.pk).values(), *ShippingMethod.objects.filter(shop=shop).values()]


@pytest.mark.parametrize(
    ("page", "theirs", "mine"),
    [
        (shop_page, {"name": "Theirs"}, {"online_minutes": "7"}),
        (shop_page, {"currencies": "EUR, USD"}, {"name": "Mine", "origins": "https://mine.example"}),
        (mail_page, {"mail_imprint": "Theirs"}, {"mail_name": "Mine"}),
        (mail_page, {"quiet_until": "09:30"}, {"notice_above_minor": "99.50", "bank_details": "Mine"}),
        (mail_page, {"consent_basis": "customer", "consent_confirmed": "on"}, {"mail_cap": "1"}),
        (shipping_page, {"price_EUR": "1.50"}, {"name_en": "Mine"}),
        (shipping_page, {"name_de": "Ihre"}, {"price_CHF": "7.70"}),
    ],
)
def test_who_saves_settings_that_another_one_saved_meanwhile_is_told_and_overwrites_nothing(
    client, shop, page, theirs, mine
):
    address, wanted = page(shop, **mine)
    shown = mark_of(client, address)
    assert save(signed_in(Role.OWNER, shop), *page(shop, **theirs)).status_code == 302
    before = saved(shop)
    for mark in ("", "made up", shown):
        answer = client.post(address, wanted | {"mark": mark})
        assert "Somebody else has saved this" in answer.content.decode()
        assert saved(shop) == before
    form = answer.context["form"]
    assert {name: form[name].value() for name in mine} == mine
    assert client.post(address, wanted | {"mark": form["mark"].value()}).status_code == 302  # now they know
    assert saved(shop) != before
    again = client.get(address).context["form"]
    assert all(text in str(again[name]) for name, text in mine.items())


@pytest.mark.parametrize("page", [shop_page, mail_page, shipping_page])
def test_two_owners_who_save_the_same_are_not_bothered(client, shop, page):
    address, wanted = page(shop)
    wanted["mark"] = mark_of(client, address)
    assert [one.post(address, wanted).status_code for one in (client, signed_in(Role.OWNER, shop))] == [302, 302]


def test_pages_that_share_no_setting_do_not_bother_each_other(client, shop):
    """The settings of a shop and those of its mail are of one row."""
    (shops, of_shop), (mails, of_mail) = shop_page(shop, name="Mine"), mail_page(shop, mail_name="Theirs")
    of_shop["mark"] = mark_of(client, shops)
    assert save(signed_in(Role.OWNER, shop), mails, of_mail).status_code == 302
    assert client.post(shops, of_shop).status_code == 302
    shop.refresh_from_db()
    assert (shop.name, shop.mail_name) == ("Mine", "Theirs")


def test_a_rule_of_consent_that_another_one_took_back_is_confirmed_anew(client, shop):
    """The form of who did not see it has no tick: the rule held already."""
    services.change_settings(shop, services.Chosen("customer", "staff:1", NOON, "Yes."))
    address, mine = mail_page(shop, consent_basis="customer", mail_cap=5)
    mine["mark"] = mark_of(client, address)
    assert save(signed_in(Role.OWNER, shop), *mail_page(shop)).status_code == 302
    told = client.post(address, mine).context["form"]
    assert told.is_overtaken
    assert "consent_confirmed" in told.fields
    asked = client.post(address, mine | {"mark": told["mark"].value()}).context["form"]
    assert "consent_confirmed" in asked.errors
    shop.refresh_from_db()
    assert (shop.consent_basis, shop.mail_cap) == ("consent", 3)


def test_without_its_mark_the_later_form_would_overwrite_the_other_in_silence(shop):
    """The guard of the tests above."""
    method = shop.shipping_methods.get(code="standard")
    for name in ("Theirs", "Mine"):
        services.change_settings(Shop.objects.get(pk=shop.pk), name=name, mail_name=name)
        services.change_shipping_method(method, names={"en": name}, prices_minor={"EUR": 1}, is_active=True)
    kept = Shop.objects.get(pk=shop.pk)
    assert (kept.name, kept.mail_name, kept.shipping_methods.get(code="standard").names) == (
        "Mine",
        "Mine",
        {"en": "Mine"},
    )


@pytest.mark.django_db(transaction=True)
def test_of_many_who_save_settings_at_once_one_is_kept_and_the_others_are_told(shop):
    method = shop.shipping_methods.get(code="standard")
    shown = services.settings_mark(shop, ["name", "mail_cap"])
    shown_method = services.shipping_mark(method)

    def settings(number):
        mine = Shop.objects.get(pk=shop.pk)
        return lambda: services.change_settings(mine, shown=shown, name=f"By {number}", mail_cap=number)

    def shipping(number):
        mine, named = ShippingMethod.objects.get(pk=method.pk), {"en": f"By {number}"}
        told = {"names": named, "prices_minor": {"EUR": number}, "is_active": True}
        return lambda: services.change_shipping_method(mine, shown=shown_method, **told)

    for job in (settings, shipping):
        results = together([job(number) for number in range(6)])
        assert [type(one) for one in results].count(SavedMeanwhile) == 5
        winner = next(number for number, one in enumerate(results) if not isinstance(one, Exception))
        shop.refresh_from_db()
        method.refresh_from_db()
        kept = (shop.name, shop.mail_cap) if job is settings else (method.names["en"], method.prices_minor["EUR"])
        assert kept == (f"By {winner}", winner)
