"""Who reaches what: every address of the back office × every kind of person × both methods, generated.

A new address is tested as soon as it exists. One whose least role is not declared, or whose parameters the cast
below cannot fill, fails.
"""

import re
from dataclasses import dataclass
from itertools import product

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from ghostcart.backoffice import access
from ghostcart.backoffice.models import Export, Membership, Role, User
from ghostcart.connectors import keys
from ghostcart.connectors.models import Connection
from ghostcart.connectors.webhooks import endpoints
from ghostcart.mail import suppression
from ghostcart.orders.services import Payment, place
from ghostcart.recovery import campaigns
from ghostcart.recovery.models import Decision
from ghostcart.vouchers.services import create as create_voucher
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.hostile import MARKUP, STATEMENTS, comes_back, everywhere, forms_of, text_of, told_of
from tests.mail.letters import dump, letter

pytestmark = pytest.mark.django_db

PEOPLE = ("nobody", "no role", "viewer", "agent", "manager", "owner", "owner of the other shop")
METHODS = ("get", "post")


@dataclass(frozen=True)
class Address:
    """One address of the back office: its name for `reverse`, its parameters, and the view behind it."""

    name: str
    parameters: tuple[str, ...]
    view: object

    @property
    def least(self) -> Role | str | None:
        return getattr(self.view, "least_role", None)


def addresses() -> list[Address]:
    root = next(one for one in get_resolver().url_patterns if str(one.pattern) == "backoffice/")
    return list(_below(root, ()))


def _below(node: URLResolver, spaces: tuple[str, ...]):
    spaces = (*spaces, node.namespace) if node.namespace else spaces
    for one in node.url_patterns:
        if isinstance(one, URLPattern):
            yield Address(":".join((*spaces, one.name or "?")), tuple(one.pattern.converters), one.callback)
        else:
            yield from _below(one, spaces)


@pytest.fixture
def cast(db):
    """A shop with a bit of everything, another shop, and the people."""
    shop, other = factories.shop(), factories.shop()
    ada = factories.customer(shop)
    ordered = factories.Shopper(shop)
    ordered.add("MUG")
    order = place(
        ordered.change(factories.changes.Touch),
        customer=ada,
        address=factories.ADDRESS,
        payment=Payment("transfer"),
        shipping_method="standard",
    )
    shopper = factories.Shopper(shop)
    shopper.add("LAMP")
    shopper.do(factories.changes.Identify, customer_id=ada.pk, label=ada.label)
    suppression.suppress(shop.pk, "eve@example.com", reason="staff", source="test", now=factories.NOON)
    # Passwords that fit nothing: hashing real ones would take longer than all the requests.
    people = {
        who: User.objects.create(email=f"{who.replace(' ', '-')}@example.com", password="none") for who in PEOPLE[1:]
    }
    for role in Role:
        Membership.objects.create(user=people[role.value], shop=shop, role=role)
    Membership.objects.create(user=people["owner of the other shop"], shop=other, role=Role.OWNER)
    second = User.objects.create_user("second-owner@example.com")
    Membership.objects.create(user=second, shop=shop, role=Role.OWNER)
    exports = {
        who: Export.objects.create(
            user=people[who], page="carts", shop_ids=[shop.pk], format="csv", asked_at=factories.NOON
        )
        for who in ("manager", "owner")
    }
    campaign = campaigns.create(shop, "abandoned", "Ghosts", factories.NOON)
    connection = Connection.objects.create(shop=shop, kind="prestashop", address="mysql://", created_at=factories.NOON)
    endpoint, _ = endpoints.create(shop, url="https://example.com/", description="", kinds=[], now=factories.NOON)
    values = {
        "connection_id": connection.pk,
        "campaign_id": campaign.pk,
        "step_id": campaigns.steps(campaign)[0].pk,
        "cart_id": shopper.cart.pk,
        "event_id": shopper.cart.events.first().pk,
        "order_id": order.pk,
        "message_id": letter(shop, ada, cart=shopper.cart).message.pk,
        "suppression_id": shop.suppressions.get().pk,
        "customer_id": ada.pk,
        "decision_id": Decision.objects.create(shop=shop, verdict="voucher", reason="score", at=factories.NOON).pk,
        "voucher_id": create_voucher(shop_id=shop.pk, kind=Kind.FREE_SHIPPING, now=factories.NOON).pk,
        "endpoint_id": endpoint.pk,
        "delivery_id": endpoints.send_test(endpoint, factories.NOON).pk,
        "shop_id": shop.pk,
        "key_id": keys.create(shop, name="ERP", scopes=["carts:read"], actor="staff:1", now=factories.NOON)[0].pk,
        "method_id": shop.shipping_methods.first().pk,
        "user_id": people["viewer"].pk,
        "product_id": shop.products.first().pk,
        "language": shop.language,
    }
    # An export is its person's own: everybody is tried with theirs, who has none with the owner's.
    return people, {who: values | {"token": exports.get(who, exports["owner"]).token} for who in PEOPLE}


def ask(person, method: str, url: str):
    """One request by a fresh browser, and everything it changed undone."""
    client = Client()
    with transaction.atomic():
        if person:
            client.force_login(person)
        answer = getattr(client, method)(url)
        transaction.set_rollback(True)
    return answer


def is_to_sign_in(answer) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(reverse("account_login"))


def test_every_address_declares_who_may_come_in():
    undeclared = [one.name for one in addresses() if one.least is None]
    assert undeclared == []
    assert len(addresses()) > 25


def test_only_these_need_no_sign_in():
    """A longer list is a decision, not an accident."""
    open_to_all = {one.name for one in addresses() if one.least == "anyone"}
    assert open_to_all == {
        "account_login", "account_inactive", "mfa_authenticate", "backoffice:language", "backoffice:theme",
    }  # fmt: skip


@pytest.mark.parametrize("who", PEOPLE)
def test_everyone_reaches_what_their_role_allows_and_nothing_else(cast, who):
    people, values = cast
    person = people.get(who)
    wrong = []
    for address, method in product(addresses(), METHODS):
        url = reverse(address.name, kwargs={name: values[who][name] for name in address.parameters})
        answer = ask(person, method, url)
        problem = judge(address, who, answer)
        if problem:
            wrong.append(f"{method.upper()} {url}: {problem}, got {answer.status_code}")
    assert wrong == []


def judge(address: Address, who: str, answer) -> str:
    """What is wrong with an answer; empty if it is right. 405 says nothing about anything and is always right."""
    status = answer.status_code
    if status == 405:
        return ""
    if status >= 500:
        return "broke"
    if address.least == "anyone":
        return "refused though open to all" if status in (403, 404) else ""
    if who == "nobody":
        return "" if is_to_sign_in(answer) else "let somebody in unknown"
    if is_to_sign_in(answer):
        return "sent signed-in staff to the sign-in"
    if address.least == "signed in":
        return "refused their own page" if status == 403 else ""
    role = {"no role": None, "owner of the other shop": Role.OWNER}.get(who, who)
    rank = Role(role).rank if role else -1
    if rank < address.least.rank:
        return "" if status == 403 else f"let a lesser role than {address.least} in"
    if who == "owner of the other shop" and address.parameters:
        return "" if status == 404 else "showed another shop's thing"
    return "refused the right role" if status in (403, 404) else ""


def test_the_walk_notices_a_page_without_its_guard(cast, monkeypatch):
    """Guard: with the role check off, the walk above must find something."""
    people, _ = cast
    monkeypatch.setattr(access, "may_anywhere", lambda request, least: True)
    answer = ask(people["viewer"], "get", reverse("backoffice:staff-new"))
    address = next(one for one in addresses() if one.name == "backoffice:staff-new")
    assert judge(address, "viewer", answer) == "let a lesser role than owner in"


def test_the_walk_notices_a_thing_shown_across_shops(cast, monkeypatch):
    """Guard: with the check of the object off, the walk above must find something."""
    people, values = cast
    from ghostcart.backoffice.views import orders

    monkeypatch.setattr(orders, "require", lambda user, shop_id, least: None)
    answer = ask(
        people["owner of the other shop"], "get", reverse("backoffice:order", args=[values["owner"]["order_id"]])
    )
    address = next(one for one in addresses() if one.name == "backoffice:order")
    assert judge(address, "owner of the other shop", answer) == "showed another shop's thing"


def test_a_lesser_role_in_the_shop_is_refused_and_none_at_all_is_not_told(cast):
    people, values = cast
    with pytest.raises(access.PermissionDenied):
        access.require(people["viewer"], values["owner"]["shop_id"], Role.AGENT)
    with pytest.raises(access.Http404):
        access.require(people["no role"], values["owner"]["shop_id"], Role.VIEWER)
    access.require(people["owner"], values["owner"]["shop_id"], Role.OWNER)


def test_before_there_is_a_shop_every_page_answers_who_runs_the_installation():
    chief = User.objects.create_superuser("chief@example.com", "a-long-password")
    broken = []
    for address in addresses():
        for method in METHODS:
            url = reverse(address.name, kwargs=dict.fromkeys(address.parameters, "1"))
            if ask(chief, method, url).status_code >= 500:
                broken.append(f"{method.upper()} {url}")
    assert broken == []


def test_a_superuser_owns_every_shop(cast):
    _, values = cast
    chief = User.objects.create_superuser("chief@example.com")
    assert ask(chief, "get", reverse("backoffice:shop-settings", args=[values["owner"]["shop_id"]])).status_code == 200


def test_an_impossibly_large_number_is_not_found(cast):
    people, _ = cast
    for name in ("customer", "order", "cart", "voucher", "staff-member", "shop-settings"):
        assert ask(people["owner"], "get", reverse(f"backoffice:{name}", args=[10**30])).status_code == 404


def test_the_chosen_shop_narrows_the_lists_and_a_foreign_one_cannot_be_chosen(client):
    one, two, foreign = factories.shop(), factories.shop(), factories.shop()
    for shop in (one, two, foreign):
        factories.customer(shop, email=f"{shop.slug}@example.com")
    client.force_login(factories.staff(Role.VIEWER, one, two))
    page = reverse("backoffice:customer-list")
    assert [row.customer.shop_id for row in client.get(page).context["rows"]] == [two.pk, one.pk]
    client.post(reverse("backoffice:shop"), {"shop": two.pk})
    assert [row.customer.shop_id for row in client.get(page).context["rows"]] == [two.pk]
    client.post(reverse("backoffice:shop"), {"shop": foreign.pk})
    assert [row.customer.shop_id for row in client.get(page).context["rows"]] == [two.pk, one.pk]


def test_a_part_of_a_page_asked_for_after_signing_out_sends_the_whole_page_to_the_sign_in(client):
    answer = client.get(reverse("backoffice:customer-list"), headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (401, reverse("account_login"))


def test_pages_are_kept_by_no_cache(client):
    client.force_login(factories.staff(Role.VIEWER, factories.shop()))
    assert "no-store" in client.get(reverse("backoffice:customer-list"))["Cache-Control"]


def test_switchers_never_lead_to_another_site(client):
    client.force_login(factories.staff(Role.VIEWER, factories.shop()))
    for trap in ("https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example",
                 "https:evil.example", "///evil.example", "\\\\evil.example", "data:text/html,x", "http://testserver@evil.example/",
                 "\t//evil.example", "https://evil.example\r\nX: y", "https://ｅvil.example/"):  # fmt: skip
        for name, more in (("language", {"language": "de"}), ("theme", {"theme": "dark"}), ("shop", {"shop": ""})):
            answer = client.post(reverse(f"backoffice:{name}"), {**more, "next": trap})
            assert answer["Location"] == "/backoffice/", (name, trap)


# -- all pages at once -------------------------------------------------------------------------------

LETTERS = {"backoffice:campaign-step-preview", "backoffice:message-letter"}
"""What pages of ours hold in a frame, in which nothing runs."""


def answers(cast, query=""):
    """(address, answer) for each address, asked by an owner."""
    people, values = cast
    for address in addresses():
        url = reverse(address.name, kwargs={name: values["owner"][name] for name in address.parameters})
        yield address, ask(people["owner"], "get", url + query)


def test_no_change_is_made_without_the_token_of_the_page(cast):
    """Not without one, not with another one, and not with the right one from a page of another site."""
    people, values = cast
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["owner"])
    page = client.get(reverse("backoffice:profile")).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    before = dump(leave=["django_session"])
    let_in = []
    for address in addresses():
        url = reverse(address.name, kwargs={name: values["owner"][name] for name in address.parameters})
        for given, origin in (("", ""), ("x" * 64, ""), (token, "https://evil.example"), (token, "null")):
            headers = {"Origin": origin} if origin else {}
            answer = client.post(url, {"csrfmiddlewaretoken": given}, headers=headers)
            if answer.status_code != 403:
                let_in.append((address.name, given, origin, answer.status_code))
    assert let_in == []
    assert dump(leave=["django_session"]) == before
    # the guard: with the token, from a page of ours, it goes through
    own = {"csrfmiddlewaretoken": token, "language": "de"}
    assert client.post(reverse("backoffice:language"), own, headers={"Origin": "http://testserver"}).status_code == 302


def test_every_page_keeps_others_out_of_it(cast):
    wrong = []
    for address, answer in answers(cast):
        policy, is_letter = answer["Content-Security-Policy"] + ";", address.name in LETTERS
        holds = {
            "nothing by default": "default-src 'none'" in policy,
            "frames": f"frame-ancestors '{'self' if is_letter else 'none'}'" in policy,
            "scripts": ("script-src" not in policy) if is_letter else "script-src 'self';" in policy,
            "styles": is_letter or "unsafe" not in policy,
            "old frames": answer["X-Frame-Options"] == ("SAMEORIGIN" if is_letter else "DENY"),
            "kinds": answer["X-Content-Type-Options"] == "nosniff",
            "referrer": answer["Referrer-Policy"] == "same-origin",
            "windows": answer["Cross-Origin-Opener-Policy"] == "same-origin",
            "caches": "no-store" in answer["Cache-Control"],
        }
        wrong += [(address.name, what) for what, is_so in holds.items() if not is_so]
    assert wrong == []


def test_no_word_of_an_address_comes_back_as_markup(cast):
    shown = 0
    for query in (everywhere(MARKUP), f"?{told_of('q', MARKUP)}"):
        for address, answer in answers(cast, query):
            text = text_of(answer)
            shown += "zz.zz" in text
            assert not comes_back(text), address.name
    assert shown > 5  # it does come back, as text


def test_words_meant_for_the_database_are_only_words(cast):
    people, _values = cast
    lists = [one for one in addresses() if not one.parameters]
    assert len(lists) > 20
    for statement in STATEMENTS:
        for address in lists:
            answer = ask(people["owner"], "get", reverse(address.name) + everywhere(statement))
            assert answer.status_code < 500, (address.name, statement)
            assert not re.search(r"syntax error|OperationalError|psycopg|sqlite3\.", text_of(answer)), address.name


def test_no_page_tells_a_secret(cast):
    people, values = cast
    secret = forms_of(settings.SECRET_KEY)
    passwords = [people["owner"].password, values["owner"]["token"]]
    for address, answer in answers(cast):
        text = text_of(answer)
        assert not [form for form in secret if form in text], address.name
        if "export" not in address.name:
            assert not [one for one in passwords if len(one) > 8 and one in text], address.name
