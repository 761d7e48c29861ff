"""A message's way: each state, what leads to it, and that nothing is sent twice or forgotten."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from ghostcart.customers.errors import BadAddress
from ghostcart.mail import claiming, links, outbox, relay, suppression
from ghostcart.mail.claiming import Go, Later, LinkWish, No
from ghostcart.mail.errors import NotInDoubt
from ghostcart.mail.models import Link, Message, Purpose, State
from tests import factories
from tests.factories import NOON
from tests.mail import post
from tests.mail.post import send, state
from tests.mail.sink import CUT

pytestmark = pytest.mark.django_db


def deciding(verdict):
    """Decides the same about each message."""
    return {"reminder": lambda messages, now: {message.pk: verdict for message in messages}}


def claimed_by_the_dead(shop, to=State.CLAIMED, **more):
    """A message as a killed worker leaves it."""
    message = post.message(shop, **more)
    until = NOON + claiming.LEASE
    Message.objects.filter(pk=message.pk).update(state=to, claimed_by="dead", claimed_until=until, claims=1)
    return message


# -- in ------------------------------------------------------------------------------------------


def test_a_message_waits_until_it_is_due(shop, sink):
    message = post.message(shop, due_at=NOON + timedelta(hours=1))
    assert send(sink) == 0
    assert state(message) == (State.DUE, "")
    assert send(sink, now=NOON + timedelta(hours=1)) == 1
    assert state(message) == (State.SENT, "")
    assert sink.recipients == ["ada@example.com"]


def test_what_cannot_be_an_address_is_refused(shop):
    for address in ("", "ada", "ada@", "a@example.com\nBcc: all@example.com", "a@example.com, b@example.com"):
        with pytest.raises(BadAddress):
            post.message(shop, address)
    assert Message.objects.count() == 0


def test_what_is_known_of_a_sent_message(shop, sink):
    message = post.message(shop, template={"subject": "Your cart", "body": "Hello."})
    send(sink)
    message.refresh_from_db()
    assert message.subject == "Your cart"
    assert message.message_id == f"<{sink.taken[0].message_id}>" == f"<{message.pk}.1@example.org>"
    assert (message.sent_at, message.attempts, message.answer) == (NOON, 1, "250 taken")
    assert message.claimed_until is None


def test_a_full_batch_goes_down_one_connection_oldest_first(shop, sink):
    for number in range(7):
        post.message(shop, f"c{number}@example.com", due_at=NOON - timedelta(minutes=number))
    assert send(sink, limit=5) == 5
    assert send(sink, limit=5) == 2
    assert sink.heard["greeting"] == 2
    assert sink.recipients == [f"c{number}@example.com" for number in (6, 5, 4, 3, 2, 1, 0)]


def test_nothing_is_sent_and_nothing_is_lost_where_no_way_out_is_set(shop, settings):
    message = post.message(shop)
    settings.EMAIL_URL = ""
    assert send(None) == 0
    settings.EMAIL_URL = "carrier-pigeon://loft"
    assert send(None) == 0
    assert state(message) == (State.DUE, "")


def test_a_mail_that_cannot_be_drawn_is_refused_and_the_others_go(shop, sink):
    broken, good = post.message(shop, template={"subject": ["no text"]}), post.message(shop, "bob@example.com")

    def write(message, urls):
        if message.template:
            raise ValueError("line 3: unknown variable")
        return post.write(message, urls)

    send(sink, write=write)
    assert state(broken) == (State.FAILED_PERM, "drawing")
    assert broken.answer == "line 3: unknown variable"
    assert state(good) == (State.SENT, "")


# -- decisions -----------------------------------------------------------------------------------


def test_a_go_brings_its_text_its_facts_and_its_links(shop, sink):
    message = post.message(shop, kind="reminder")
    wish = LinkWish("restore", Purpose.RESTORE, {"cart": 7}, NOON + timedelta(days=30))
    send(sink, decide=deciding(Go({"subject": "Still yours", "body": "Here:\n"}, {"cart": 7}, (wish,))))
    message.refresh_from_db()
    assert (message.template["subject"], message.facts) == ("Still yours", {"cart": 7})
    link = Link.objects.get()
    token = sink.taken[0].content.decode().split("/m/back/")[1].split("/")[0]
    assert links.find(token, Purpose.RESTORE, NOON) == link
    assert (link.message, link.target) == (message, {"cart": 7})


def test_a_no_is_kept_with_its_reason(shop, sink):
    message = post.message(shop, kind="reminder")
    assert send(sink, decide=deciding(No("ordered"))) == 1
    assert state(message) == (State.CANCELLED, "ordered")
    assert send(sink, now=NOON + timedelta(days=9), decide=deciding(Go({}, {}))) == 0
    assert sink.taken == []


def test_a_later_moves_the_message(shop, sink):
    message, at = post.message(shop, kind="reminder"), NOON + timedelta(hours=8)
    send(sink, decide=deciding(Later(at, "quiet_hours")))
    assert state(message) == (State.DUE, "quiet_hours")
    assert message.due_at == at
    assert send(sink, now=at, decide=deciding(Go({}, {}))) == 1
    assert state(message) == (State.SENT, "")


def test_a_later_that_is_now_does_not_spin(shop, sink):
    message = post.message(shop, kind="reminder")
    send(sink, decide=deciding(Later(NOON, "quiet_hours")))
    assert send(sink, decide=deciding(Later(NOON, "quiet_hours"))) == 0
    message.refresh_from_db()
    assert message.due_at > NOON


def test_other_kinds_go_out_as_they_are(shop, sink):
    message = post.message(shop, kind="summary", template={"subject": "Your week"})
    send(sink, decide=deciding(No("never asked")))
    assert state(message) == (State.SENT, "")


def test_a_stale_message_is_dropped_whatever_is_decided(shop, sink):
    asked = []
    message = post.message(shop, kind="reminder", stale_at=NOON)
    send(sink, decide={"reminder": lambda messages, now: asked.append(messages) or {}})
    assert state(message) == (State.CANCELLED, "stale")


def test_one_message_that_breaks_the_decision_holds_up_no_other(shop, sink):
    poison, good = post.message(shop, "poison@example.com", kind="reminder"), post.message(shop, kind="reminder")

    def decide(messages, now):
        if poison.pk in {message.pk for message in messages}:
            raise RuntimeError("cart 7 has no shop")
        return {message.pk: Go({}, {}) for message in messages}

    send(sink, decide={"reminder": decide})
    assert state(good) == (State.SENT, "")
    assert state(poison) == (State.FAILED_TEMP, "error")
    assert poison.answer == "RuntimeError: cart 7 has no shop"
    assert poison.due_at > NOON


def test_a_message_that_always_breaks_is_given_up(shop, sink):
    poison, now = post.message(shop, kind="reminder"), NOON
    for _ in range(20):
        send(sink, now=now, decide={"reminder": lambda messages, now: {}})
        now += timedelta(hours=14)
    assert state(poison) == (State.FAILED_PERM, "given_up")


def test_a_claim_is_one_workers_for_five_minutes(shop):
    assert timedelta(minutes=5) == claiming.LEASE
    first, second, third = (
        post.message(shop, f"c{n}@example.com", due_at=NOON - timedelta(minutes=9 - n)) for n in range(3)
    )
    taken = claiming.claim(NOON, worker="w" * 60, decide={}, limit=2)
    assert [message.pk for message, _urls in taken.letters] == [first.pk, second.pk]
    assert (taken.handled, taken.until) == (2, NOON + claiming.LEASE)
    assert taken.token.startswith("w" * 40 + " ")
    for message in (first, second):
        message.refresh_from_db()
        assert (message.state, message.claimed_by, message.claimed_until, message.claims) == (
            State.CLAIMED, taken.token, taken.until, 1,
        )  # fmt: skip
    rest = claiming.claim(NOON, worker="w" * 60, decide={}, limit=2)
    assert [message.pk for message, _urls in rest.letters] == [third.pk]
    assert rest.token != taken.token
    assert claiming.claim(NOON, worker="w", decide={}, limit=2).handled == 0


def test_what_is_left_is_nobodys_and_is_looked_at_again_in_a_minute_at_the_soonest(shop):
    moved, dropped = post.message(shop, kind="reminder"), post.message(shop, kind="notice", stale_at=NOON)
    soon = NOON + timedelta(seconds=59)
    assert claiming.claim(NOON, worker="w", decide=deciding(Later(soon, "cap")), limit=9).handled == 2
    for message in (moved, dropped):
        message.refresh_from_db()
        assert (message.claimed_by, message.claimed_until) == ("", None)
    assert (state(moved), moved.due_at) == ((State.DUE, "cap"), NOON + timedelta(minutes=1))
    assert state(dropped) == (State.CANCELLED, "stale")


@pytest.mark.parametrize(("seconds", "is_stale"), [(0, True), (1, False)])
def test_a_message_is_stale_from_that_moment_on(shop, seconds, is_stale):
    message = post.message(shop, stale_at=NOON + timedelta(seconds=seconds))
    assert bool(claiming.claim(NOON, worker="w", decide={}, limit=9).letters) != is_stale
    assert state(message)[0] == (State.CANCELLED if is_stale else State.CLAIMED)


def test_each_link_that_is_wished_for_is_made_and_each_mail_has_its_own(shop):
    one, other = (post.message(shop, f"c{number}@example.com", kind="reminder") for number in range(2))
    until = NOON + timedelta(days=3)
    wishes = (LinkWish("back", Purpose.RESTORE, {"cart": 7}, until), LinkWish("stop", Purpose.STOP, {}, until))
    taken = claiming.claim(NOON, worker="w", decide=deciding(Go({"subject": "x"}, {}, wishes)), limit=9)
    assert [message.pk for message, _urls in taken.letters] == [one.pk, other.pk]
    for message, urls in taken.letters:
        assert list(urls) == ["back", "stop"]
        token = urls["back"].rstrip("/").rpartition("/")[2]
        link = links.find(token, Purpose.RESTORE, NOON)
        assert (link.message, link.expires_at, link.created_at) == (message, until, NOON)
        assert (message.template, message.facts) == ({"subject": "x"}, {})
    assert Link.objects.count() == 4


def test_texts_and_facts_are_written_down_whichever_of_them_is_new(shop):
    known = post.message(shop, "c0@example.com", kind="reminder", template={"subject": "x"}, facts={"cart": 1})
    for told in (Go({"subject": "y"}, {"cart": 1}), Go({"subject": "y"}, {"cart": 2}), Go({}, {})):
        Message.objects.update(state=State.DUE)
        ((letter, _urls),) = claiming.claim(NOON, worker="w", decide=deciding(told), limit=9).letters
        known.refresh_from_db()
        assert (known.template, known.facts) == (letter.template, letter.facts) == (told.template, told.facts)


def test_a_database_that_fails_is_no_fault_of_the_message(shop):
    message = post.message(shop, kind="reminder")

    def fail(messages, now):
        raise OperationalError("disk is full")

    with pytest.raises(OperationalError):
        claiming.claim(NOON, worker="w", decide={"reminder": fail}, limit=9)
    message.refresh_from_db()
    assert (message.state, message.attempts) == (State.DUE, 0)


def test_what_could_not_be_sent_is_put_off_by_what_was_tried_and_given_up_at_its_end(shop):
    message = post.message(shop)
    changes = claiming.put_off(message, "refused", "a" * 999, NOON)
    assert (changes["attempts"], changes["state"], changes["reason"]) == (1, State.FAILED_TEMP, "refused")
    assert timedelta(minutes=4) < changes["due_at"] - NOON < timedelta(minutes=6)
    assert (len(changes["answer"]), changes["claimed_until"]) == (300, None)
    message.attempts = 11
    changes = claiming.put_off(message, "refused", "", NOON)
    assert (changes["attempts"], changes["state"]) == (12, State.FAILED_TEMP)
    message.attempts = 12
    changes = claiming.put_off(message, "refused", "no", NOON)
    assert changes == {
        "attempts": 13, "answer": "no", "claimed_until": None, "state": State.FAILED_PERM, "reason": "given_up",
    }  # fmt: skip
    message.attempts, message.stale_at = 0, NOON + timedelta(minutes=1)
    assert claiming.put_off(message, "refused", "", NOON)["reason"] == "given_up"


# -- suppression ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [No("ordered"), Later(NOON + timedelta(hours=1), "cap")])
def test_of_an_address_that_must_not_be_written_to_only_a_go_is_overruled(shop, verdict):
    message = post.message(shop, kind="reminder")
    suppression.Suppression.objects.create(shop=shop, address_hash=message.address_hash, reason="staff", at=NOON)
    claiming.claim(NOON, worker="w", decide=deciding(verdict), limit=9)
    assert state(message)[1] == verdict.reason


def test_a_list_of_one_shop_stops_no_mail_of_another(shop):
    mine, theirs = post.message(shop), post.message(factories.shop())
    bobs = post.message(shop, "bob@example.com")
    suppression.Suppression.objects.create(shop=shop, address_hash=mine.address_hash, reason="staff", at=NOON)
    taken = claiming.claim(NOON, worker="w", decide={}, limit=9)
    assert {message.pk for message, _urls in taken.letters} == {theirs.pk, bobs.pk}


def test_a_suppressed_address_gets_nothing_of_any_kind_but_its_account(shop, sink):
    kinds = ("reminder", "test", "summary", "notice", "account")
    messages = {kind: post.message(shop, kind=kind) for kind in kinds}
    suppression.Suppression.objects.create(
        shop=shop, address_hash=messages["test"].address_hash, reason="staff", at=NOON
    )
    send(sink, decide=deciding(Go({}, {})))
    assert {kind: state(message) for kind, message in messages.items()} == {
        **dict.fromkeys(kinds[:-1], (State.CANCELLED, "suppressed")),
        "account": (State.SENT, ""),
    }


def test_suppressing_takes_back_what_waits_for_the_address(shop, sink):
    hers, retried = post.message(shop), post.message(shop)
    Message.objects.filter(pk=retried.pk).update(state=State.FAILED_TEMP)
    other, other_shop = post.message(shop, "bob@example.com"), post.message(factories.shop())
    account = post.message(shop, kind="account")
    suppression.suppress(shop.pk, "Ada@Example.com", reason="unsubscribed", source="link", now=NOON)
    assert state(hers) == state(retried) == (State.CANCELLED, "unsubscribed")
    assert {state(message)[0] for message in (other, other_shop, account)} == {State.DUE}


def test_who_unsubscribes_while_the_mail_is_on_its_way_to_the_server_does_not_get_it(shop, sink):
    """After the claim and before the final dot: the body is thrown away, and the other mail of the batch goes."""
    message, other = post.message(shop), post.message(shop, "bob@example.com")

    def unsubscribe_then_write(message, urls):
        if message.address == "ada@example.com":
            suppression.suppress(shop.pk, message.address, reason="unsubscribed", source="link", now=NOON)
        return post.write(message, urls)

    send(sink, write=unsubscribe_then_write)
    assert state(message) == (State.CANCELLED, "unsubscribed")
    assert state(other) == (State.SENT, "")
    assert sink.recipients == ["bob@example.com"]
    assert sink.heard["data"] == 2


# -- taking back, dying, settling ----------------------------------------------------------------


def test_only_what_waits_can_be_cancelled(shop):
    messages = {to: post.message(shop) for to in State}
    for to, message in messages.items():
        Message.objects.filter(pk=message.pk).update(state=to)
    assert outbox.cancel([message.pk for message in messages.values()], "ended") == 2
    assert outbox.cancel(Message.objects.all(), "ended") == 0
    changed = {to for to, message in messages.items() if state(message) == (State.CANCELLED, "ended")}
    assert changed == {State.DUE, State.FAILED_TEMP}


def test_a_claim_of_a_dead_worker_is_due_again_when_its_lease_ends(shop, sink):
    message = claimed_by_the_dead(shop)
    assert outbox.recover(NOON + claiming.LEASE) == 0
    assert send(sink) == 0
    later = NOON + claiming.LEASE + timedelta(seconds=1)
    assert outbox.recover(later) == 1
    assert state(message) == (State.DUE, "")
    assert send(sink, now=later) == 1
    assert sink.taken[0].message_id == f"{message.pk}.2@example.org", "the second claim has an id of its own"


def test_a_hand_over_of_a_dead_worker_is_in_doubt_and_never_sent_again_by_itself(shop, sink):
    message = claimed_by_the_dead(shop, State.COMMITTING)
    later = NOON + timedelta(days=1)
    assert outbox.recover(later) == 1
    assert state(message) == (State.IN_DOUBT, "worker_died")
    for days in range(1, 30):
        outbox.recover(NOON + timedelta(days=days))
        assert send(sink, now=NOON + timedelta(days=days)) == 0
    assert state(message) == (State.IN_DOUBT, "worker_died")


def test_staff_settle_a_doubt_once(shop, sink):
    sent, not_sent = (claimed_by_the_dead(shop, State.COMMITTING) for _ in range(2))
    with pytest.raises(NotInDoubt):
        outbox.settle(sent, as_sent=True, actor="staff:7", now=NOON)
    outbox.recover(NOON + timedelta(days=1))
    outbox.settle(sent, as_sent=True, actor="staff:7", now=NOON)
    outbox.settle(not_sent, as_sent=False, actor="staff:7", now=NOON)
    for message in (sent, not_sent):
        with pytest.raises(NotInDoubt):
            outbox.settle(message, as_sent=True, actor="staff:7", now=NOON)
    assert state(sent) == (State.SENT, "settled by staff:7")
    assert state(not_sent) == (State.DUE, "settled by staff:7")
    assert send(sink) == 1


def test_a_worker_that_is_told_to_stop_finishes_the_message_in_hand(shop, sink):
    messages = [post.message(shop, f"c{number}@example.com") for number in range(4)]
    send(sink, stopping=lambda: len(sink.taken) == 2)
    assert [state(message)[0] for message in messages] == [State.SENT, State.SENT, State.DUE, State.DUE]


def test_a_lease_that_runs_out_ends_the_batch(shop, sink):
    """Each mail takes a minute of this clock, and a message is only begun while there is time for a slow server."""
    messages = [post.message(shop, f"c{number}@example.com") for number in range(9)]
    transport = post.server(sink)
    outbox.send_due(lambda: NOON + timedelta(minutes=len(sink.taken)), worker="slow", decide={}, transport=transport,
                    write=post.write)  # fmt: skip
    assert [state(message)[0] for message in messages] == [State.SENT] * 3 + [State.DUE] * 6


# -- clocks that jump ----------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=3650), timedelta(days=-3650)])
def test_a_clock_that_jumps_in_the_middle_sends_nothing_twice_and_strands_nothing(shop, sink, jump):
    """The clock jumps while mail goes out; another worker, on the new time, looks after what it takes for left over."""
    messages = [post.message(shop, f"c{number}@example.com") for number in range(6)]
    clock, others = [NOON], []

    def write(message, urls):
        if message.pk == messages[2].pk and message.claims == 1:
            clock[0] += jump
            outbox.recover(clock[0])
            others.append(send(sink, now=clock[0]))
        return post.write(message, urls)

    outbox.send_due(lambda: clock[0], worker="w0", decide={}, transport=post.server(sink), write=write)
    clock[0] = NOON  # set right again
    for minutes in (1, 10, 20):
        outbox.recover(NOON + timedelta(minutes=minutes))
        send(sink, now=NOON + timedelta(minutes=minutes))
    assert sorted(sink.recipients) == sorted(message.address for message in messages)
    assert {state(message)[0] for message in messages} == {State.SENT}


def test_what_was_put_off_by_a_wrong_clock_comes_back(shop, sink):
    message = post.message(shop)
    sink.script["rcpt"] = "451 later"
    send(sink, now=NOON + timedelta(days=3650))
    assert state(message)[0] == State.FAILED_TEMP
    sink.script.clear()
    outbox.recover(NOON)
    assert send(sink) == 1
    assert state(message)[0] == State.SENT


def test_a_pause_that_a_wrong_clock_began_ends(shop, sink):
    message = post.message(shop)
    sink.script["greeting"] = CUT
    send(sink, now=NOON + timedelta(days=3650))
    assert relay.is_resting(post.server(sink), NOON + timedelta(days=3650))
    assert not relay.is_resting(post.server(sink), NOON)
    sink.script.clear()
    outbox.recover(NOON)
    send(sink)
    assert state(message)[0] == State.SENT
