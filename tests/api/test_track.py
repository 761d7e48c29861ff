"""The tracker's calls: what a browser tells is taken as a browser's word, and reaches nothing but its own carts."""

import json
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghostcart.api import limits, track
from ghostcart.carts.models import Cart, CartEvent, Device
from ghostcart.connectors import tracker
from ghostcart.customers.models import Consent, Customer
from ghostcart.lib import clock
from ghostcart.orders import intake as order_intake
from ghostcart.orders.models import Order
from ghostcart.shops import rules
from tests import factories
from tests.api.test_ingest import bent
from tests.outside import order
from tests.races import together
from tests.wire import dump, refused

pytestmark = pytest.mark.django_db(transaction=True)
SITE = "https://shop.example"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NOW_MS = 1_769_847_600_000
LINE = {"sku": "MUG", "name": "Mug", "quantity": 2, "price": "24.90"}


@pytest.fixture(autouse=True)
def fresh_buckets(monkeypatch):
    monkeypatch.setattr(track, "buckets", limits.Buckets(lambda: 0.0))


@pytest.fixture
def shop():
    return factories.shop(origins=[SITE])


class Browser:
    def __init__(self, client, shop, token="a" * 24):
        self.client, self.shop, self.token, self.at = client, shop, token, NOW_MS

    def tell(self, *events, **headers):
        self.at += 1000
        told = [{"at": self.at + place, **event} for place, event in enumerate(events)]
        return self.send({"key": self.shop.public_key, "token": self.token, "sent": self.at, "events": told}, **headers)

    def send(self, body=None, content=None, **headers):
        sent = {"Origin": SITE, "Content-Type": "text/plain;charset=UTF-8", "User-Agent": PERSON} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        content = json.dumps(body) if content is None else content
        return self.client.post("/api/v1/track", content=content, headers={k: v for k, v in sent.items() if v})

    def cart(self, *lines, **more):
        return self.tell({"type": "cart", "currency": "EUR", "lines": list(lines or [LINE]), **more})


@pytest.fixture
def browser(client, shop):
    return Browser(client, shop)


def test_a_cart_is_shown_as_the_browser_tells_it_and_marked_estimated(browser, shop):
    answer = browser.cart(totals={"total": "49.80"})
    assert answer.headers["access-control-allow-origin"] == SITE
    assert "set-cookie" not in answer.headers
    ours = Cart.objects.get()
    assert answer.json() == {"taken": 1, "refused": [], "reference": ours.external_id}
    assert (ours.source, ours.total_minor, ours.is_estimated, ours.bot_score) == ("tracker", 4980, True, 0)
    assert list(CartEvent.objects.values_list("kind", flat=True)) == ["line_added"]
    assert Device.objects.get().token_hash == tracker.digest(shop.pk, browser.token) != browser.token


def test_what_waited_is_dated_to_when_it_happened_by_our_clock(browser):
    browser.send({"key": browser.shop.public_key, "token": browser.token, "sent": 10_000_000, "events": [
        {"type": "cart", "at": 10_000_000 - 600_000, "currency": "EUR", "lines": [LINE]}]})  # fmt: skip
    assert timedelta(seconds=590) < clock.now() - Cart.objects.get().last_activity_at < timedelta(seconds=660)


def test_told_twice_it_is_taken_once_and_late_ones_change_nothing(browser):
    body = {"key": browser.shop.public_key, "token": browser.token, "sent": NOW_MS + 9, "events": [
        {"type": "cart", "at": NOW_MS, "currency": "EUR", "lines": [LINE]}]}  # fmt: skip
    browser.send(body)
    before = list(Cart.objects.values())
    browser.send({**body, "sent": NOW_MS + 5000})
    late = {"type": "cart", "at": NOW_MS - 1, "currency": "EUR", "lines": []}
    browser.send({**body, "events": [late]})
    assert list(Cart.objects.values()) == before
    assert CartEvent.objects.count() == 1


def test_told_by_two_tabs_at_once_it_is_taken_once(browser, shop):
    event = {"type": "cart", "at": NOW_MS, "currency": "EUR", "lines": [LINE]}
    told = tracker.Told.read({"key": "k", "token": browser.token, "sent": NOW_MS, "events": [event]})
    visitor = tracker.Visitor(rules.of(shop.pk), tracker.digest(shop.pk, browser.token), user_agent=PERSON)
    now = clock.now()
    together([partial(tracker.hear, visitor, told, now + timedelta(milliseconds=n)) for n in range(4)])
    assert (Cart.objects.get().version, CartEvent.objects.count()) == (1, 1)


def test_of_several_in_one_call_the_newest_stands(browser):
    carts = [{"type": "cart", "currency": "EUR", "lines": [{**LINE, "quantity": n}]} for n in (1, 5, 3)]
    browser.tell(*carts)
    assert Cart.objects.get().item_count == 3


def test_who_says_who_they_are_is_a_guest_with_the_consent_they_gave(browser, shop):
    browser.cart()
    browser.tell({"type": "identify", "email": "ada@example.com", "first_name": "Ada", "consent": True,
                  "consent_text": "Remind me.", "consent_version": "1"})  # fmt: skip
    ours = Cart.objects.get()
    assert (ours.customer_label, ours.customer.is_guest) == ("Ada", True)
    consent = Consent.objects.get()
    assert (consent.text, consent.text_version, consent.source, consent.is_given) == (
        "Remind me.",
        "1",
        "tracker",
        True,
    )
    assert list(CartEvent.objects.values_list("kind", flat=True)) == ["line_added", "customer_identified"]
    browser.tell({"type": "identify", "email": "ada.b@example.com", "first_name": "Ada B."})  # corrected
    browser.cart({**LINE, "quantity": 4})
    assert Cart.objects.get().customer.email == "ada.b@example.com"


def test_an_address_may_come_before_the_cart(browser):
    browser.tell({"type": "identify", "email": "ada@example.com"})
    browser.cart()
    assert Cart.objects.get().customer.email == "ada@example.com"


def test_an_account_is_not_changed_by_who_types_its_address(browser, shop):
    account = factories.customer(shop)
    Customer.objects.filter(pk=account.pk).update(is_guest=False)
    browser.tell({"type": "identify", "email": "ada@example.com", "first_name": "Eve"})
    assert Customer.objects.get(pk=account.pk).first_name == "Ada"


def test_an_order_closes_the_cart_and_the_next_one_is_new(browser):
    browser.cart()
    browser.tell({"type": "order", "number": "N9"})
    ours = Cart.objects.get()
    placed = Order.objects.get()
    assert (ours.order_number, placed.source, placed.total_minor, placed.lines.get().sku) == (
        "N9",
        "tracker",
        4980,
        "MUG",
    )
    browser.tell({"type": "order", "number": "N9"})
    browser.cart(n=1)
    assert (Order.objects.count(), Cart.objects.count(), Cart.objects.filter(ordered_at=None).count()) == (1, 2, 1)


def test_the_shops_own_order_wins_whichever_comes_first(client, shop):
    first, second = Browser(client, shop, "a" * 24), Browser(client, shop, "b" * 24)
    first.cart()
    first.tell({"type": "order", "number": "N1", "totals": {"total": "0.01"}})
    told = [order(n, "", number=f"N{n}", sums=order_intake.Sums(total_minor=4980)) for n in ("1", "2")]
    order_intake.take(shop.pk, "api", told, clock.now())
    second.cart()
    second.tell({"type": "order", "number": "N2", "totals": {"total": "0.01"}})
    assert list(Order.objects.order_by("number").values_list("number", "source", "total_minor")) == [
        ("N1", "api", 4980), ("N2", "api", 4980)
    ]  # fmt: skip
    assert sorted(Cart.objects.filter(source="tracker").values_list("order_number", flat=True)) == ["N1", "N2"]


def test_a_browser_cannot_take_a_number_nor_use_up_a_voucher(browser, shop):
    browser.cart(vouchers=[{"code": "SPRING", "amount": "5.00"}])
    browser.tell({"type": "order", "number": "T-1"})
    assert not Order.objects.filter(number="T-1").exists()
    assert Order.objects.get().vouchers == []


def test_a_browser_reaches_no_cart_but_its_own(client, shop):
    mine, other = Browser(client, shop, "a" * 24), Browser(client, shop, "b" * 24)
    mine.cart()
    before = list(Cart.objects.values())
    other.cart({**LINE, "quantity": 1})
    other.tell({"type": "order", "number": "N1"})
    other.tell({"type": "identify", "email": "eve@example.com"})
    assert list(Cart.objects.filter(pk=before[0]["id"]).values()) == before
    assert Cart.objects.count() == 2


def test_a_heartbeat_keeps_the_visitor_and_their_cart_online(browser):
    browser.cart()
    Cart.objects.update(seen_at=clock.now() - timedelta(hours=1))
    browser.tell({"type": "heartbeat"})
    assert clock.now() - Cart.objects.get().seen_at < timedelta(minutes=1)
    assert Device.objects.count() == 1


def test_an_event_that_cannot_be_kept_is_named_and_the_others_are_taken(browser):
    cart = {"type": "cart", "currency": "EUR"}
    answer = browser.tell(
        {**cart, "lines": [{**LINE, "price": 24.9}]}, {"type": "dance"}, {**cart, "n": 1, "lines": [LINE]},
        {**cart, "n": 2, "lines": [{**LINE, "quantity": 0}]}, {"type": "order", "n": 3, "number": "1"},
        {"type": "identify", "email": "nobody"},
    )  # fmt: skip
    told = answer.json()
    assert told["taken"] == 1
    assert [(one["index"], one["code"], one["field"]) for one in told["refused"]] == [
        (0, "bad_fact", "lines[0].price"), (1, "bad_fact", "type"), (3, "quantity_out_of_range", "lines[0].quantity"),
        (4, "missing_cart", "lines"), (5, "bad_email", ""),
    ]  # fmt: skip
    assert Cart.objects.count() == 1


def test_only_pages_of_the_shops_sites_are_heard(browser, shop):
    before = dump()
    for origin in ("https://evil.example", "null", "", "http://shop.example"):
        refused(browser.tell({"type": "heartbeat"}, Origin=origin), 403, "foreign_origin")
    assert dump()["carts_device"] == before["carts_device"]


def test_without_the_check_of_origins_any_site_would_be(browser, monkeypatch):
    monkeypatch.setattr(track.origins, "check", lambda *_: None)
    assert browser.tell({"type": "heartbeat"}, Origin="https://evil.example").status_code == 200


def test_an_unknown_key_and_a_token_of_no_worth_are_refused(browser):
    before = dump()
    body = {"key": "pk_nobody", "token": "a" * 24, "sent": 1, "events": [{"type": "heartbeat", "at": 1}]}
    refused(browser.send(body), 401, "unknown_shop")
    for token in ("", "a" * 21, "a" * 65, "a" * 24 + "\n", "a b" * 8, None, 1):
        refused(browser.send({**body, "key": browser.shop.public_key, "token": token}), 400, "bad_body")
    assert dump() == before


def test_crawlers_are_suspected(browser):
    browser.tell({"type": "cart", "currency": "EUR", "lines": [LINE]}, User_Agent="Googlebot/2.1")
    assert Cart.objects.get().is_suspected_bot
    assert Device.objects.get().bot_score >= 50


def test_a_flood_is_bounded_for_a_browser_and_for_an_address(client, shop):
    browser = Browser(client, shop)
    answers = [browser.tell({"type": "heartbeat"}) for _ in range(track.PER_TOKEN + 5)]
    told = refused(answers[-1], 429, "too_many_requests")
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert told["params"]["seconds"]
    for number in range(track.NEW_PER_ADDRESS + 20):
        Browser(client, shop, f"{number:024}").tell({"type": "heartbeat"})
    assert Device.objects.count() <= track.NEW_PER_ADDRESS


def test_without_the_limit_it_would_not_be(client, shop, monkeypatch):
    monkeypatch.setattr(track, "pace", lambda *_: None)
    for number in range(track.NEW_PER_ADDRESS + 5):
        Browser(client, shop, f"{number:024}").tell({"type": "heartbeat"})
    assert Device.objects.count() == track.NEW_PER_ADDRESS + 5


def test_a_body_may_have_64_kib(browser):
    body = json.dumps({"key": browser.shop.public_key, "token": browser.token, "sent": 1,
                       "events": [{"type": "heartbeat", "at": 1}]})  # fmt: skip
    assert browser.send(content=body + " " * (64 * 1024 - len(body))).status_code == 200
    refused(browser.send(content=body + " " * (64 * 1024 - len(body) + 1)), 422, "body_too_large")


def test_the_example_of_the_description_is_taken(browser):
    answer = browser.send({**track.EXAMPLE, "key": browser.shop.public_key})
    assert answer.json()["taken"] == 1


@pytest.mark.slow
def test_whatever_is_sent_there_is_no_server_error(browser, monkeypatch):
    monkeypatch.setattr(track, "pace", lambda *_: None)
    events = [
        {"type": "cart", "at": 1, "currency": "EUR", "lines": [LINE], "totals": {"total": "1"}, "vouchers": []},
        {"type": "identify", "at": 2, "email": "a@b.it", "consent": True, "consent_text": "x", "consent_version": "1"},
        {"type": "order", "at": 3, "number": "1", "currency": "EUR", "lines": [LINE]},
        {"type": "heartbeat", "at": 4},
    ]
    counted = {}

    @settings(max_examples=300, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def fuzz(data):
        whole = {"key": browser.shop.public_key, "token": browser.token, "sent": 9, "events": events}
        told = bent(data.draw, whole)
        if isinstance(told["events"], list):
            told["events"] = [bent(data.draw, one) if isinstance(one, dict) and one else one for one in told["events"]]
        answer = browser.send(told)
        counted[answer.status_code] = counted.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (told, answer.text)
        assert answer.status_code < 400 or answer.json()["code"]

    fuzz()
    print(f"\n{counted}")


def test_the_script_is_one_small_cacheable_file_that_any_site_may_load(client):
    answer = client.get("/tracker.js", headers={"Accept-Encoding": "gzip"})
    weight = int(answer.headers["content-length"])
    print(f"\ntracker.js: {weight} bytes gzip, {len(answer.content)} plain")
    assert weight < 5000
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert b"document.cookie" not in answer.content
    again = client.get("/tracker.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/tracker.js", headers={"Accept-Encoding": "identity"}).content == answer.content
