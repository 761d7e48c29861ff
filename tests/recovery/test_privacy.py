"""A person's data: all of it in the export, none of it anywhere after the erasure; and nothing brings it back."""

import json
from datetime import timedelta

import pytest

from ghostcart.carts import changes
from ghostcart.carts.models import Cart, CartEvent, IdempotencyKey
from ghostcart.customers import services as customers
from ghostcart.customers.errors import AddressErased
from ghostcart.customers.models import Customer, PersonKey
from ghostcart.customers.services import Consented
from ghostcart.mail import links, reports, suppression
from ghostcart.mail.models import EventKind, Link, Message, MessageEvent, Purpose, State, Suppression
from ghostcart.orders.models import Order
from ghostcart.recovery import privacy
from ghostcart.recovery.models import Call, Decision, Enrolment
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind as Gives
from tests import factories
from tests.factories import NOON, Shopper
from tests.mail import post
from tests.mail.letters import dump, letter
from tests.mail.sink import Sink
from tests.races import order
from tests.recovery import cast

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=3)
MARKS = {
    "first name": "Zebedea", "last name": "Quixwort", "address": "zq.marker@mark-mail.example",
    "phone": "+39 011 5550147",
    "street": "Vicolo Sbirulino 77", "city": "Markopolis", "postcode": "98765-ZQ", "note": "likes turquoise umbrellas",
    "device": "MarkerPhone/9.9", "page": "/fern/it/p/secret-marker/", "call": "wants to be rung on tuesdays",
    "answer": "550 no such user zq-at-server",
}  # fmt: skip
ADDRESS = {"first_name": MARKS["first name"], "last_name": MARKS["last name"], "street": MARKS["street"],
           "postcode": MARKS["postcode"], "city": MARKS["city"], "country": "IT"}  # fmt: skip


@pytest.fixture
def person(shop):
    """Somebody who left traces wherever one can."""
    found = customers.identify(
        shop.pk, email=MARKS["address"], first_name=MARKS["first name"], last_name=MARKS["last name"],
        phone=MARKS["phone"], consent=Consented(True, "Remind me", "1"), now=NOON,
    )  # fmt: skip
    customers.save_note(found, MARKS["note"])
    customers.keep_address(found, ADDRESS, NOON)
    shopper = Shopper(shop, NOON, user_agent=MARKS["device"], page=MARKS["page"])
    for name in (MARKS["address"], found.label):
        shopper.add("MUG")
        shopper.do(changes.Identify, customer_id=found.pk, label=name)
    IdempotencyKey.objects.create(shop=shop, scope=shopper.seen.token_hash, key="k", request_hash="", at=NOON,
                                  answer=json.dumps({"customer": {"label": found.label}}))  # fmt: skip
    taken_over = Shopper(shop, NOON)
    taken_over.add("LAMP")
    taken_over.do(changes.Identify, customer_id=found.pk, label=found.label)
    taken_over.do(changes.Identify, customer_id=factories.customer(shop, "other@example.com").pk, label="Other")
    bought = Shopper(shop, NOON)
    bought.add("LAMP")
    order(bought, found, address=ADDRESS | {"phone": MARKS["phone"]})
    trace_mail(shop, found, shopper)
    return found


def trace_mail(shop, found, shopper):
    enrolment = cast.enrol(cast.campaign(shop), found, cart=shopper.cart)
    Decision.objects.create(shop=shop, campaign=enrolment.campaign, person=enrolment.person, cart=shopper.cart,
                            verdict="enrolled", at=NOON)  # fmt: skip
    Call.objects.create(shop=shop, cart=shopper.cart, outcome="later", note=MARKS["call"], actor="staff:1", at=NOON,
                        again_at=LATER)  # fmt: skip
    facts = {"customer": {"first_name": MARKS["first name"], "name": found.label}}
    sent = letter(shop, found, cart=shopper.cart).message
    Message.objects.filter(pk=sent.pk).update(
        facts=facts, subject=f"Ciao {MARKS['first name']}", answer=MARKS["answer"]
    )
    MessageEvent.objects.create(message=sent, shop=shop, kind=EventKind.BOUNCED, cause=MARKS["answer"], at=NOON)
    waiting = letter(shop, found, cart=shopper.cart).message
    Message.objects.filter(pk=waiting.pk).update(state=State.DUE, sent_at=None, facts=facts)
    Message.objects.create(
        shop=shop, kind="notice", address="owner@shop.example", address_hash="h", state=State.SENT, due_at=NOON,
        created_at=NOON, facts=facts, subject=f"Cart of {found.label}",
    )  # fmt: skip
    suppression.suppress(shop.pk, MARKS["address"], reason="unsubscribed", source="link", scope="thanks", now=NOON)
    vouchers.create(shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=1000, customer_id=found.pk, code="MINE", now=NOON,
                    names={"it": f"Per {MARKS['first name']}"})  # fmt: skip


@pytest.fixture
def at_once(settings):
    """A shop that keeps no names for the law: orders are unnamed together with the rest."""
    settings.ORDERS_KEPT_DAYS = 0


def found_in(rows):
    text = "\n".join(row for table in rows.values() for row in table)
    return {name for name, mark in MARKS.items() if mark in text or json.dumps(mark)[1:-1] in text}


# -- erasing -----------------------------------------------------------------------------------------


def test_the_marks_are_everywhere_before(person):
    """The guard of the test below: what it looks for can be found."""
    assert found_in(dump()) == set(MARKS)


def test_after_the_erasure_no_table_holds_any_of_it(person, at_once):
    erased = privacy.erase(person, "staff:1", LATER)
    assert found_in(dump()) == set()
    assert (erased.carts, erased.orders_kept) == (2, 0)


@pytest.mark.parametrize("name", ["André", 'Zoë "Zo"', "Back\\slash"])
def test_what_staff_were_told_of_them_is_emptied_however_the_database_writes_the_name(shop, name):
    found = factories.customer(shop, "zoe@example.com", first_name=name)
    told = {"shop": shop, "kind": "notice", "address_hash": "h", "due_at": NOON, "created_at": NOON}
    of_them = Message.objects.create(facts={"carts": [{"who": found.label}]}, **told)
    of_another = Message.objects.create(facts={"carts": [{"who": "Ada Byron"}]}, **told)
    privacy.erase(found, "staff:1", LATER)
    assert Message.objects.get(pk=of_them.pk).facts == {}
    assert Message.objects.get(pk=of_another.pk).facts == of_another.facts


def test_counts_and_amounts_stay(shop, person, at_once):
    before = [Cart.objects.count(), Order.objects.count(), Message.objects.count(), Enrolment.objects.count()]
    total = Order.objects.get().total_minor
    privacy.erase(person, "staff:1", LATER)
    assert [Cart.objects.count(), Order.objects.count(), Message.objects.count(), Enrolment.objects.count()] == before
    kept = Order.objects.get()
    assert (kept.total_minor, kept.address, kept.lines.count()) == (total, {"country": "IT"}, 1)


def test_orders_keep_name_and_address_as_long_as_the_law_wants(shop, person, settings):
    settings.ORDERS_KEPT_DAYS = 3650
    token = Order.objects.get().token
    assert privacy.erase(person, "staff:1", LATER).orders_kept == 1
    rows = dump()
    kept = rows.pop("orders_order")
    assert found_in(rows) == set()
    assert found_in({"orders": kept}) == {"first name", "last name", "address", "phone", "street", "city", "postcode"}
    assert Order.objects.get().token != token  # its page opens no more
    end = NOON + timedelta(days=3650)
    assert not privacy.tidy(end - timedelta(seconds=1))
    assert found_in(dump()) != set()
    assert privacy.tidy(end)
    assert found_in(dump()) == set()
    assert not privacy.tidy(end)


def test_an_order_that_was_told_without_a_mail_address_is_unnamed_all_the_same(person, settings):
    settings.ORDERS_KEPT_DAYS = 30
    Order.objects.update(email="")
    privacy.erase(person, "staff:1", LATER)
    privacy.tidy(NOON + timedelta(days=30))
    assert found_in(dump()) == set()


def test_nothing_leaves_no_link_opens_and_no_voucher_lives(shop, person):
    waiting = Message.objects.get(state=State.DUE)
    privacy.erase(person, "staff:1", LATER)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == (State.CANCELLED, "erased")
    assert not Link.objects.filter(revoked_at=None).exists()
    assert not Voucher.objects.get(code="MINE").is_active
    assert Enrolment.objects.get().reason == "erased"
    entry = Suppression.objects.get(shop=shop, scope="all")
    assert (entry.reason, entry.address) == ("erased", "")
    assert suppression.suppressed(shop.pk, [entry.address_hash]) == {entry.address_hash}


def test_the_account_is_closed_and_what_the_person_was_recognised_by_is_gone(shop, person):
    customers.set_password(person, "correct horse battery")
    privacy.erase(person, "shopper", LATER)
    with pytest.raises(customers.SignInRefused):
        customers.sign_in(shop.pk, email=MARKS["address"], password="correct horse battery", source="", now=LATER)
    assert not PersonKey.objects.filter(person=person.person).exists()
    person.refresh_from_db()
    assert (person.erased_at, person.label) == (LATER, "Erased customer")


def test_others_of_the_same_person_keep_what_is_theirs(shop, person):
    other = customers.identify(shop.pk, email=MARKS["address"].replace("@", "+2@"), first_name="Z", now=NOON)
    assert other.person_id == person.person_id
    theirs = vouchers.create(shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=500, person_id=person.person_id, now=NOON)
    privacy.erase(person, "staff:1", LATER)
    assert PersonKey.objects.filter(person=other.person_id, kind="email").exists()
    theirs.refresh_from_db()
    assert theirs.is_active


def test_another_shop_is_not_touched(shop, person):
    elsewhere = factories.shop()
    same = customers.identify(elsewhere.pk, email=MARKS["address"], first_name="Zoe", now=NOON)
    mail = letter(elsewhere, same, at=LATER)
    privacy.erase(person, "staff:1", LATER)
    same.refresh_from_db()
    assert (same.email, same.erased_at) == (MARKS["address"], None)
    assert links.find(mail.tokens[Purpose.STOP], Purpose.STOP, LATER)
    assert not Suppression.objects.filter(shop=elsewhere).exists()


def test_erasing_twice_is_erasing_once(person):
    privacy.erase(person, "staff:1", LATER)
    before = dump()
    privacy.erase(person, "staff:1", LATER + timedelta(days=1))
    assert dump() == before


# -- nothing brings them back ------------------------------------------------------------------------


def test_what_happened_before_does_not_bring_them_back_what_happens_after_is_new(shop, person):
    privacy.erase(person, "staff:1", LATER)
    with pytest.raises(AddressErased):
        customers.identify(shop.pk, email=MARKS["address"].upper(), first_name="Late", now=LATER - timedelta(hours=1))
    assert found_in({"rows": dump()["customers_customer"]}) == set()
    again = customers.identify(shop.pk, email=MARKS["address"], first_name="New", now=LATER + timedelta(hours=1))
    assert again.pk != person.pk


def test_a_late_report_of_the_mail_provider_brings_no_address_back(person, at_once):
    message = Message.objects.filter(kind="reminder").first()
    privacy.erase(person, "staff:1", LATER)
    message.refresh_from_db()
    late = reports.Report(EventKind.BOUNCED, LATER, "late-1", f"550 {MARKS['address']}: {MARKS['answer']}", "bounced")
    assert reports.record(message, late, LATER)
    assert found_in(dump()) == set()


def test_who_is_erased_while_the_mail_is_on_its_way_to_the_server_does_not_get_it(shop):
    """After the claim and before the final dot: the body is thrown away, and the other mail of the batch goes."""
    zoe, bob = (customers.identify(shop.pk, email=f"{name}@example.com", now=NOON) for name in ("zoe", "bob"))
    first, other = (post.message(shop, one.email, customer_id=one.pk) for one in (zoe, bob))

    def erase_then_write(message, urls):
        if message.pk == first.pk:
            privacy.erase(zoe, "shopper", NOON)
        return post.write(message, urls)

    with Sink() as sink:
        post.send(sink, write=erase_then_write)
        assert sink.recipients == ["bob@example.com"]
    assert post.state(first) == (State.CANCELLED, "erased")
    assert post.state(other) == (State.SENT, "")


def test_what_was_under_way_is_swept_up(shop, person, at_once):
    """A change that read the name before the erasure, and was written behind it."""
    cart = Cart.objects.filter(customer=person).first()
    name = person.label
    privacy.erase(person, "staff:1", LATER)
    Cart.objects.filter(pk=cart.pk).update(customer=person, customer_label=name)
    CartEvent.objects.create(shop=shop, cart=cart, cart_version=99, kind="customer_identified", actor="shopper",
                             at=LATER, data={"customer": {"label": name}})  # fmt: skip
    assert found_in(dump())
    privacy.tidy(LATER + timedelta(hours=1))
    assert found_in(dump()) == set()


# -- a person's data as a file -----------------------------------------------------------------------


def test_the_export_holds_everything_and_is_plain_json(shop, person):
    text = json.dumps(privacy.export(person, LATER), ensure_ascii=False)
    assert [name for name, mark in MARKS.items() if mark not in text] == []
    told = json.loads(text)
    assert [len(told[name]) for name in ("carts", "orders", "messages", "consents", "vouchers")] == [2, 1, 2, 1, 1]
    assert told["carts"][0]["lines"]
    assert told["carts"][0]["events"]


def test_the_export_tells_where_they_are_not_written_to_and_nobody_else(shop):
    zoe, ada = (factories.customer(shop, f"{name}@bücher.example") for name in ("zoe", "ada"))
    suppression.suppress(shop.pk, "Zoe@xn--bcher-kva.example", reason="complained", source="provider", now=NOON)
    assert [row["reason"] for row in privacy.export(zoe, LATER)["not_written_to"]] == ["complained"]
    for one in (zoe, ada):
        privacy.erase(one, "staff:1", LATER)
    assert privacy.export(Customer.objects.get(pk=ada.pk), LATER)["not_written_to"] == []


def test_the_export_gives_away_no_secret(person):
    customers.set_password(person, "correct horse battery")
    text = json.dumps(privacy.export(person, LATER))
    secrets = [person.password, Order.objects.get().token, *Link.objects.values_list("token_hash", flat=True)]
    assert [one for one in secrets if one in text] == []
    assert "address_hash" not in text


def test_an_account_gets_what_happened_since_it_was_opened(person):
    told = privacy.export(person, LATER, since=LATER)
    assert [told[name] for name in ("carts", "orders", "messages", "addresses")] == [[], [], [], []]


def test_every_table_that_names_a_customer_is_reached():
    """A new table with a customer in it must be thought of here."""
    related = {
        f"{field.related_model._meta.label}.{field.field.name}"
        for field in Customer._meta.get_fields()
        if field.auto_created and not field.concrete
    }
    assert related == {
        "customers.Address.customer", "customers.Consent.customer", "vouchers.Voucher.customer",
        "vouchers.VoucherRedemption.customer", "carts.Cart.customer", "carts.Device.customer", "orders.Order.customer",
        "mail.Message.customer", "customers.ExternalCustomer.customer",
    }  # fmt: skip
