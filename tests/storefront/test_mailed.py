"""Where mailed links lead: opening changes nothing, pressing does, and what is no link gets one and the same answer."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from ghostcart.carts import changes, tokens
from ghostcart.carts.models import Cart, Device
from ghostcart.catalog.models import Price, Product, Variant
from ghostcart.customers.models import Consent, Person
from ghostcart.customers.services import Consented
from ghostcart.lib import clock
from ghostcart.mail import links, suppression, tracking
from ghostcart.mail.models import EventKind, Link, Message, MessageEvent, Purpose, State, Suppression
from ghostcart.recovery import preferences
from ghostcart.recovery.models import Campaign, Decision, Enrolment, Kind
from ghostcart.shops.models import Shop
from ghostcart.storefront.views.mailed import facts_of
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind as Gives
from tests import factories
from tests.factories import Shopper, holding
from tests.mail.letters import A_PERSON, dump, letter
from tests.races import order

MAILED = (Purpose.RESTORE, Purpose.STOP, Purpose.PREFERENCES, Purpose.SEEN)
PAGES = MAILED[:3]


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def left(shop, ada, now):
    """What Ada left an hour ago: two mugs and a clock."""
    shopper = Shopper(shop, now - timedelta(hours=3), language="it")
    shopper.add("MUG", 2)
    shopper.add("CLOCK", 1)
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    return shopper


@pytest.fixture
def voucher(shop, now):
    return vouchers.create(shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=1000, code="COMEBACK", now=now)


@pytest.fixture
def mail(shop, ada, left, voucher, now):
    return letter(shop, ada, cart=left.cart, voucher=voucher, at=now - timedelta(hours=1))


@pytest.fixture
def client():
    return Client(headers={"User-Agent": A_PERSON}, enforce_csrf_checks=True)


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def cart_held_by(client, shop):
    held = client.cookies[f"cart_{shop.slug}"].value
    return Device.objects.get(token_hash=tokens.digest(shop.pk, held)).cart


# -- opening changes nothing -------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_opening_a_link_changes_nothing(client, shop, mail, method):
    shop.counts_openings = True
    shop.save()
    before = dump(leave=["mail_messageevent"])
    for path in mail.paths * 3:
        response = getattr(client, method)(path)
        assert response.status_code == (405 if method == "options" else 200)
    assert dump(leave=["mail_messageevent"]) == before
    assert "ghostcart" not in client.cookies  # no session
    assert MessageEvent.objects.count() <= 2 * tracking.MOST
    assert set(MessageEvent.objects.values_list("kind", flat=True)) <= {"clicked", "opened"}


def test_a_button_does_change_what_opening_does_not(client, mail):
    """The guard of the test above: the dump shows it."""
    before = dump(leave=["mail_messageevent"])
    client.post(mail.path(Purpose.RESTORE))
    assert dump(leave=["mail_messageevent"]) != before


@pytest.mark.parametrize("purpose", MAILED)
def test_no_cache_keeps_it_no_page_learns_it_no_search_engine_finds_it(client, mail, purpose):
    response = client.get(mail.path(purpose))
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response["X-Robots-Tag"]


@pytest.mark.parametrize("purpose", PAGES)
def test_the_pages_have_no_script_name_nobody_and_do_not_repeat_the_token(client, mail, ada, purpose):
    text = text_of(client.get(mail.path(purpose)))
    assert "<script" not in text
    assert [mark for mark in (ada.email, "Ada", "Byron", mail.tokens[purpose]) if mark in text] == []
    assert ("a***@e***.com" in text) == (purpose != Purpose.RESTORE)


@pytest.mark.parametrize("purpose", PAGES)
def test_the_pages_speak_the_language_of_the_mail(client, mail, purpose):
    assert '<html lang="it">' in text_of(client.get(mail.path(purpose), headers={"Accept-Language": "de"}))


# -- what is no link ---------------------------------------------------------------------------------


def answer(client, path, method="get"):
    response = getattr(client, method)(path)
    return response.status_code, text_of(response), sorted(response.headers.items()), dict(response.cookies)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("purpose", "room"), [(Purpose.RESTORE, "back"), (Purpose.STOP, "stop"),
                                                (Purpose.PREFERENCES, "preferences")])  # fmt: skip
def test_everything_else_gets_the_same_answer(client, shop, ada, left, mail, now, purpose, room, method):
    expired = letter(shop, ada, cart=left.cart, at=now - timedelta(days=40)).path(purpose)
    revoked = letter(shop, ada, cart=left.cart, at=now)
    links.revoke(now, message=revoked.message)
    token = mail.tokens[purpose]
    other = next(one for one in PAGES if one != purpose)
    tries = ["", "0", "true", "null", "x" * 43, chr(ord(token[0]) ^ 1) + token[1:], token[:-1], token + "A", "é" * 43,
             "%00" * 43, "A" * 1_000_000, mail.tokens[other], f"{token}/more"]  # fmt: skip
    paths = [f"/m/{room}/{one}/" for one in tries] + [expired, revoked.path(purpose), f"/m/{room}", "/m/", "/m/nope/x/"]
    expected = answer(client, f"/m/{room}/unknown/", method)
    assert expected[0] == 404
    assert [path[:80] for path in paths if answer(client, path, method) != expected] == []
    assert "Mug" in expected[1]  # today's products


def test_the_answer_is_the_same_for_links_of_all_shops(client, shop, ada, left, now):
    """The page shows something of every shop, so that it need not tell which one a dead link was of."""
    other = factories.shop()
    theirs = letter(other, factories.customer(other), at=now - timedelta(days=40))
    mine = letter(shop, ada, cart=left.cart, at=now - timedelta(days=40))
    assert answer(client, theirs.path(Purpose.RESTORE)) == answer(client, mine.path(Purpose.RESTORE))
    text = text_of(client.get(theirs.path(Purpose.RESTORE)))
    assert f'href="/{other.slug}/' in text
    assert f'href="/{shop.slug}/' in text


def test_no_shop_hides_the_mailed_links(client, mail):
    Shop.objects.create(slug="m", name="M", currencies=["EUR"], created_at=factories.NOON)
    assert client.get(mail.path(Purpose.RESTORE)).status_code == 200


# -- the cart back -----------------------------------------------------------------------------------


def test_the_page_shows_the_products_and_one_button(client, mail):
    text = text_of(client.get(mail.path(Purpose.RESTORE)))
    assert "Mug (it)" in text
    assert "Clock (it)" in text
    assert text.count('<form method="post">') == 1


def test_one_click_brings_the_cart_back_in_a_clean_browser(client, shop, mail, left):
    response = client.post(mail.path(Purpose.RESTORE))
    assert response.status_code == 303
    assert response.url.startswith(f"/{shop.slug}/it/cart/?back=2")
    assert mail.tokens[Purpose.RESTORE] not in response.url
    mine = cart_held_by(client, shop)
    assert holding(mine) == {"MUG": 2, "CLOCK": 1}
    assert mine.restored_from_id == left.cart.pk
    assert list(mine.vouchers.values_list("code", flat=True)) == ["COMEBACK"]
    assert (mine.customer_id, mine.language) == (None, "it")
    assert client.get(response.url).status_code == 200
    assert "ghostcart" not in client.cookies  # signed nobody in
    assert client.get(f"/{shop.slug}/it/account/").url.endswith("/sign-in/")
    assert MessageEvent.objects.filter(kind=EventKind.RESTORED, by="person").count() == 1


def test_the_cart_page_says_what_could_not_come(client, shop, mail):
    Variant.objects.filter(sku="CLOCK").update(stock=0)
    Variant.objects.filter(sku="MUG").update(stock=1)
    Voucher.objects.update(is_active=False)
    response = client.post(mail.path(Purpose.RESTORE))
    assert response.url.endswith("?back=1&fewer=1&missing=1&voucher=voucher_inactive")
    told = client.get(response.url).context["restored"]
    assert (told["fewer"], told["missing"], bool(told["refusal"])) == (1, 1, True)
    for odd in ("?back=1", "?back=-1&fewer=0&missing=0", "?back=x&fewer=1&missing=1", "?back=99999&fewer=1&missing=1"):
        assert client.get(f"/{shop.slug}/it/cart/{odd}").context["restored"] is None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_cannot_press_the_button(client, mail, site):
    """A form elsewhere would bring a stranger's cart into the browser of whoever sends it."""
    response = client.post(mail.path(Purpose.RESTORE), headers={"Sec-Fetch-Site": site})
    assert response.status_code == 200
    assert Cart.objects.count() == 1
    assert not response.cookies
    assert client.post(mail.path(Purpose.RESTORE), headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


# the eight situations in which such links fail elsewhere (peers.md, B5): never an error page, never the loss of the
# cart in hand, never a sign-in


def situation(client, shop, mail, *, path=None):
    """GET and POST; what the visitor holds then."""
    path = path or mail.path(Purpose.RESTORE)
    for _ in range(2):
        assert client.get(path).status_code == 200
    assert client.post(path).status_code == 303
    assert client.get(f"/{shop.slug}/it/account/").status_code == 302 or "ghostcart" in client.cookies
    return holding(cart_held_by(client, shop))


def with_cart(client, shop, now, **products):
    """A browser that has a cart in hand."""
    shopper = Shopper(shop, now)
    for sku, quantity in products.items():
        shopper.add(sku, quantity)
    client.cookies[f"cart_{shop.slug}"] = shopper.token
    return shopper


def test_on_another_device(client, shop, mail):
    assert situation(client, shop, mail) == {"MUG": 2, "CLOCK": 1}


def test_signed_in_as_somebody_else(client, shop, mail):
    form = {"email": "bob@example.com", "password": "correct horse battery", "first_name": "Bob", "last_name": "B"}
    plain = Client(headers={"User-Agent": A_PERSON})
    plain.post(f"/{shop.slug}/it/account/register/", form)
    plain.post(f"/{shop.slug}/it/account/sign-in/", form)
    assert situation(plain, shop, mail) == {"MUG": 2, "CLOCK": 1}
    page = text_of(plain.get(f"/{shop.slug}/it/account/"))
    assert "Bob" in page
    assert "Ada" not in page
    assert cart_held_by(plain, shop).customer.email == "bob@example.com"


def test_twice(client, shop, mail):
    assert situation(client, shop, mail) == {"MUG": 2, "CLOCK": 1}
    assert situation(client, shop, mail) == {"MUG": 2, "CLOCK": 1}
    assert Cart.objects.count() == 2


def test_after_it_expired(client, shop, ada, left, now):
    shopper = with_cart(client, shop, now, LAMP=3)
    old = letter(shop, ada, cart=left.cart, at=now - timedelta(days=40))
    for method in ("get", "post"):
        response = getattr(client, method)(old.path(Purpose.RESTORE))
        assert response.status_code == 404
        assert "Mug" in text_of(response)
    assert holding(shopper.cart) == {"LAMP": 3}
    assert client.cookies[f"cart_{shop.slug}"].value == shopper.token


def test_after_everything_was_sold_out(client, shop, mail, now):
    shopper = with_cart(client, shop, now, LAMP=3)
    Variant.objects.filter(sku__in=["MUG", "CLOCK"]).update(stock=0)
    page = text_of(client.get(mail.path(Purpose.RESTORE)))
    assert "<form" not in page
    assert "Lamp (it)" in page  # something of today instead
    assert client.post(mail.path(Purpose.RESTORE)).status_code == 303
    assert holding(shopper.cart) == {"LAMP": 3}


def test_after_the_price_rose(client, shop, mail):
    Price.objects.filter(variant__sku="MUG", currency="EUR").update(price_micros=20_000_000)
    page = text_of(client.get(mail.path(Purpose.RESTORE)))
    assert "12,50" in page
    assert "20,00" in page
    assert situation(client, shop, mail) == {"MUG": 2, "CLOCK": 1}
    assert cart_held_by(client, shop).products_minor == 2 * 2000 + 4990


def test_with_a_cart_in_hand(client, shop, mail, now):
    shopper = with_cart(client, shop, now, LAMP=3, MUG=5)
    assert situation(client, shop, mail) == {"LAMP": 3, "MUG": 5, "CLOCK": 1}
    assert shopper.cart == cart_held_by(client, shop)


def test_after_the_order(client, shop, mail, left, ada):
    order(left, ada)
    assert situation(client, shop, mail) == {"MUG": 2, "CLOCK": 1}
    assert left.cart.ordered_at is not None


def test_on_the_device_it_was_left_on(client, shop, mail, left):
    client.cookies[f"cart_{shop.slug}"] = left.token
    assert situation(client, shop, mail) == {"MUG": 2, "CLOCK": 1}
    assert Cart.objects.count() == 1
    assert list(left.cart.vouchers.values_list("code", flat=True)) == ["COMEBACK"]


def test_when_a_product_is_sold_no_more(client, shop, mail):
    Product.objects.filter(slug="clock").update(is_active=False)
    assert situation(client, shop, mail) == {"MUG": 2}


def test_a_link_may_bring_a_voucher_alone(client, shop, ada, voucher, now):
    """Of mails that are about no cart: thanks, regular customers, those who stayed away."""
    mail = letter(shop, ada, voucher=voucher, at=now - timedelta(hours=1))
    page = text_of(client.get(mail.path(Purpose.RESTORE)))
    assert "COMEBACK" in page
    assert "<form" not in page  # nothing to put it into yet
    assert client.post(mail.path(Purpose.RESTORE)).status_code == 200
    shopper = with_cart(client, shop, now, LAMP=1)
    assert "<form" in text_of(client.get(mail.path(Purpose.RESTORE)))
    assert client.post(mail.path(Purpose.RESTORE)).status_code == 303
    assert list(shopper.cart.vouchers.values_list("code", flat=True)) == ["COMEBACK"]
    Voucher.objects.update(is_active=False)
    assert "<form" not in text_of(client.get(mail.path(Purpose.RESTORE)))


def test_a_link_that_brings_nothing_is_none(client, shop, ada, now):
    mail = letter(shop, ada, at=now - timedelta(hours=1))
    assert client.get(mail.path(Purpose.RESTORE)).status_code == 404


# -- no more mail ------------------------------------------------------------------------------------

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def waiting(mail, kind="reminder"):
    """Another mail to the same address, still to come."""
    sent = mail.message
    return Message.objects.create(
        shop=sent.shop, customer=sent.customer, kind=kind, address=sent.address, address_hash=sent.address_hash,
        due_at=sent.due_at, created_at=sent.created_at,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
def test_one_click_of_the_mail_program(shop, mail, form):
    """RFC 8058: a POST with that body, no cookie, no referrer, no redirect; and twice is once."""
    pending, account = waiting(mail), waiting(mail, "account")
    program = Client(enforce_csrf_checks=True)
    body = {"data": ONE_CLICK} if form == "multipart" else {
        "data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"
    }  # fmt: skip
    for _ in range(2):
        response = program.post(mail.path(Purpose.STOP), **body)
        assert response.status_code == 200
    assert Suppression.objects.get().source == "one-click"
    pending.refresh_from_db()
    account.refresh_from_db()
    assert (pending.state, pending.reason) == (State.CANCELLED, "unsubscribed")
    assert account.state == State.DUE
    assert suppression.suppressed(shop.pk, [mail.message.address_hash]) == {mail.message.address_hash}
    assert MessageEvent.objects.filter(kind=EventKind.UNSUBSCRIBED).count() == 1


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": "one-click"}, {"List-Unsubscribe": ""}, {"x": "One-Click"},
                                  {"List-Unsubscribe": ["One-Click", "One-Click"]}])  # fmt: skip
def test_another_body_stops_nothing(client, mail, body):
    assert client.post(mail.path(Purpose.STOP), body).status_code == 400
    assert not Suppression.objects.exists()


def test_opening_the_stop_link_asks_and_the_button_stops(client, mail):
    page = text_of(client.get(mail.path(Purpose.STOP)))
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]+)"', page))
    assert not Suppression.objects.exists()
    assert client.post(mail.path(Purpose.STOP), fields, headers={"Origin": "null"}).status_code == 200
    assert Suppression.objects.get().source == "link"


def test_stopping_withdraws_the_consent_and_ends_what_runs(client, shop, mail, ada, now):
    from ghostcart.customers.services import record_consent

    record_consent(ada, Consented(True, "Yes, remind me", "1"), now - timedelta(days=1))
    campaign = Campaign.objects.create(shop=shop, kind=Kind.ABANDONED, name="x", salt="s", created_at=now)
    Enrolment.objects.create(campaign=campaign, shop=shop, customer=ada, person=ada.person, trigger="cart:1",
                             activity_at=now, arm="contacted", at=now)  # fmt: skip
    client.post(mail.path(Purpose.STOP), ONE_CLICK)
    newest = Consent.objects.filter(customer=ada).first()
    assert (newest.is_given, newest.source, newest.text_version) == (False, "link", "2026-1")
    assert newest.text
    assert Enrolment.objects.get().reason == "unsubscribed"


def test_stopping_one_shop_leaves_the_others_alone(client, mail, now):
    other = factories.shop()
    theirs = letter(other, factories.customer(other), at=now)
    pending = waiting(theirs)
    client.post(mail.path(Purpose.STOP), ONE_CLICK)
    pending.refresh_from_db()
    assert pending.state == State.DUE
    assert suppression.suppressed(other.pk, [pending.address_hash]) == set()
    assert "a***@e***.com" in text_of(client.get(theirs.path(Purpose.PREFERENCES)))


# -- preferences -------------------------------------------------------------------------------------


def choose(client, mail, do, **fields):
    response = client.post(mail.path(Purpose.PREFERENCES), {"do": do, **fields})
    assert response.status_code == 200
    return text_of(response)


def test_kinds_can_be_declined_and_taken_back(client, shop, mail):
    wanted = [kind for kind in Kind.values if kind != "thanks"]
    page = choose(client, mail, "save", kind=wanted)
    assert page.count("checked") == len(wanted)
    hashes = [mail.message.address_hash]
    assert suppression.suppressed(shop.pk, hashes, "thanks")
    assert not suppression.suppressed(shop.pk, hashes, "abandoned")
    choose(client, mail, "save", kind=Kind.values)
    assert not Suppression.objects.exists()


def test_consent_is_given_and_withdrawn_with_its_text_time_and_source(client, mail, ada):
    choose(client, mail, "save", kind=Kind.values, consent="on")
    choose(client, mail, "save", kind=Kind.values)
    withdrawn, given = Consent.objects.filter(customer=ada)
    assert (given.is_given, withdrawn.is_given) == (True, False)
    assert given.source == withdrawn.source == "link"
    assert given.text_version
    assert given.text
    assert given.at


def test_all_mail_can_be_stopped_and_started_again(client, mail, ada):
    choose(client, mail, "stop")
    assert Suppression.objects.get().scope == "all"
    assert 'value="start"' in text_of(client.get(mail.path(Purpose.PREFERENCES)))
    choose(client, mail, "start")
    assert not Suppression.objects.exists()
    assert Consent.objects.get(customer=ada).is_given


@pytest.mark.parametrize("reason", ["bounced", "complained", "staff", "imported"])
def test_what_others_stopped_stays_stopped(client, shop, mail, now, reason):
    suppression.suppress(shop.pk, mail.message.address, reason=reason, source="x", now=now)
    assert 'value="start"' not in text_of(client.get(mail.path(Purpose.PREFERENCES)))
    choose(client, mail, "start")
    assert Suppression.objects.get().reason == reason


def test_this_is_not_me(client, shop, mail, now):
    choose(client, mail, "not-me")
    assert Suppression.objects.get().source == "not-me"
    assert client.get(mail.path(Purpose.RESTORE)).status_code == 404
    assert client.get(mail.path(Purpose.PREFERENCES)).status_code == 200
    assert Link.objects.filter(revoked_at=None).count() == 3


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada@example.org", "a***@e***.org"),
        ("a@b.co.uk", "a***@b***.uk"),
        ("ada@localhost", "a***@l***"),
        ("", "***@***"),
    ],
)
def test_an_address_is_known_by_its_owner_alone(address, shown):
    assert preferences.masked(address) == shown


@pytest.fixture
def link(mail):
    return Link.objects.select_related("shop", "message__customer").get(purpose=Purpose.PREFERENCES)


@pytest.fixture
def in_two(shop, ada, now):
    """In two campaigns, one of each kind."""
    for kind in (Kind.ABANDONED, Kind.THANKS):
        campaign = Campaign.objects.create(shop=shop, kind=kind, name=kind, salt="s", created_at=now)
        person = Person.objects.create(shop=shop, created_at=now)
        Enrolment.objects.create(campaign=campaign, shop=shop, customer=ada, person=person, trigger=kind,
                                 activity_at=now, arm="contacted", at=now)  # fmt: skip
    return Enrolment.objects.filter(ended_at=None)


def said(is_given):
    return Consented(is_given, "Remind me.", "1", "link")


def test_who_was_erased_since_has_nothing_to_decide(link, now):
    link.message.address = ""
    assert preferences.wishes(link) is None
    preferences.stop(link, source="link", withdrawn=said(False), now=now)
    preferences.choose(link, wanted=[], consented=said(True), now=now)
    preferences.start(link, given=said(True), now=now)
    preferences.not_me(link, withdrawn=said(False), now=now)
    link.message = None
    assert preferences.wishes(link) is None
    preferences.choose(link, wanted=[], consented=said(True), now=now)
    preferences.not_me(link, withdrawn=said(False), now=now)
    assert not Suppression.objects.exists()
    assert not Consent.objects.exists()


def test_who_is_no_customer_any_more_can_still_stop_and_start_and_ends_nothing_of_others(link, in_two, now):
    in_two.update(customer=None)  # somebody else who was erased
    Message.objects.update(customer=None)
    link.message.customer = None
    preferences.stop(link, source="link", withdrawn=said(False), now=now)
    found = preferences.wishes(link)
    assert (found.is_stopped, found.may_start, found.has_consented) == (True, True, False)
    preferences.start(link, given=said(True), now=now)
    preferences.choose(link, wanted=["abandoned"], consented=said(True), now=now)
    assert preferences.wishes(link).kinds == {kind: kind == Kind.ABANDONED for kind in Kind}
    assert not Consent.objects.exists()
    assert in_two.count() == 2


def test_what_holds_is_told_for_each_kind(link, ada, now):
    found = preferences.wishes(link)
    assert (found.address, found.is_stopped, found.may_start, found.has_consented) == (
        "a***@e***.com", False, False, False,
    )  # fmt: skip
    assert set(found.kinds.values()) == {True}
    preferences.choose(link, wanted=[kind for kind in Kind if kind != Kind.BEST], consented=said(True), now=now)
    found = preferences.wishes(link)
    assert [kind for kind, is_wanted in found.kinds.items() if not is_wanted] == [Kind.BEST]
    assert (found.is_stopped, found.has_consented) == (False, True)


def test_nobody_starts_what_nobody_stopped_and_a_start_leaves_kinds_declined(link, now):
    preferences.choose(link, wanted=[], consented=said(False), now=now)
    preferences.start(link, given=said(True), now=now)
    assert not Consent.objects.exists()
    preferences.stop(link, source="link", withdrawn=said(False), now=now)
    preferences.start(link, given=said(True), now=now)
    assert Consent.objects.get().is_given
    assert set(Suppression.objects.values_list("scope", flat=True)) == set(Kind.values)


def test_what_was_declined_stays_declined_when_the_rest_is_chosen_again(link, now):
    for wanted in ([Kind.ABANDONED], [Kind.ABANDONED], [Kind.ABANDONED, Kind.BEST]):
        preferences.choose(link, wanted=wanted, consented=said(False), now=now)
        assert {kind for kind, is_wanted in preferences.wishes(link).kinds.items() if is_wanted} == set(wanted)


def test_what_staff_declined_for_them_is_not_taken_back(link, mail, now):
    suppression.suppress(link.shop_id, mail.message.address, reason="staff", source="staff:7", scope="thanks", now=now)
    preferences.choose(link, wanted=list(Kind.values), consented=said(False), now=now)
    assert Suppression.objects.get().reason == "staff"


def test_that_somebody_stopped_is_noted_when_they_do_and_once(link, now):
    for _ in range(2):
        preferences.stop(link, source="link", withdrawn=said(False), now=now)
        assert MessageEvent.objects.get().kind == EventKind.UNSUBSCRIBED


def test_who_has_no_address_any_more_closes_no_carts_of_others_who_have_none(shop, link, ada, now):
    others = letter(shop, ada, at=now)
    Message.objects.update(address="", address_hash="")
    link.message.refresh_from_db()
    preferences.not_me(link, withdrawn=said(False), now=now)
    assert links.find(others.tokens[Purpose.RESTORE], Purpose.RESTORE, now)


def test_declining_a_kind_ends_what_runs_of_it_and_nothing_else(link, in_two, now):
    preferences.choose(link, wanted=[kind for kind in Kind if kind != Kind.THANKS], consented=said(False), now=now)
    assert in_two.get().campaign.kind == Kind.ABANDONED
    assert Suppression.objects.get().source == "preferences"
    ended = Decision.objects.get()
    assert (ended.actor, ended.reason, ended.at) == ("shopper", "unsubscribed", now)
    preferences.stop(link, source="link", withdrawn=said(False), now=now)
    assert not in_two.exists()


def test_stopping_ends_nothing_of_others(link, shop, in_two, now):
    Enrolment.objects.filter(trigger=Kind.THANKS).update(customer=factories.customer(shop, "bob@example.com"))
    preferences.stop(link, source="link", withdrawn=said(False), now=now)
    assert in_two.get().trigger == Kind.THANKS


def test_who_says_that_it_is_not_them_closes_all_carts_mailed_to_the_address_and_no_others(shop, mail, link, ada, now):
    again = letter(shop, ada, at=now)
    bobs = letter(shop, factories.customer(shop, "bob@example.com"), at=now)
    preferences.not_me(link, withdrawn=said(False), now=now)
    for one, is_open in ((mail, False), (again, False), (bobs, True)):
        assert bool(links.find(one.tokens[Purpose.RESTORE], Purpose.RESTORE, now)) == is_open
        assert links.find(one.tokens[Purpose.STOP], Purpose.STOP, now)
    assert set(Link.objects.exclude(revoked_at=None).values_list("revoked_at", flat=True)) == {now}


def test_another_sites_page_cannot_choose(client, mail):
    client.post(mail.path(Purpose.PREFERENCES), {"do": "stop"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert not Suppression.objects.exists()


# -- openings ----------------------------------------------------------------------------------------


def test_openings_are_counted_only_where_the_shop_wants_it(client, shop, mail):
    path = mail.path(Purpose.SEEN)
    first = client.get(path)
    assert not MessageEvent.objects.exists()
    shop.counts_openings = True
    shop.save()
    assert client.get(path).content == first.content == client.get("/m/seen/nonsense.gif").content
    assert MessageEvent.objects.get().kind == EventKind.OPENED
    assert first["Content-Type"] == "image/gif"
    assert client.post(path).status_code == 403


# -- who opens them ----------------------------------------------------------------------------------


def test_a_reader_has_one_place_whichever_socket_takes_the_call(rf):
    def place(address):
        return facts_of(rf.get("/", REMOTE_ADDR=address)).place

    assert place("::ffff:192.0.2.1") == place("192.0.2.1") == place("192.0.2.77")
    assert len({place("::ffff:192.0.2.1"), place("::ffff:198.51.100.1"), place("2001:db8::1"), place("unknown")}) == 4
