"""The pages of webhooks: endpoints, their secrets, deliveries, sending again."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from standardwebhooks import Webhook

from ghostcart.backoffice.models import Role
from ghostcart.connectors.webhooks import sending, signing
from ghostcart.connectors.webhooks.models import Delivery, Off, State, WebhookEndpoint
from ghostcart.lib import clock, sealing
from tests import factories
from tests.backoffice.cast import manager, signed_in
from tests.connectors.webhooks import showing
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db

LIST = "/backoffice/webhooks/"


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def owner(shop):
    return signed_in(Role.OWNER, shop)


@pytest.fixture
def endpoint(shop):
    for _ in range(2):
        Shopper(shop).add()
        Shopper(shop).add("LAMP")
    return WebhookEndpoint.objects.get(pk=showing.some(shop)[0])


def page(client, endpoint, query=""):
    return client.get(reverse("backoffice:webhook", args=[endpoint.pk]) + query)


def text(answer):
    return answer.content.decode()


def create(client, shop, **more):
    values = {"url": "https://example.com/hook", "description": "Mine", "kinds": ["ordered"]} | more
    return client.post(reverse("backoffice:webhook-create", args=[shop.pk]), values)


def test_an_endpoint_is_made_and_its_secret_is_shown_this_once(shop, owner):
    answer = create(owner, shop)
    [secret] = set(re.findall(r"whsec_[A-Za-z0-9+/]+=*", text(answer)))
    assert "no-store" in answer["Cache-Control"]
    made = WebhookEndpoint.objects.get()
    assert (made.url, made.description, made.kinds) == ("https://example.com/hook", "Mine", ["ordered"])
    assert sealing.unseal(made.secret, signing.PURPOSE) == secret
    for url in (
        LIST,
        reverse("backoffice:webhook", args=[made.pk]),
        reverse("backoffice:webhook-edit", args=[made.pk]),
    ):
        assert "whsec_" not in text(owner.get(url))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.com/", "must begin with https"),
        ("https://10.0.0.1/", "private network"),
        ("https://[::1]/", "private network"),
        ("https://me:word@example.com/", "user name"),
        ("https://example.com:22/", "Port 22"),
        ("gopher://example.com/", "not an address that can be called"),
        ("https://ex\x00ample.com/", ""),
        ("https://\ud83d\ude00 .com/", "not an address that can be called"),
        ("", "required"),
        ("https://example.com/" + "a" * 3000, ""),
    ],
)
def test_an_address_that_cannot_be_called_is_refused_in_words(shop, owner, url, says):
    answer = create(owner, shop, url=url.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    assert answer.status_code == 200
    assert says in text(answer)
    assert not WebhookEndpoint.objects.exists()


def test_an_unknown_kind_is_refused(shop, owner):
    assert create(owner, shop, kinds=["sold"]).context["form"].errors["kinds"]
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_changed_switched_and_deleted(shop, owner, endpoint):
    url = reverse("backoffice:webhook-edit", args=[endpoint.pk])
    assert owner.get(url).context["form"]["kinds"].value() == ["line_added", "ordered"]
    owner.post(url, {"url": "https://example.org/", "kinds": []})
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.kinds, endpoint.description) == ("https://example.org/", [], "")

    switch = reverse("backoffice:webhook-switch", args=[endpoint.pk])
    owner.post(switch, {"to": "off"})
    endpoint.refresh_from_db()
    assert endpoint.off == Off.STAFF
    assert "Switched off by staff" in text(page(owner, endpoint))
    owner.post(switch, {"to": "now"})
    endpoint.refresh_from_db()
    assert endpoint.is_on

    owner.post(reverse("backoffice:webhook-delete", args=[endpoint.pk]))
    assert not Delivery.objects.exists()


def test_a_new_secret_is_shown_and_the_old_one_signs_for_a_day(owner, endpoint):
    old = sealing.unseal(endpoint.secret, signing.PURPOSE)
    answer = text(owner.post(reverse("backoffice:webhook-rotate", args=[endpoint.pk])))
    [new] = set(re.findall(r"whsec_[A-Za-z0-9+/]+=*", answer))
    endpoint.refresh_from_db()
    real = NOON.now(NOON.tzinfo)
    headers = signing.headers(endpoint, "msg_1", "{}", NOON, real)
    for secret in (old, new):
        Webhook(secret).verify("{}", headers)
    assert "The old secret signs beside the new one" in text(page(owner, endpoint))


def test_an_endpoint_that_was_switched_off_says_why(owner, endpoint):
    for reason, words in ((Off.GONE, "gone for good"), (Off.FAILING, "failed for five days")):
        WebhookEndpoint.objects.update(off=reason, off_at=NOON)
        assert words in text(page(owner, endpoint))
        answer = owner.post(reverse("backoffice:webhook-test", args=[endpoint.pk]), follow=True)
        assert "Switch it on first" in text(answer)


def test_a_test_is_put_on_its_way(shop, endpoint):
    answer = manager(shop).post(reverse("backoffice:webhook-test", args=[endpoint.pk]), follow=True)
    assert "on its way" in text(answer)
    assert Delivery.objects.get(kind="test").state == State.DUE
    assert "ghostcart.test" in text(answer)


def test_deliveries_are_filtered(owner, endpoint):
    def states(query):
        return [delivery.state for delivery, _kind, _last in page(owner, endpoint, query).context["rows"]]

    assert states("") == [State.FAILED, State.RETRYING, State.DELIVERED, State.DELIVERED]
    assert states("?state=failed") == [State.FAILED]
    assert states("?kind=ordered") == []
    assert states("?state=nonsense&kind=%00&size=x&after=%FF") == states("")


def test_a_delivery_shows_what_was_sent_and_answered_and_runs_none_of_it(owner, endpoint):
    delivery = Delivery.objects.get(state=State.RETRYING)
    shown = text(owner.get(reverse("backoffice:webhook-delivery", args=[delivery.pk])))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "cart.line_added" in shown
    assert delivery.message_id in shown
    failed = Delivery.objects.get(state=State.FAILED)
    assert "private network" in text(owner.get(reverse("backoffice:webhook-delivery", args=[failed.pk])))


def test_deliveries_are_sent_again_one_or_all_that_failed_since(shop, endpoint):
    client = manager(shop)
    delivered = Delivery.objects.filter(state=State.DELIVERED).first()
    client.post(reverse("backoffice:webhook-again", args=[delivered.pk]))
    delivered.refresh_from_db()
    assert delivered.state == State.DUE
    answer = client.post(reverse("backoffice:webhook-again", args=[delivered.pk]), follow=True)
    assert "still under way" in text(answer)

    replay = reverse("backoffice:webhook-replay", args=[endpoint.pk])
    later = (NOON + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert "0 deliveries are sent again" in text(client.post(replay, {"since": later}, follow=True))
    for nonsense in ("", "x", "9999-99-99T00:00", "0001-01-01T00:00"):
        assert client.post(replay, {"since": nonsense}, follow=True).status_code == 200
    assert Delivery.objects.filter(state=State.FAILED).count() <= 1
    Delivery.objects.filter(pk=Delivery.objects.order_by("-pk")[0].pk).update(state=State.FAILED)
    earlier = (NOON - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert "1 delivery is sent again." in text(client.post(replay, {"since": earlier}, follow=True))
    assert not Delivery.objects.filter(state=State.FAILED).exists()


def test_managers_look_and_send_again_and_only_owners_set_up(shop, endpoint):
    client = manager(shop)
    shown = text(page(client, endpoint))
    assert reverse("backoffice:webhook-test", args=[endpoint.pk]) in shown
    assert reverse("backoffice:webhook-rotate", args=[endpoint.pk]) not in shown
    assert "webhooks/new" not in text(client.get(LIST))
    assert signed_in(Role.AGENT, shop).get(LIST).status_code == 403


def test_the_list_shows_the_shops_of_a_manager_and_no_others(shop, endpoint):
    other = factories.shop()
    assert [one.pk for one, _standing in manager(shop).get(LIST).context["rows"]] == [endpoint.pk]
    assert manager(other).get(LIST).context["rows"] == []
    standing = manager(shop).get(LIST).context["rows"][0][1]
    assert (standing.waiting, standing.failed) == (1, 1)


def test_every_error_that_can_be_kept_has_words():
    from ghostcart.backoffice.webhook_forms import why_not
    from ghostcart.connectors.webhooks.models import Attempt
    from ghostcart.lib import outbound

    codes = {error.code for error in outbound.TargetError.__subclasses__()}
    for code in codes | {"target_failed", "interrupted", "secret_unreadable"}:
        words = why_not(Attempt(error=code, detail="50% of it"))
        assert words != code, code
        assert len(code) <= Attempt._meta.get_field("error").max_length
    assert sending.Outcome(error="x").is_good is False
