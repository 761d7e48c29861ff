"""The last look before a mail goes out."""

from datetime import timedelta

import pytest

from ghostcart.carts import changes
from ghostcart.carts import services as cart_services
from ghostcart.carts.models import Cart
from ghostcart.catalog.models import Variant
from ghostcart.customers import identity
from ghostcart.customers import services as customers
from ghostcart.customers.models import Customer
from ghostcart.customers.services import Consented
from ghostcart.mail import claiming, suppression
from ghostcart.mail.models import Message, State
from ghostcart.orders.models import Order
from ghostcart.orders.services import Payment, set_status
from ghostcart.recovery import by_hand, campaigns, claims, guard, scan, tidying
from ghostcart.recovery.models import Campaign, Decision, Enrolment, Reminder, Step, VoucherGrant
from ghostcart.recovery.scoring import Score
from ghostcart.shops.models import Shop
from ghostcart.vouchers.models import Voucher
from tests.factories import ADDRESS, NOON, Shopper
from tests.races import order
from tests.recovery import following
from tests.recovery.following import DAY, HOUR, Pile, days, leaving, left, why, worker

pytestmark = pytest.mark.django_db
DUE = NOON + 25 * HOUR


@pytest.fixture
def shop():
    return following.shop(is_demo=True)


@pytest.fixture
def campaign(shop):
    return following.campaign(shop)


@pytest.fixture
def planned(shop, campaign):
    """A cart whose mail is planned, in the night: nothing has gone out."""
    shop.quiet_from, shop.quiet_until = 0, 1439
    shop.save()
    shopper = leaving(shop, at=NOON + HOUR)
    assert not worker(DUE).letters
    shop.quiet_until = 0
    shop.save()
    Message.objects.update(due_at=DUE)
    return shopper


def test_it_works(shop, campaign):
    cart = left(shop, at=NOON + HOUR)
    assert not worker(NOON + 24 * HOUR).letters
    pile = worker(DUE)
    assert pile.recipients() == ["ada@example.com"]
    message = Message.objects.get(state=State.SENT)
    assert message.language == "it"
    assert message.facts["cart"]["lines"][0]["name"] == "Mug (it)"
    assert why(cart) == [("enrolled", ""), ("sent", "")]
    assert {link.purpose for link in message.links.all()} == {"restore", "stop", "preferences"}


# -- reasons not to -----------------------------------------------------------------------------------


def order_it(shopper):
    order(shopper, shopper.cart.customer)


def order_another(shopper):
    other = Shopper(shopper_shop(shopper), at=DUE)
    other.add("LAMP")
    order(other, shopper.cart.customer)


def shopper_shop(shopper):
    return shopper.cart.shop


def order_elsewhere(shopper, **seen):
    """Under another address, with something in common."""
    shop = shopper_shop(shopper)
    bob = following.customer(shop, "bob@example.com")
    other = Shopper(shop, at=DUE)
    other.add("LAMP")
    order(other, bob, address=ADDRESS | seen)


def order_with_the_same_phone(shopper):
    identity.recognise(shopper.cart.customer, NOON, phone="+39 011 5551234")
    order_elsewhere(shopper, street="Elsewhere 9", phone="011 5551234")


def order_to_the_same_address(shopper):
    identity.recognise(shopper.cart.customer, NOON, address=ADDRESS)
    order_elsewhere(shopper)


def order_on_the_same_device(shopper):
    identity.recognise(shopper.cart.customer, NOON, device="d" * 64)
    bob = following.customer(shopper_shop(shopper), "bob@example.com", device="d" * 64)
    other = Shopper(shopper_shop(shopper), at=DUE)
    other.add("LAMP")
    order(other, bob)


def order_with_a_plus_address(shopper):
    other = Shopper(shopper_shop(shopper), at=DUE)
    other.add("LAMP")
    order(other, following.customer(shopper_shop(shopper), "ada+shop@example.com"))


def pay_later(shopper):
    order(shopper, shopper.cart.customer, payment=Payment("transfer"))


def empty(shopper):
    shopper.wait(hours=20).do(changes.RemoveLine, key="MUG")


def change(shopper):
    shopper.wait(hours=20).do(changes.AddLine, sku="LAMP")


def delete(shopper):
    cart_services.delete([shopper.cart.pk], "staff:1", DUE)


def merge(shopper):
    other = Shopper(shopper_shop(shopper), at=DUE)
    other.add("LAMP")
    customer, cart = shopper.cart.customer, shopper.cart
    other.do(changes.SignIn, customer_id=customer.pk, label=customer.label)
    Cart.objects.filter(pk=cart.pk).update(merged_at=DUE, merged_into=other.cart)


def unsubscribe(shopper):
    suppression.suppress(shopper.shop_id, "ada@example.com", reason="unsubscribed", source="link", now=DUE,
                         scope="abandoned")  # fmt: skip


def unsubscribe_another_spelling(shopper):
    following.customer(shopper_shop(shopper), "ada+x@example.com")
    suppression.suppress(shopper.shop_id, "ada+x@example.com", reason="unsubscribed", source="link", now=DUE)


def withdraw(shopper):
    no = Consented(is_given=False, text="No.", text_version="1", source="link")
    customers.record_consent(shopper.cart.customer, no, DUE)


def sell_out(shopper):
    Variant.objects.filter(sku="MUG").update(stock=0)


def suspect(shopper):
    Cart.objects.filter(pk=shopper.cart.pk).update(bot_score=80)


def narrow(shopper):
    campaigns.save(Campaign.objects.get(), audience={"languages": ["de"]})


def finish(shopper):
    campaigns.end(Campaign.objects.get(), DUE)


def hold_out(shopper):
    Enrolment.objects.update(arm="held_out")


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (order_it, "ordered"),
        (pay_later, "ordered"),
        (order_another, "bought"),
        (order_with_a_plus_address, "bought"),
        (order_with_the_same_phone, "bought"),
        (order_to_the_same_address, "bought_by_relative"),
        (order_on_the_same_device, "bought_by_relative"),
        (empty, "emptied"),
        (change, "changed"),
        (delete, "deleted"),
        (merge, "merged"),
        (unsubscribe, "unsubscribed"),
        (unsubscribe_another_spelling, "unsubscribed"),
        (withdraw, "no_consent"),
        (sell_out, "sold_out"),
        (suspect, "bot"),
        (narrow, "audience"),
        (finish, "ended"),
        (hold_out, "held_out"),
    ],
)
def test_what_stops_a_mail_that_was_planned(planned, happens, reason):
    cart = planned.cart
    happens(planned)
    assert not worker(DUE + timedelta(minutes=1)).letters
    assert Message.objects.get(address="ada@example.com").state == State.CANCELLED
    decision = Decision.objects.filter(verdict="dropped").get()
    assert (decision.reason, decision.cart) == (reason, cart)
    assert Enrolment.objects.get().ended_at is not None


def test_a_cancelled_order_does_not_stop_it(planned):
    other = Shopper(planned.cart.shop, at=DUE)
    other.add("LAMP")
    placed = order(other, planned.cart.customer)
    set_status(placed, "cancelled", "staff:1", DUE)
    assert worker(DUE + HOUR).letters


def test_the_data_shape_of_a_shop_that_got_it_wrong(shop, campaign):
    """peers.md B1: of 133 reminders 107 went to people whose latest order was paid; most carts were left over from
    purchases, as they were only emptied when the receipt was seen."""
    right = []
    for number in range(20):
        email = f"p{number}@example.com"
        shopper = leaving(shop, email, NOON + HOUR)
        customer = shopper.cart.customer
        buying = Shopper(shop, at=NOON + 2 * HOUR)
        buying.add("MUG")
        home = ADDRESS | {"street": f"Via {number}"}
        match number % 5:
            case 0:  # paid at once, the cart left over
                order(buying, customer, address=home, payment=Payment("demo_card"))
            case 1:  # paid days after it was placed
                placed = order(buying, customer, address=home, payment=Payment("transfer"))
                set_status(placed, "paid", "staff:1", NOON + 90 * HOUR)
            case 2:  # and the left-over cart was touched again afterwards
                order(buying, customer, address=home)
                shopper.at = NOON + 3 * HOUR
                shopper.do(changes.SetQuantity, key="MUG", quantity=2)
            case 3:  # never paid, on another address of theirs
                alias = following.customer(shop, f"p{number}+pay@example.com")
                order(buying, alias, address=home, payment=Payment("transfer"))
            case 4 if number % 2:  # declined: the very people to help
                set_status(order(buying, customer, address=home), "cancelled", "system", NOON + 3 * HOUR)
                right.append(email)
            case 4:  # bought earlier, and began a new cart since
                buying.at = NOON - 5 * DAY
                order(buying, customer, address=home)
                right.append(email)
    pile = days(NOON, NOON + 10 * DAY, 12 * HOUR)
    assert set(pile.recipients()) == set(right)
    assert len(right) == 4


# -- put off ------------------------------------------------------------------------------------------


def test_quiet_hours_move_it_once_to_the_morning(campaign):
    shop = campaign.shop
    shop.quiet_from, shop.quiet_until = 21 * 60, 8 * 60
    shop.save()
    cart = left(shop, at=NOON + 9 * HOUR)  # due at 22:00 in Rome
    pile = days(NOON + 33 * HOUR, NOON + 42 * HOUR, HOUR)
    assert not pile.letters
    worker(NOON + 43 * HOUR, pile)
    assert len(pile.letters) == 1
    assert why(cart) == [("enrolled", ""), ("moved", "quiet_hours"), ("sent", "")]


def test_a_pause_holds_it_and_the_end_of_the_pause_lets_it_go(planned, campaign, django_capture_on_commit_callbacks):
    campaigns.pause(campaign, "staff")
    assert not days(DUE, DUE + 5 * HOUR, HOUR).letters
    with django_capture_on_commit_callbacks(execute=True):
        campaigns.resume(campaign, DUE + 5 * HOUR)
    assert len(worker(DUE + 5 * HOUR).letters) == 1


def test_what_waits_too_long_dies(planned, campaign):
    campaigns.pause(campaign, "staff")
    days(DUE, DUE + 4 * DAY, 6 * HOUR)
    assert Message.objects.get().state == State.CANCELLED
    assert Enrolment.objects.get().reason == "stale"


def test_three_mails_in_seven_days_over_all_campaigns(shop):
    quick = following.campaign(shop)
    following.plain_steps(quick, 60, 120, 180, 240, 300)
    Campaign.objects.filter(pk=quick.pk).update(looked_until=NOON - HOUR)
    cart = left(shop, at=NOON)
    pile = days(NOON, NOON + 12 * HOUR, HOUR)
    assert len(pile.letters) == 3
    assert ("moved", "cap") in why(cart) or ("dropped", "stale") in why(cart)


# -- steps --------------------------------------------------------------------------------------------


def test_a_whole_sequence_of_fourteen_days(shop):
    campaign = following.campaign(shop)
    following.plain_steps(campaign, 24 * 60, 3 * 24 * 60, 7 * 24 * 60, 14 * 24 * 60)
    shop.mail_cap = 9
    shop.save()
    left(shop, at=NOON + HOUR)
    pile = days(NOON, NOON + 16 * DAY, 6 * HOUR)
    assert len(pile.letters) == 4
    sent = list(Message.objects.order_by("sent_at").values_list("sent_at", flat=True))
    assert [round((at - NOON - HOUR) / DAY) for at in sent] == [1, 3, 7, 14]
    assert Enrolment.objects.get().reason == "completed"


def test_the_second_mail_carries_the_voucher_and_the_first_does_not(shop, campaign):
    left(shop, at=NOON + HOUR)
    pile = worker(DUE)
    assert not VoucherGrant.objects.exists()
    worker(DUE + 2 * DAY, pile)
    assert len(pile.letters) == 2
    message = Message.objects.filter(state=State.SENT).order_by("-pk").first()
    assert message.facts["voucher"]["code"] == VoucherGrant.objects.get().voucher.code
    assert message.links.get(purpose="restore").target["voucher"] == VoucherGrant.objects.get().voucher_id


def test_a_message_that_is_claimed_again_is_not_planned_or_paid_for_twice(shop, campaign):
    left(shop, at=NOON + HOUR)
    pile = worker(DUE)
    worker(DUE + 2 * DAY, pile)
    second = Reminder.objects.get(step__position=2)
    Message.objects.filter(pk=second.message_id).update(state=State.FAILED_TEMP, due_at=DUE + 2 * DAY, sent_at=None)
    worker(DUE + 2 * DAY + HOUR, pile)
    assert len(pile.letters) == 3
    assert VoucherGrant.objects.count() == 1
    assert Reminder.objects.count() == 3


def test_a_step_taken_out_is_left_out_and_the_next_follows(shop, campaign):
    left(shop, at=NOON + HOUR)
    pile = worker(DUE)
    second = campaigns.steps(campaign)[1]
    campaigns.remove_step(second, DUE + HOUR)
    days(DUE + HOUR, DUE + 8 * DAY, 12 * HOUR, pile)
    positions = Reminder.objects.filter(message__state=State.SENT).values_list("step__position", flat=True)
    assert list(positions) == [1, 3]


def test_changing_a_running_campaign_changes_what_is_to_come(shop, campaign):
    left(shop, at=NOON + HOUR)
    pile = worker(DUE)
    second = campaigns.steps(campaign)[1]
    campaigns.save_step(second, delay_minutes=5 * 24 * 60, texts={"it": {"subject": "Nuovo", "body": "Ciao"}})
    worker(NOON + 4 * DAY, pile)
    assert len(pile.letters) == 1
    worker(NOON + 5 * DAY + HOUR, pile)
    assert pile.letters[1].mail.subject == "Nuovo"
    assert Message.objects.get(reminder__step__position=1).template["subject"] != "Nuovo"


def test_when_a_mail_cannot_be_sent_the_rest_is_not(shop, campaign):
    left(shop, at=NOON + HOUR)
    worker(DUE)
    Message.objects.filter(state=State.SENT).update(state=State.FAILED_PERM, reason="refused")
    assert not days(DUE, DUE + 9 * DAY, DAY).letters
    assert Enrolment.objects.get().reason == "previous_failed"


def wished(kind="abandoned", voucher=None, **more):
    campaign = Campaign(kind=kind, shop=Shop(**more))
    made = claims.wishes(Enrolment(campaign=campaign, cart_id=7, customer_id=3), voucher, NOON)
    return {wish.name: wish for wish in made}


def test_a_reminder_leads_back_for_a_month_and_can_be_stopped_for_two_years():
    links = wished()
    assert (links["restore"].target, links["restore"].expires_at) == ({"cart": 7, "voucher": None}, NOON + 30 * DAY)
    kind = {"campaign_kind": "abandoned", "customer": 3}
    for name in ("stop", "preferences"):
        assert (links[name].target, links[name].expires_at) == (kind, NOON + 730 * DAY)
    assert [wish.purpose for wish in links.values()] == ["restore", "stop", "preferences"]
    assert wished(counts_openings=True)["seen"].expires_at == NOON + 30 * DAY


@pytest.mark.parametrize(
    ("kind", "has_voucher", "leads_back"),
    [("abandoned", False, True), ("manual", False, True), ("thanks", False, False), ("thanks", True, True),
     ("lapsed", False, False)],
)  # fmt: skip
def test_only_what_has_something_to_bring_leads_back(kind, has_voucher, leads_back):
    voucher = Voucher(pk=9) if has_voucher else None
    links = wished(kind, voucher)
    assert ("restore" in links) == leads_back
    assert {"stop", "preferences"} <= set(links)
    if has_voucher:
        assert links["restore"].target["voucher"] == 9


def test_the_text_is_the_steps_in_the_language_of_the_message_and_what_staff_wrote_where_they_did():
    texts = {"en": {"subject": "Yours", "body": "Hi"}, "it": {"subject": "Tuo"}}
    reminder = Reminder(
        step=Step(texts=texts), message=Message(language="it", template={"subject": "By hand"}),
        enrolment=Enrolment(campaign=Campaign(kind="abandoned")),
    )  # fmt: skip
    assert claims.text_of(reminder) == {"subject": "Tuo", "body": "Hi"}
    reminder.enrolment.campaign.kind = "manual"
    assert claims.text_of(reminder) == {"subject": "By hand"}
    reminder.message.template = {}
    assert claims.text_of(reminder) == {"subject": "Tuo", "body": "Hi"}


def test_a_message_without_a_reminder_is_an_orphan(planned):
    Reminder.objects.all().delete()
    assert not worker(DUE).letters
    assert Message.objects.get().reason == "orphan"


def test_who_was_erased_since_gets_nothing(planned, campaign):
    Enrolment.objects.update(customer=None)
    assert not worker(DUE).letters
    assert Message.objects.get().reason == "erased"
    decision = Decision.objects.get(verdict="dropped")
    assert (decision.person_id, decision.cart_id, decision.details["step"]) == (None, None, 1)
    assert Enrolment.objects.get().reason == "erased"


def test_why_a_mail_was_put_off_is_told_once_in_two_hours(planned, campaign):
    campaigns.pause(campaign, "staff")
    days(DUE, DUE + 5 * HOUR, HOUR)
    told = Decision.objects.filter(verdict="moved", reason="campaign_paused")
    assert list(told.values_list("at", flat=True)) == [DUE, DUE + 3 * HOUR]
    assert told.first().details["until"] == (DUE + HOUR).isoformat()


def test_that_a_mail_was_held_after_its_claim_is_told_once_in_two_hours(planned):
    message = Message.objects.get()
    for hours in range(5):
        claims.note_held([message.pk], "voucher_waits", DUE + hours * HOUR)
    claims.note_held([], "voucher_waits", DUE + 9 * HOUR)
    told = Decision.objects.filter(reason="voucher_waits")
    assert list(told.values_list("at", flat=True)) == [DUE, DUE + 2 * HOUR, DUE + 4 * HOUR]
    one = told.first()
    assert (one.cart, one.verdict, one.details, one.person) == (
        planned.cart, "moved", {"step": 1}, Enrolment.objects.get().person,
    )  # fmt: skip


def test_the_second_mail_waits_for_the_first_and_counts_from_it(shop, campaign):
    left(shop, at=NOON + HOUR)
    worker(DUE)
    second = Reminder.objects.get(step__position=2)
    assert second.message.due_at == NOON + HOUR + 3 * DAY
    assert second.planned_at == DUE
    Message.objects.filter(state=State.SENT).update(state=State.FAILED_TEMP, due_at=DUE + 5 * HOUR)
    Message.objects.filter(pk=second.message_id).update(due_at=DUE)
    assert not worker(DUE + HOUR).letters
    second.message.refresh_from_db()
    assert (second.message.reason, second.message.due_at) == ("previous_waits", DUE + 2 * HOUR)
    assert not Decision.objects.filter(verdict="moved").exists()  # a matter of course, not told


def claim(now=DUE):
    """Only claimed, with nothing that a worker does besides."""
    return claiming.claim(now, worker="w", decide={"reminder": claims.decide}, limit=9).letters


def test_what_is_not_sent_ends_with_the_reason_at_once(planned):
    unsubscribe(planned)
    assert claim() == []
    ended = Enrolment.objects.get()
    assert (ended.reason, ended.ended_at) == ("unsubscribed", DUE)
    assert Decision.objects.get(verdict="dropped").details == {"step": 1, "trigger": ended.trigger}


def test_after_a_leap_of_the_clock_nothing_is_let_out_but_what_staff_send_by_hand(planned, campaign):
    Campaign.objects.update(looked_until=DUE - 60 * DAY)
    assert claim() == []
    assert Message.objects.get().reason == "clock_wrong"
    by_hand.send(campaign.shop, actor="staff:7", now=DUE, cart=planned.cart)
    Campaign.objects.update(looked_until=DUE - 60 * DAY)
    ((message, _links),) = claim()
    assert message.reminder.enrolment.campaign.kind == "manual"


def test_a_step_counts_from_the_one_before_also_where_nobody_knows_whether_it_came(shop, campaign):
    second = campaigns.steps(campaign)[1]
    campaigns.save_step(second, delay_minutes=24 * 60, since=Step.Since.PREVIOUS)
    left(shop, at=NOON + HOUR)
    worker(DUE)
    later = Message.objects.get(reminder__step__position=2)
    Message.objects.exclude(pk=later.pk).update(state=State.IN_DOUBT, sent_at=None)
    Message.objects.filter(pk=later.pk).update(due_at=DUE)
    assert claim(DUE + HOUR) == []
    later.refresh_from_db()
    assert (later.reason, later.due_at) == ("not_yet", DUE + DAY)
    assert len(claim(DUE + DAY)) == 1


def test_a_step_counts_from_when_the_one_before_went_out_not_from_when_it_was_due(shop, campaign):
    campaigns.save_step(campaigns.steps(campaign)[1], delay_minutes=24 * 60, since=Step.Since.PREVIOUS)
    left(shop, at=NOON + HOUR)
    worker(DUE)
    later = Message.objects.get(reminder__step__position=2)
    Message.objects.exclude(pk=later.pk).update(sent_at=DUE + 5 * HOUR)
    assert claim(DUE + DAY) == []
    later.refresh_from_db()
    assert later.due_at == DUE + DAY + 5 * HOUR


def test_a_cart_that_is_gone_is_written_about_to_nobody(planned):
    Enrolment.objects.update(cart=None)
    assert claim() == []
    assert Message.objects.get().reason == Enrolment.objects.get().reason == "deleted"


@pytest.fixture
def thanked(shop):
    """An order that a letter of thanks is planned for; nothing has gone out."""
    following.plain_steps(following.campaign(shop, "thanks"), 24 * 60)
    buying = Shopper(shop, at=NOON + HOUR)
    buying.add("LAMP")
    placed = order(buying, following.customer(shop, "ada@example.com"))
    while scan.enrol(DUE):
        pass
    return placed


def test_a_letter_of_thanks_speaks_of_its_order(thanked):
    ((message, _links),) = claim()
    assert message.facts["order"]["number"] == thanked.number
    assert Decision.objects.get(verdict="sent").details["trigger"] == f"order:{thanked.pk}"


def test_a_letter_of_thanks_for_what_was_cancelled_since_is_not_sent(thanked):
    set_status(thanked, "cancelled", "staff:1", DUE)
    assert claim() == []
    assert Message.objects.get().reason == "order_void"


def test_who_is_held_out_of_reminders_is_thanked_all_the_same(shop, thanked):
    """Only what staff send by hand asks after every campaign: it would spoil the figures of all."""
    other = Campaign.objects.create(shop=shop, kind="abandoned", name="x", salt="s", created_at=NOON, state="running")
    going = Enrolment.objects.get()
    Enrolment.objects.create(campaign=other, shop=shop, customer=going.customer, person=going.person, trigger="cart:1",
                             activity_at=NOON, arm="held_out", at=NOON, ended_at=NOON)  # fmt: skip
    assert len(claim()) == 1


def test_of_two_mails_by_hand_in_one_claim_the_second_counts_the_first(shop):
    shop.mail_cap = 1
    shop.save()
    ada, bob = (following.customer(shop, f"{name}@example.com") for name in ("ada", "bob"))
    for customer in (ada, ada, bob):
        by_hand.send(shop, actor="staff:7", now=NOON, customer=customer)
    assert [message.address for message, _links in claim(NOON)] == ["ada@example.com", "bob@example.com"]
    dropped = Decision.objects.get(verdict="dropped")  # it would be stale before there is room for it
    assert (dropped.reason, dropped.details["waited_for"]) == ("stale", "cap")


def test_whose_person_nobody_knows_any_more_gets_the_mail_without_a_voucher(shop, campaign):
    left(shop, at=NOON + HOUR)
    worker(DUE)
    Enrolment.objects.update(person=None)
    ((message, _links),) = claim(DUE + 2 * DAY)
    assert message.facts["voucher"] is None
    assert not VoucherGrant.objects.exists()


def test_a_step_that_was_taken_out_before_is_never_planned(shop, campaign):
    campaigns.remove_step(campaigns.steps(campaign)[1], NOON)
    left(shop, at=NOON + HOUR)
    worker(DUE)
    assert list(Reminder.objects.values_list("step__position", flat=True)) == [1, 3]


def test_much_that_speaks_against_a_voucher_stops_the_mail_and_asks_a_person(shop, campaign, monkeypatch):
    left(shop, at=NOON + HOUR)
    worker(DUE)
    monkeypatch.setattr(guard, "score", lambda facts: Score(90, []))
    assert claim(DUE + 2 * DAY) == []
    stopped = Message.objects.get(reminder__step__position=2)
    assert (stopped.state, stopped.reason) == (State.CANCELLED, guard.ASK_A_PERSON)
    assert Enrolment.objects.get().reason == guard.ASK_A_PERSON
    assert Decision.objects.get(verdict="dropped").reason == guard.ASK_A_PERSON
    assert not VoucherGrant.objects.exists()


@pytest.mark.parametrize(("carts", "thanks", "heard"), [(10, 20, "a@example.com"), (20, 10, "eve@example.com")])
def test_of_two_who_turned_out_to_be_one_the_campaign_of_the_higher_priority_is_heard(shop, carts, thanks, heard):
    following.campaign(shop, priority=carts)
    following.plain_steps(following.campaign(shop, "thanks", priority=thanks), 24 * 60)
    left(shop, "a@example.com", NOON + HOUR)
    eve, buying = following.customer(shop, "eve@example.com"), Shopper(shop, at=NOON + HOUR)
    buying.add("LAMP")
    order(buying, eve)
    while scan.enrol(DUE):
        pass
    assert Enrolment.objects.count() == 2
    for one in Customer.objects.all():
        identity.recognise(one, NOON, phone="+39 011 5551234")
    Order.objects.update(placed_at=NOON)  # before the cart was left
    assert worker(DUE).recipients() == [heard]
    assert Decision.objects.filter(verdict="dropped").values_list("reason", flat=True).get() == "other_voice"


def test_the_end_takes_back_what_waits(shop, campaign):
    shopper = leaving(shop, at=NOON + HOUR)
    worker(DUE)
    shopper.at = DUE + HOUR
    order(shopper, shopper.cart.customer)
    tidying.tidy(DUE + 2 * HOUR)
    assert Enrolment.objects.get().reason == "ordered"
    assert set(Message.objects.values_list("state", "reason")) == {("sent", ""), ("cancelled", "ended")}


def test_two_mails_to_one_person_in_one_claim_keep_the_cap(shop):
    shop.mail_cap = 1
    shop.save()
    cart, thanks = following.campaign(shop), following.campaign(shop, "thanks")
    following.plain_steps(thanks, 24 * 60)
    first, second = left(shop, "a@example.com", NOON + HOUR), Shopper(shop, at=NOON + HOUR)
    second.add("LAMP")
    eve = following.customer(shop, "eve@example.com")
    order(second, eve)
    pile = Pile()
    scan.enrol(DUE)
    for one in (first.customer, eve):
        one.refresh_from_db()
        identity.recognise(one, NOON, phone="+39 011 5551234")
    assert cart.enrolments.count() == thanks.enrolments.count() == 1
    worker(DUE, pile)
    assert len(pile.letters) <= 1
