"""Campaigns in the back office: made, edited and started there; what is typed is never lost, what is seen is safe."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from ghostcart.backoffice import looks
from ghostcart.backoffice.models import Role
from ghostcart.customers import services as customer_services
from ghostcart.lib import clock
from ghostcart.mail import samples
from ghostcart.mail.models import Message, State
from ghostcart.mail.writing import write_mail
from ghostcart.recovery import campaigns
from ghostcart.recovery.models import Campaign, CampaignState, Kind, Step
from ghostcart.shops.models import Shop
from ghostcart.vouchers.models import Voucher
from tests import factories
from tests.backoffice.cast import manager, signed_in
from tests.factories import NOON
from tests.recovery import following
from tests.recovery.following import DAY, HOUR

pytestmark = pytest.mark.django_db

CODE = samples.voucher("EUR")["code"]
HOSTILE = "<script>alert(1)</script>{{ 7|times:7 }}'\""


@pytest.fixture
def client(shop) -> Client:
    return manager(shop, email="boss@example.com")


@pytest.fixture
def campaign(shop) -> Campaign:
    return campaigns.create(shop, Kind.ABANDONED, "Bring them back", clock.now())


def url(name: str, *numbers: int) -> str:
    return reverse(f"backoffice:{name}", args=numbers)


def first(campaign: Campaign) -> Step:
    return next(iter(campaigns.steps(campaign)))


def step_values(step: Step, **changed) -> dict[str, object]:
    texts = {f"{part}_{one}": text[part] for one, text in step.texts.items() for part in ("subject", "body")}
    return texts | {
        "mark": campaigns.step_mark(step),
        "action": "save",
        "language": "en",
        "delay_number": "2",
        "delay_unit": "hours",
        "since": "activity",
        "voucher": "none",
        "valid_days": "3",
    } | changed  # fmt: skip


def ghost(shop: Shop, email: str = "ada@example.com") -> factories.Shopper:
    """Somebody who said who they are, allowed reminders and left a mug two days ago."""
    shopper = factories.Shopper(shop, at=clock.now() - timedelta(days=2))
    shopper.add("MUG")
    agreed = customer_services.Consented(is_given=True, text="Yes", text_version="1")
    customer = customer_services.identify(shop.pk, email=email, first_name="Ada", consent=agreed, now=shopper.at)
    shopper.do(factories.changes.Identify, customer_id=customer.pk, label=customer.label)
    return shopper


# -- the list and a new one ---------------------------------------------------------------------------


def test_an_empty_list_offers_the_five_kinds(client):
    page = client.get(url("campaigns")).content.decode()
    for kind in Kind.values:
        assert f"{url('campaign-new')}?kind={kind}" in page


def test_who_may_only_look_is_offered_nothing_to_change(shop, campaign):
    viewer = signed_in(Role.VIEWER, shop)
    assert url("campaign-new") not in viewer.get(url("campaigns")).content.decode()
    page = viewer.get(url("campaign", campaign.pk)).content.decode()
    assert "<form" not in page.split("<main")[1].split("</main>")[0]
    assert viewer.get(url("campaign-step", campaign.pk, first(campaign).pk)).status_code == 200


@pytest.mark.parametrize("kind", Kind.values)
def test_each_kind_can_be_made_and_comes_with_steps_that_can_be_drawn(client, shop, kind):
    answer = client.post(url("campaign-new"), {"shop": shop.pk, "kind": kind, "name": "Mine"})
    made = Campaign.objects.get()
    assert answer["Location"] == url("campaign", made.pk)
    assert (made.shop, made.kind, made.name, made.state) == (shop, kind, "Mine", CampaignState.DRAFT)
    assert client.get(answer["Location"]).status_code == 200
    for step in campaigns.steps(made):
        for language in shop.languages:
            frame = client.get(url("campaign-step-preview", made.pk, step.pk), {"language": language})
            assert frame.context["look"].html, frame.context["look"].problems


@pytest.mark.parametrize(
    ("field", "wrong"), [("kind", "spam"), ("kind", ""), ("name", ""), ("name", "x" * 121), ("shop", "99999")]
)
def test_a_new_campaign_that_makes_no_sense_is_refused_beside_its_field(client, shop, field, wrong):
    values = {"shop": shop.pk, "kind": "abandoned", "name": "Mine"} | {field: wrong}
    answer = client.post(url("campaign-new"), values)
    assert field in answer.context["form"].errors
    assert not Campaign.objects.exists()


def test_a_manager_of_one_shop_makes_none_in_another(client):
    other = factories.shop()
    answer = client.post(url("campaign-new"), {"shop": other.pk, "kind": "abandoned", "name": "Mine"})
    assert "shop" in answer.context["form"].errors


# -- whose they are -----------------------------------------------------------------------------------


def test_a_campaign_of_another_shop_is_not_there(client):
    other = campaigns.create(factories.shop(), Kind.THANKS, "Theirs", clock.now())
    step = first(other)
    assert "Theirs" not in client.get(url("campaigns")).content.decode()
    for name in ("campaign", "campaign-audience", "campaign-settings", "campaign-start", "campaign-replay"):
        assert client.get(url(name, other.pk)).status_code == 404
    for name in ("campaign-state", "campaign-meet", "campaign-step-add"):
        assert client.post(url(name, other.pk)).status_code == 404
    for name in ("campaign-step", "campaign-step-edit", "campaign-step-preview"):
        assert client.get(url(name, other.pk, step.pk)).status_code == 404
    for name in ("campaign-step-move", "campaign-step-remove"):
        assert client.post(url(name, other.pk, step.pk)).status_code == 404


def test_a_step_is_only_reached_through_its_own_campaign(client, shop, campaign):
    second = campaigns.create(shop, Kind.THANKS, "Second", clock.now())
    assert client.get(url("campaign-step-edit", campaign.pk, first(second).pk)).status_code == 404


def test_names_are_shown_as_they_are_and_run_nothing(client, shop, campaign):
    Campaign.objects.filter(pk=campaign.pk).update(name=HOSTILE, audience={"groups": [HOSTILE]})
    step = first(campaign)
    step.texts = {"en": {"subject": "<script>alert(2)</script>", "body": "<img src=x onerror=alert(3)>\n\nHello"}}
    step.save()
    pages = [url("campaigns"), url("campaign-start", campaign.pk), url("campaign-audience", campaign.pk)]
    pages += [url("campaign", campaign.pk), url("campaign-settings", campaign.pk)]
    pages += [url("campaign-step-edit", campaign.pk, step.pk), url("campaign-step-preview", campaign.pk, step.pk)]
    for address in pages:
        page = client.get(address).content.decode()
        assert "<script>alert" not in page, address
        assert "<img src=x" not in page, address
        assert "49" not in page.split("<title>")[1].split("</title>")[0]


def test_the_figures_of_a_campaign_open_into_its_mails_and_orders(client, campaign):
    page = unescape(client.get(url("campaign", campaign.pk)).content.decode())
    for path in (f"messages/?campaign={campaign.pk}&state=sent", f"messages/?campaign={campaign.pk}&event=restored",
                 f"report/ledger/?campaign={campaign.pk}"):  # fmt: skip
        assert f'href="/backoffice/{path}"' in page
        assert client.get(f"/backoffice/{path}").status_code == 200


# -- starting and stopping ----------------------------------------------------------------------------


def test_starting_looks_forward_only_unless_the_right_number_is_typed(client, shop, campaign):
    ghost(shop)
    page = client.get(url("campaign-start", campaign.pk))
    assert page.context["backfill_count"] == 1
    for typed in ("", "2", "0", "-1", "one", "1.0", "9" * 30, "١"):
        answer = client.post(url("campaign-start", campaign.pk), {"backfill": "yes", "backfill_count": typed})
        assert answer.status_code == 200, typed
        assert answer.context["error"]
        campaign.refresh_from_db()
        assert campaign.state == CampaignState.DRAFT
    answer = client.post(url("campaign-start", campaign.pk), {"backfill": "yes", "backfill_count": "1"})
    campaign.refresh_from_db()
    assert (answer.status_code, campaign.state) == (302, CampaignState.RUNNING)
    assert campaign.looked_until < clock.now() - timedelta(days=2)


def test_a_start_without_backfill_needs_no_number(client, shop, campaign):
    ghost(shop)
    client.post(url("campaign-start", campaign.pk), {"backfill": "no", "backfill_count": "77"})
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.RUNNING
    assert campaign.looked_until > clock.now() - timedelta(days=2)


def test_it_can_be_paused_go_on_and_be_ended_for_good(client, campaign):
    client.post(url("campaign-start", campaign.pk))
    for action, state in (("pause", "paused"), ("resume", "running"), ("end", "ended"), ("resume", "ended")):
        client.post(url("campaign-state", campaign.pk), {"action": action})
        campaign.refresh_from_db()
        assert campaign.state == state, action
    page = client.get(url("campaign", campaign.pk)).content.decode()
    assert f'action="{url("campaign-step-add", campaign.pk)}"' not in page


@pytest.mark.parametrize(
    "values", [{}, {"action": "explode"}, {"action": "let_through"}, {"action": "let_through", "size": "x"}]
)
def test_an_action_that_is_none_changes_nothing(client, campaign, values):
    before = Campaign.objects.filter(pk=campaign.pk).values().get()
    assert client.post(url("campaign-state", campaign.pk), values).status_code == 302
    assert Campaign.objects.filter(pk=campaign.pk).values().get() == before


# -- whom it is for -----------------------------------------------------------------------------------


def audience_values(**changed) -> dict[str, object]:
    return {"buyers": "any", "newsletter": "any"} | changed


def test_every_condition_of_the_audience_is_kept_shown_again_and_said_in_words(client, shop, campaign):
    category = shop.categories.get()
    values = audience_values(
        languages=["en", "it"], countries=["IT", "CH"], currencies=["EUR"], items_min="2", items_max="9",
        products_in="R-MUG, R-LAMP", products_out="R-CLOCK", categories_in=[category.pk], buyers="returning",
        orders_min="1", orders_max="5", newsletter="yes", groups="Friends; Family, Friends",
        value_min_EUR="20", value_max_EUR="99,50",
    )  # fmt: skip
    answer = client.post(url("campaign-audience", campaign.pk), values)
    assert answer.status_code == 302, answer.context["form"].errors
    campaign.refresh_from_db()
    ids = dict(shop.products.values_list("reference", "pk"))
    assert campaign.audience == {
        "languages": ["en", "it"], "countries": ["IT", "CH"], "currencies": ["EUR"], "items_min": 2, "items_max": 9,
        "product_ids_in": [ids["R-MUG"], ids["R-LAMP"]], "product_ids_out": [ids["R-CLOCK"]],
        "category_ids_in": [category.pk], "buyers": "returning", "orders_min": 1, "orders_max": 5, "newsletter": "yes",
        "groups": ["Friends", "Family"], "value_min_minor": {"EUR": 2000}, "value_max_minor": {"EUR": 9950},
    }  # fmt: skip
    form = client.get(url("campaign-audience", campaign.pk)).context["form"]
    assert form.initial["products_in"] == "R-MUG, R-LAMP"
    assert 'value="99.50"' in str(form["value_max_EUR"])
    said = client.get(url("campaign", campaign.pk)).context["audience"]
    assert len(said) == 13
    assert any("Italy" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("languages", ["xx"]),
        ("countries", ["ZZZ"]),
        ("items_min", "0"),
        ("items_min", "many"),
        ("products_in", "R-MUG, R-NOTHING"),
        ("categories_in", ["999999"]),
        ("buyers", "ghosts"),
        ("newsletter", ""),
        ("value_min_EUR", "a lot"),
        ("value_min_EUR", "-1"),
        ("groups", "a\x00b"),
    ],
)
def test_a_wrong_condition_is_refused_beside_its_field_and_the_rest_stays_typed(client, campaign, field, wrong):
    answer = client.post(url("campaign-audience", campaign.pk), audience_values(groups="Friends") | {field: wrong})
    form = answer.context["form"]
    assert field in form.errors
    assert field == "groups" or form["groups"].value() == "Friends"
    campaign.refresh_from_db()
    assert campaign.audience == {}


def test_a_most_below_the_least_is_refused(client, campaign):
    values = audience_values(items_min="5", items_max="4", value_min_EUR="10", value_max_EUR="9.99")
    errors = client.post(url("campaign-audience", campaign.pk), values).context["form"].errors
    assert set(errors) == {"items_max", "value_max_EUR"}


def test_the_count_follows_the_form_and_saves_nothing(client, shop, campaign):
    ghost(shop, "one@example.com")
    ghost(shop, "two@example.com").add("LAMP", 2)

    def ask(**values):
        return client.post(url("campaign-meet", campaign.pk), audience_values(**values), headers={"HX-Request": "true"})

    assert ask().context["count"] == 2
    assert ask(value_min_EUR="100").context["count"] == 1
    assert ask(value_min_EUR="1000").context["count"] == 0
    answer = ask(value_min_EUR="nonsense")
    assert answer.status_code == 200
    assert not answer.context["is_valid"]
    campaign.refresh_from_db()
    assert campaign.audience == {}


# -- settings -----------------------------------------------------------------------------------------


def settings_values(**changed) -> dict[str, object]:
    return {
        "name": "New name",
        "priority": "3",
        "holdout": "12.5",
        "currency": "CHF",
        "day_budget": "50",
        "budget": "",
    } | changed


def test_settings_are_saved_and_the_share_held_out_is_locked_by_the_start(client, campaign):
    address = url("campaign-settings", campaign.pk)
    assert client.post(address, settings_values()).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.name, campaign.priority, campaign.holdout_bp) == ("New name", 3, 1250)
    assert (campaign.currency, campaign.day_budget_minor, campaign.budget_minor) == ("CHF", 5000, None)
    client.post(url("campaign-start", campaign.pk))
    assert client.post(address, settings_values(holdout="50", priority="4")).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.holdout_bp, campaign.priority) == (1250, 4)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("name", " "), ("priority", "0"), ("priority", "x"), ("holdout", "91"), ("holdout", "-1"), ("holdout", "NaN"),
     ("currency", "USD"), ("day_budget", "lots")],
)  # fmt: skip
def test_wrong_settings_are_refused_and_nothing_is_saved(client, campaign, field, wrong):
    before = Campaign.objects.filter(pk=campaign.pk).values().get()
    answer = client.post(url("campaign-settings", campaign.pk), settings_values(**{field: wrong}))
    assert field in answer.context["form"].errors
    assert Campaign.objects.filter(pk=campaign.pk).values().get() == before


@pytest.mark.parametrize(
    ("kind", "fields"), [(Kind.BEST, {"threshold", "days"}), (Kind.LAPSED, {"days"}), (Kind.THANKS, set())]
)
def test_only_kinds_with_a_period_ask_for_one(client, shop, kind, fields):
    made = campaigns.create(shop, kind, "Kind", clock.now())
    form = client.get(url("campaign-settings", made.pk)).context["form"]
    assert {"threshold", "days"} & set(form.fields) == fields


# -- steps --------------------------------------------------------------------------------------------


def test_a_step_is_saved_with_its_texts_and_its_voucher(client, campaign):
    step = list(campaigns.steps(campaign))[1]
    values = step_values(step, delay_number="3", delay_unit="days", voucher="amount", amount_EUR="5", minimum_EUR="40",
                         valid_days="7", subject_de="Neu", body_de="Hallo\r\n\r\n{{ cart_lines }}")  # fmt: skip
    answer = client.post(url("campaign-step-edit", campaign.pk, step.pk), values)
    assert answer.status_code == 302, answer.context["form"].errors
    step.refresh_from_db()
    assert (step.delay_minutes, step.since, step.voucher, step.valid_days) == (3 * 1440, "activity", "amount", 7)
    assert (step.amounts_minor, step.minimums_minor) == ({"EUR": 500}, {"EUR": 4000})
    assert step.texts["de"] == {"subject": "Neu", "body": "Hallo\n\n{{ cart_lines }}"}


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("delay_number", {"delay_number": "-1"}),
        ("delay_number", {"delay_number": "27", "delay_unit": "weeks"}),
        ("delay_unit", {"delay_unit": "years"}),
        ("percent", {"voucher": "percent", "percent": ""}),
        ("percent", {"voucher": "percent", "percent": "101"}),
        ("amount_EUR", {"voucher": "amount"}),
        ("valid_days", {"valid_days": "0"}),
        ("subject_en", {"subject_en": "", "body_en": "Hello"}),
        ("body_en", {"subject_en": "Hello", "body_en": " "}),
        ("subject_en", {"subject_en": "x" * 1001}),
        ("body_en", {"body_en": "One\nTwo {% if %}"}),
        ("body_en", {"body_en": "{{ no.such.thing }}"}),
        ("subject_en", {"subject_en": "{{ cart_lines }}"}),
        ("body_fr", {"subject_fr": "Bonjour", "body_fr": "{% for x in (1..99999999) %}x{% endfor %}"}),
    ],
)
def test_a_wrong_step_is_refused_beside_its_field_and_nothing_typed_is_lost(client, campaign, field, changed):
    step = list(campaigns.steps(campaign))[1]
    before = Step.objects.filter(pk=step.pk).values().get()
    values = step_values(step, subject_nl="Mijn onderwerp", **changed)
    answer = client.post(url("campaign-step-edit", campaign.pk, step.pk), values)
    form = answer.context["form"]
    assert field in form.errors
    assert form["subject_nl"].value() == "Mijn onderwerp"
    assert all(form[name].value() == value for name, value in changed.items())
    assert Step.objects.filter(pk=step.pk).values().get() == before


def test_an_error_in_a_text_names_its_line_and_marks_its_language(client, campaign):
    step = first(campaign)
    values = step_values(step, body_it="Ciao\n\n{{ nome }}")
    answer = client.post(url("campaign-step-edit", campaign.pk, step.pk), values)
    assert "Line 3" in answer.context["form"].errors["body_it"][0]
    wrong = [panel["language"] for panel in answer.context["form"].panels() if panel["has_errors"]]
    assert wrong == ["it"]


def test_a_missing_language_is_seen_and_filled_from_another_without_saving(client, campaign):
    step = first(campaign)
    step.texts.pop("de")
    step.save()
    address = url("campaign-step-edit", campaign.pk, step.pk)
    panels = {panel["language"]: panel for panel in client.get(address).context["form"].panels()}
    assert [one for one, panel in panels.items() if panel["is_missing"]] == ["de"]
    values = step_values(step, action="copy:de", copy_de="it", subject_it="Appena scritto", subject_en="Just typed")
    form = client.post(address, values).context["form"]
    assert form["subject_de"].value() == "Appena scritto"
    assert form["body_de"].value() == step.texts["it"]["body"]
    assert form["subject_en"].value() == "Just typed"
    step.refresh_from_db()
    assert "de" not in step.texts


def test_texts_in_languages_that_the_shop_left_are_kept(client, shop, campaign):
    Shop.objects.filter(pk=shop.pk).update(languages=["en", "it"])
    step = first(campaign)
    kept = step.texts["nl"]
    values = {name: value for name, value in step_values(step).items() if not name.endswith("_nl")}
    assert client.post(url("campaign-step-edit", campaign.pk, step.pk), values).status_code == 302
    step.refresh_from_db()
    assert step.texts["nl"] == kept


@pytest.mark.parametrize("theirs", [{"subject_it": "Theirs"}, {"body_de": "Von ihr"}, {"delay_number": "5"}])
def test_who_saves_a_step_that_another_one_saved_meanwhile_is_told_and_overwrites_nothing(
    client, shop, campaign, theirs
):
    step = first(campaign)
    page = url("campaign-step-edit", campaign.pk, step.pk)
    shown = {"mark": client.get(page).context["form"]["mark"].value()}
    assert manager(shop).post(page, step_values(step, **shown, **theirs)).status_code == 302
    saved = Step.objects.filter(pk=step.pk).values().get()
    mine = step_values(step, **shown, subject_en="Mine")
    answer = client.post(page, mine)
    form = answer.context["form"]
    assert "Somebody else has saved this" in answer.content.decode()
    assert form["subject_en"].value() == "Mine"
    assert Step.objects.filter(pk=step.pk).values().get() == saved
    assert client.post(page, mine | {"mark": form["mark"].value()}).status_code == 302  # now they know
    step.refresh_from_db()
    assert step.texts["en"]["subject"] == "Mine"


def test_a_form_that_does_not_say_what_it_was_filled_with_overwrites_nothing(client, campaign):
    step = first(campaign)
    page = url("campaign-step-edit", campaign.pk, step.pk)
    for mark in ("", "made up", "x" * 65):
        assert client.post(page, step_values(step, mark=mark, subject_en="Mine")).status_code == 200
    step.refresh_from_db()
    assert step.texts["en"]["subject"] != "Mine"


def test_two_who_save_the_same_are_not_bothered(client, shop, campaign):
    step = first(campaign)
    page, values = url("campaign-step-edit", campaign.pk, step.pk), step_values(step, subject_en="Ours")
    assert [one.post(page, values).status_code for one in (client, manager(shop))] == [302, 302]


def test_steps_are_added_moved_and_removed(client, campaign):
    before = [step.pk for step in campaigns.steps(campaign)]
    answer = client.post(url("campaign-step-add", campaign.pk))
    added = [step.pk for step in campaigns.steps(campaign) if step.pk not in before]
    assert answer["Location"] == url("campaign-step-edit", campaign.pk, added[0])
    client.post(url("campaign-step-move", campaign.pk, added[0]), {"way": "up"})
    assert [step.pk for step in campaigns.steps(campaign)] == [*before[:-1], added[0], before[-1]]
    client.post(url("campaign-step-remove", campaign.pk, added[0]))
    assert [step.pk for step in campaigns.steps(campaign)] == before


# -- the preview --------------------------------------------------------------------------------------


def test_the_frame_may_do_nothing_and_only_our_pages_may_hold_it(client, campaign):
    answer = client.get(url("campaign-step-preview", campaign.pk, first(campaign).pk))
    policy = dict(part.strip().partition(" ")[::2] for part in answer["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "img-src": "'self' data:",
        "style-src": "'unsafe-inline'",
        "frame-ancestors": "'self'",
        "sandbox": "",
    }
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


def test_only_pages_with_a_preview_may_hold_frames(client, campaign):
    step = first(campaign)
    policy = lambda address: client.get(address)["Content-Security-Policy"]  # noqa: E731
    assert "frame-src 'self'" in policy(url("campaign-step-edit", campaign.pk, step.pk))
    assert "frame-src 'self'" in policy(url("campaign-step", campaign.pk, step.pk))
    assert "frame-src" not in policy(url("campaign", campaign.pk))
    assert "'unsafe-inline'" not in policy(url("campaign-step-edit", campaign.pk, step.pk))


def test_the_preview_shows_what_is_typed_and_keeps_nothing(client, campaign):
    step = first(campaign)
    values = step_values(step, subject_en="Typed just now", body_en="# Freshly typed")
    page = client.post(url("campaign-step-preview", campaign.pk, step.pk), values).content.decode()
    assert "Typed just now" in page
    assert "Freshly typed" in page
    step.refresh_from_db()
    assert step.texts["en"]["subject"] != "Typed just now"


def test_the_preview_shows_a_real_cart_of_this_shop_only(client, shop, campaign):
    step = first(campaign)
    address = url("campaign-step-preview", campaign.pk, step.pk)
    ours, theirs = ghost(shop).cart, ghost(factories.shop()).cart
    theirs.lines.update(name="Somebody else's")
    ours.lines.update(name="Our <b>mug</b>")
    page = client.post(address, {"language": "en", "look_cart": ours.pk}).content.decode()
    assert "Our &lt;b&gt;mug&lt;/b&gt;" in page
    assert "Somebody else" not in client.post(address, {"language": "en", "look_cart": theirs.pk}).content.decode()


def test_the_preview_has_a_text_part_a_dark_look_and_one_without_the_voucher(client, campaign):
    step = list(campaigns.steps(campaign))[-1]
    step.voucher, step.percent_bp = "percent", 1500
    step.texts = {"en": {"subject": "S", "body": "{{ voucher_box }}\n\n{{ restore_button }}"}}
    step.save()

    def ask(**more):
        return client.get(
            url("campaign-step-preview", campaign.pk, step.pk), {"language": "en", **more}
        ).content.decode()

    assert "15%" in ask()
    assert "15%" not in ask(look_voucher="withheld")
    assert "<pre>" in ask(look_part="text")
    assert "prefers-color-scheme" not in ask()
    assert ask(look_scheme="dark") != ask()


def test_links_of_the_preview_lead_nowhere(client, shop, campaign):
    cart = ghost(shop).cart
    page = client.post(
        url("campaign-step-preview", campaign.pk, first(campaign).pk), {"language": "en", "look_cart": cart.pk}
    ).content.decode()
    assert "/m/" not in page


def test_what_is_wrong_with_a_text_stands_in_the_preview(client, campaign):
    step = first(campaign)
    values = step_values(step, body_en="One\n{{ nothing.here }}")
    answer = client.post(url("campaign-step-preview", campaign.pk, step.pk), values)
    assert "Line 2" in answer.content.decode()


def body_of(html: str) -> str:
    """What a letter shows, without where its links lead."""
    return re.sub(r' href="[^"]*"', "", re.split(r"<body[^>]*>", html)[1]).strip()


def words_of(text: str) -> str:
    """The same of a text part: each address stands at the end of its line."""
    return re.sub(r"(https?://\S+|#)$", "", text, flags=re.MULTILINE).strip()


def test_the_preview_is_what_is_sent(shop, monkeypatch, settings):
    """Of a real cart, in both parts, without a voucher and with one: but for links and for the code of the voucher."""
    settings.SITE_URL = "https://fern.example"
    made, client, pile = following.campaign(shop), manager(shop), following.Pile()
    cart = following.left(shop, at=NOON + HOUR, sku="LAMP")
    cart.lines.update(name="Lampada <b>della</b> nonna", option="Rot & rund", picture="products/1/a lamp.svg")
    for step, day in zip(list(campaigns.steps(made))[:2], (1, 3), strict=True):
        moment = NOON + HOUR + day * DAY
        monkeypatch.setattr("ghostcart.lib.clock.now", lambda moment=moment: moment)
        address, asked = url("campaign-step-preview", made.pk, step.pk), {"language": "it", "look_cart": cart.pk}
        letter = client.get(address, asked).content.decode()
        text = client.get(address, asked | {"look_part": "text"}).content.decode()
        following.worker(moment, pile, write=write_mail)
        sent = pile.letters[-1].mail
        for voucher in Voucher.objects.all():
            sent = replace(sent, html=sent.html.replace(voucher.code, CODE), text=sent.text.replace(voucher.code, CODE))
        subject, _bar, shown = body_of(letter).partition("</div>")
        assert shown == body_of(sent.html).replace('src="https://fern.example', 'src="')
        assert sent.subject in unescape(subject)
        assert words_of(unescape(text.partition("<pre>")[2].partition("</pre>")[0])) == words_of(sent.text)
    assert len(pile.letters) == 2
    assert CODE in sent.text


# -- test mail ----------------------------------------------------------------------------------------


def test_a_test_goes_to_one_of_the_staff_with_what_is_typed_and_saves_nothing(client, shop, campaign):
    step = first(campaign)
    values = step_values(step, action="test", test_to="boss@example.com", language="it", subject_it="Prova")
    answer = client.post(url("campaign-step-edit", campaign.pk, step.pk), values)
    assert answer.status_code == 200
    message = Message.objects.get()
    assert (message.kind, message.address, message.language) == ("test", "boss@example.com", "it")
    assert (message.state, message.template["subject"]) == (State.DUE, "Prova")
    assert "Prova" in write_mail(message, {}).subject
    assert answer.context["form"]["subject_it"].value() == "Prova"
    step.refresh_from_db()
    assert step.texts["it"]["subject"] != "Prova"


@pytest.mark.parametrize("address", ["", "stranger@example.com", "boss@example.com\nBcc: x@example.com"])
def test_a_test_goes_to_nobody_else(client, campaign, address):
    step = first(campaign)
    client.post(url("campaign-step-edit", campaign.pk, step.pk), step_values(step, action="test", test_to=address))
    assert not Message.objects.exists()


def test_staff_of_other_shops_get_no_test(client, shop):
    factories.staff(Role.OWNER, factories.shop(), email="far@example.com")
    gone = factories.staff(Role.OWNER, shop, email="gone@example.com")
    gone.is_active = False
    gone.save()
    assert looks.staff_addresses(shop, shop.memberships.get(user__email="boss@example.com").user) == [
        "boss@example.com"
    ]


# -- replay -------------------------------------------------------------------------------------------


def test_the_replay_tells_who_would_have_got_what_and_sends_nothing(client, shop, campaign):
    ghost(shop)
    page = client.get(url("campaign-replay", campaign.pk))
    assert "replay" not in page.context
    page = client.get(url("campaign-replay", campaign.pk), {"days": "90"})
    assert page.status_code == 200
    assert not Message.objects.exists()


@pytest.mark.parametrize("days", ["", "0", "91", "x", "90; drop", "٩٠"])
def test_the_replay_takes_only_its_own_periods(client, campaign, days):
    page = client.get(url("campaign-replay", campaign.pk), {"days": days})
    assert page.status_code == 200
    assert "replay" not in page.context
