"""Who gets a voucher with a reminder, for how much, until when; and who decides otherwise."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from ghostcart.carts import changes
from ghostcart.mail.models import State
from ghostcart.recovery import grants, guard, scoring
from ghostcart.recovery.guard import Granted, Withheld
from ghostcart.recovery.models import Budget, Decision, Kind, Reminder, Step, VoucherGrant, VoucherKind
from ghostcart.recovery.scoring import Score
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind as Gives
from tests import factories, races
from tests.factories import NOON, Shopper
from tests.recovery import granting
from tests.recovery.granting import ask, days, voucher_step

pytestmark = pytest.mark.django_db


@pytest.fixture
def step(shop):
    return voucher_step(granting.campaign(shop))


@pytest.fixture
def ada(shop):
    return granting.person(shop)


@pytest.fixture
def left(shop, ada):
    return granting.cart(shop, ada[0])


@pytest.fixture
def scored(monkeypatch):
    """Gives everybody a score."""

    def give(points):
        made = Score(points, [{"code": "hasty", "points": points}] if points else [])
        monkeypatch.setattr(guard, "score", lambda facts: made)

    return give


def change(thing, **values):
    type(thing).objects.filter(pk=thing.pk).update(**values)
    for name, value in values.items():
        setattr(thing, name, value)


# -- what is given -----------------------------------------------------------------------------------


def test_the_voucher_is_for_this_person_once_alone_from_a_minimum_on(step, ada, left):
    given = ask(step, ada[1], left)
    assert isinstance(given, Granted)
    voucher = Voucher.objects.get()
    assert (voucher.kind, voucher.percent_bp, voucher.person_id, voucher.is_recovery) == (
        "percent",
        1000,
        ada[1].pk,
        True,
    )
    assert (voucher.quantity, voucher.combinable, voucher.minimum_minor, voucher.currency) == (1, False, 4000, "EUR")
    assert len(voucher.code) == 12
    assert set(voucher.names) == set(step.campaign.shop.languages)
    assert (given.grant.cost_minor, given.grant.currency, given.grant.day.isoformat()) == (800, "EUR", "2026-11-22")
    assert Reminder.objects.get(step=step).voucher == voucher


@pytest.mark.parametrize(
    ("values", "cost", "minimum"),
    [
        ({"voucher": VoucherKind.PERCENT, "percent_bp": 333}, 267, 4000),
        ({"voucher": VoucherKind.AMOUNT, "amounts_minor": {"EUR": 500}, "minimums_minor": {"EUR": 2500}}, 500, 2500),
        ({"voucher": VoucherKind.AMOUNT, "amounts_minor": {"EUR": 99900}}, 8000, 4000),
        ({"voucher": VoucherKind.AMOUNT, "amounts_minor": {"EUR": 500}, "minimums_minor": {"EUR": 0}}, 500, 0),
        ({"voucher": VoucherKind.FREE_SHIPPING}, 1290, 4000),
    ],
)
def test_it_costs_the_most_that_it_can_take_from_this_cart(step, ada, left, values, cost, minimum):
    change(step, **{"percent_bp": 0, **values})
    given = ask(step, ada[1], left)
    assert (given.grant.cost_minor, given.voucher.minimum_minor) == (cost, minimum)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"voucher": VoucherKind.AMOUNT, "amounts_minor": {"CHF": 500}}, "nothing_to_give"),
        ({"minimums_minor": {"EUR": 8001}}, "below_minimum"),
    ],
)
def test_a_voucher_that_this_cart_could_not_use_is_not_issued(step, ada, left, values, reason):
    change(step, **values)
    assert ask(step, ada[1], left).reason == reason
    assert not Voucher.objects.exists()


def test_a_cart_that_holds_a_voucher_gets_no_second_one(shop, step, ada):
    vouchers.create(shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=500, code="SPRING", now=NOON)
    shopper = Shopper(shop)
    shopper.add("LAMP")
    shopper.do(changes.ApplyVoucher, code="SPRING")
    assert ask(step, ada[1], shopper.cart).reason == "cart_has_voucher"


def test_the_reminder_in_hand_has_its_voucher(step, ada, left):
    asking = granting.reminder(step, ada[1], left)
    given = guard.offer(asking, step, left, ada[1], NOON)
    assert asking.voucher == given.voucher == given.grant.voucher
    assert (given.grant.at, given.grant.person, given.grant.reminder) == (NOON, ada[1], asking)


def test_asked_twice_for_the_same_reminder_it_gives_the_same_voucher(step, ada, left):
    first, second = ask(step, ada[1], left), ask(step, ada[1], left)
    assert first.voucher == second.voucher
    assert Budget.objects.get(day=None).taken_minor == 800
    vouchers.switch_off(first.voucher.pk)
    assert ask(step, ada[1], left) == Withheld("ended", first.grant.score)


def test_every_answer_is_written_down_with_its_score_and_reasons(step, ada, left, scored):
    scored(20)
    ask(step, ada[1], left)
    ask(step, ada[1], granting.cart(step.campaign.shop, ada[0]), NOON + days(1))
    told = list(Decision.objects.values_list("verdict", "reason", "details__score", "details__rung"))
    assert told == [("voucher", "granted", 20, "normal"), ("voucher", "recent_voucher", 20, "normal")]
    granted, withheld = (one.details for one in Decision.objects.all())
    assert (granted["reasons"], granted["step"]) == ([{"code": "hasty", "points": 20}], 2)
    assert (granted["cost_minor"], granted["currency"]) == (800, "EUR")
    assert "cost_minor" not in withheld
    assert set(Decision.objects.values_list("reason", flat=True)) <= set(guard.REASONS)


# -- hard rules --------------------------------------------------------------------------------------


def test_the_first_reminder_of_a_cart_never_carries_one(step, ada, left):
    assert ask(step, ada[1], left, was_reminded=False).reason == "first_reminder"
    Reminder.objects.all().delete()
    planned = granting.reminder(step, ada[1], left)
    Reminder.objects.exclude(pk=planned.pk).get().message.__class__.objects.update(state=State.IN_DOUBT)
    assert guard.offer(planned, step, left, ada[1], NOON).reason == "first_reminder"


def test_a_letter_of_thanks_may_carry_one_at_once(shop, ada):
    step = voucher_step(granting.campaign(shop, Kind.THANKS))
    races.order(_full(shop), ada[0])
    given = ask(step, ada[1], None, was_reminded=False)
    assert (given.grant.cost_minor, given.voucher.minimum_minor) == (125, 0)


def _full(shop):
    shopper = Shopper(shop)
    shopper.add("MUG")
    return shopper


def test_one_in_ninety_days_for_a_person_and_for_everybody_at_their_address_or_device(shop, step, ada, scored):
    scored(0)
    home, phone = {**factories.ADDRESS}, "+39 011 5550199"
    granting.person(shop, address=home, device="d1", phone=phone)
    assert isinstance(ask(step, ada[1], granting.cart(shop, ada[0])), Granted)
    for email, key in (
        ("ADA+sale@example.com", {}),
        ("ben@example.com", {"address": home}),
        ("cleo@example.com", {"device": "d1"}),
        ("dora@example.com", {"phone": phone}),
    ):
        customer, person = granting.person(shop, email, NOON, **key)
        assert ask(step, person, granting.cart(shop, customer), NOON + days(89)).reason == "recent_voucher", email
    stranger, other = granting.person(shop, "eve@example.com")
    assert isinstance(ask(step, other, granting.cart(shop, stranger)), Granted)
    after = NOON + days(90) + timedelta(microseconds=1)
    assert isinstance(ask(step, ada[1], granting.cart(shop, ada[0]), after), Granted)


def test_who_abandons_ten_times_under_other_names_gets_one_in_ninety_days(shop, step, scored):
    """Plus-addresses, dots, capitals and a new guest session each time, a week apart; and a score of 0 for all that."""
    scored(0)
    names = ["ada.byron@gmail.com", "adabyron+1@gmail.com", "a.d.a.b.y.r.o.n@googlemail.com", "ADABYRON@GMAIL.COM"]
    names += [f"ada.byron+{tag}@gmail.com" for tag in ("sale", "new", "x", "y", "z", "ghost")]
    given = []
    for week, email in enumerate(names):
        at = NOON + days(7 * week)
        customer, person = granting.person(shop, email, at)
        given.append(ask(step, person, granting.cart(shop, customer, at), at))
    assert [type(one).__name__ for one in given].count("Granted") == 1
    assert len({one.pk for one in (granting.person(shop, email)[1] for email in names)}) == 1
    print(f"\n10 carts under {len(names)} spellings in 63 days: 1 voucher")


def test_taken_for_different_people_each_would_get_one(shop, step, scored, monkeypatch):
    """The guard of the test above: with addresses compared as they are typed."""
    scored(0)
    from ghostcart.customers import identity, keys

    monkeypatch.setattr(identity, "canonical_email", keys.email_key)
    given = []
    for week in range(4):
        at = NOON + days(7 * week)
        customer, person = granting.person(shop, f"ada+{week}@gmail.com", at)
        given.append(ask(step, person, granting.cart(shop, customer, at), at))
    assert [type(one).__name__ for one in given] == ["Granted"] * 4


# -- the end -----------------------------------------------------------------------------------------

ENDS = [
    # zone, a moment of the day on which it is given, days, the first moment that is too late
    ("Europe/Rome", "2026-11-22 12:00", 3, "2026-11-25 23:00"),
    ("Europe/Rome", "2026-11-22 22:59", 0, "2026-11-22 23:00"),
    ("Europe/Rome", "2026-11-22 23:00", 0, "2026-11-23 23:00"),
    ("Europe/Rome", "2027-03-27 12:00", 1, "2027-03-28 22:00"),  # the day of 23 hours
    ("Europe/Rome", "2026-10-24 12:00", 1, "2026-10-25 23:00"),  # the day of 25 hours
    ("America/New_York", "2026-10-31 12:00", 1, "2026-11-02 05:00"),
    ("Asia/Tokyo", "2026-11-22 15:00", 0, "2026-11-23 15:00"),
    ("Africa/Cairo", "2026-04-22 12:00", 0, "2026-04-22 22:00"),
    ("Africa/Cairo", "2026-04-23 12:00", 0, "2026-04-23 22:00"),  # the next day begins at one: there is no midnight
    ("America/Havana", "2026-10-31 16:00", 0, "2026-11-01 04:00"),  # the next day has two midnights
    ("Australia/Lord_Howe", "2026-10-03 12:00", 1, "2026-10-04 13:00"),  # half an hour
    ("UTC", "2026-12-31 23:59", 0, "2027-01-01 00:00"),
]


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("zone", "given", "days", "end"), ENDS)
def test_it_ends_with_a_local_day_to_the_second(shop, zone, given, days, end):
    ended = guard.ends(utc(given), days, ZoneInfo(zone))
    assert ended == utc(end)
    local = [
        ended.astimezone(ZoneInfo(zone)) + timedelta(seconds=0),
        (ended - timedelta(seconds=1)).astimezone(ZoneInfo(zone)),
    ]
    assert local[0].date() == local[1].date() + timedelta(days=1)
    voucher = vouchers.create(
        shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=1000, code="END", valid_until=ended, now=utc(given)
    )
    for seconds, is_good in ((-1, True), (0, False), (1, False)):
        shopper = Shopper(shop, at=ended + timedelta(seconds=seconds))
        shopper.add("MUG")
        if is_good:
            assert shopper.do(changes.ApplyVoucher, code="END").vouchers
        else:
            with pytest.raises(vouchers.VoucherRefused) as refused:
                shopper.do(changes.ApplyVoucher, code="END")
            assert refused.value.code == "voucher_expired"
    assert voucher.valid_until == ended


# -- the ladder --------------------------------------------------------------------------------------


def test_the_ladder_has_four_rungs():
    rungs = [scoring.ladder(points).value for points in (0, 29, 30, 49, 50, 79, 80, 100)]
    assert rungs == ["normal", "normal", "late", "late", "plain", "plain", "person", "person"]


def test_some_suspicion_waits_for_the_last_mail_and_halves_it(shop, step, ada, left, scored):
    scored(30)
    last = Step.objects.create(campaign=step.campaign, position=3, **granting.TEN_PERCENT)
    assert ask(step, ada[1], left).reason == "only_in_last_mail"
    given = ask(last, ada[1], left)
    assert (given.voucher.percent_bp, given.grant.cost_minor, given.grant.score) == (500, 400, 30)
    assert given.grant.reasons == [{"code": "hasty", "points": 30}]


@pytest.mark.parametrize(("points", "reason"), [(50, "score"), (79, "score"), (80, guard.ASK_A_PERSON)])
def test_more_suspicion_gets_none_and_much_a_person(step, ada, left, scored, points, reason):
    scored(points)
    assert ask(step, ada[1], left) == Withheld(reason, points, [{"code": "hasty", "points": points}])
    assert not Budget.objects.exists()


def test_staff_overrule_the_score_for_a_person_or_for_one_case_and_it_is_written_down(shop, step, ada, left, scored):
    scored(90)
    guard.overrule(step.campaign, ada[1], left, "staff:7", NOON)
    other = granting.cart(shop, ada[0])
    assert ask(step, ada[1], other).reason == guard.ASK_A_PERSON
    assert isinstance(ask(step, ada[1], left), Granted)
    by_hand = granting.campaign(shop, Kind.MANUAL)
    assert guard._is_overruled(by_hand, left, guard.Who(frozenset({ada[1].pk}), frozenset()))
    ben, ben_as_person = granting.person(shop, "ben@example.com")
    guard.trust(ben_as_person, True, "staff:7", NOON)
    assert isinstance(ask(step, ben_as_person, granting.cart(shop, ben)), Granted)
    guard.trust(ben_as_person, False, "staff:8", NOON)
    told = Decision.objects.filter(actor__startswith="staff").values_list("reason", "actor", "campaign")
    assert list(told) == [
        ("overruled", "staff:7", step.campaign_id), ("trusted", "staff:7", None), ("not_trusted", "staff:8", None),
    ]  # fmt: skip


def test_nobody_overrules_the_hard_rules(shop, step, ada, left):
    guard.trust(ada[1], True, "staff:7", NOON)
    assert ask(step, ada[1], left, was_reminded=False).reason == "first_reminder"
    assert isinstance(ask(step, ada[1], left), Granted)
    assert ask(step, ada[1], granting.cart(shop, ada[0]), NOON + days(1)).reason == "recent_voucher"


def test_a_decision_by_the_score_can_be_overruled_once_and_no_other(shop, step, ada, left, scored):
    scored(90)
    ask(step, ada[1], left)
    by_score = Decision.objects.get()
    assert guard.can_be_overruled(by_score)
    for spoilt in ({"reason": "budget"}, {"person_id": None}, {"campaign": None}):
        other = Decision.objects.get()
        for name, value in spoilt.items():
            setattr(other, name, value)
        assert not guard.can_be_overruled(other)
    other = granting.cart(shop, ada[0])
    guard.overrule(step.campaign, ada[1], other, "staff:7", NOON)
    assert guard.can_be_overruled(by_score)  # that was about another cart
    guard.overrule(step.campaign, ada[1], left, "staff:7", NOON)
    assert not guard.can_be_overruled(by_score)


def test_who_is_locked_is_locked_with_all_who_are_related(shop, ada):
    granting.person(shop, "ada@example.com", address=factories.ADDRESS)
    _ben, ben = granting.person(shop, "ben@example.com", address=factories.ADDRESS)
    _eve, eve = granting.person(shop, "eve@example.com")
    with transaction.atomic():
        assert guard.lock_for(ada[1], eve) == {ada[1].pk, ben.pk, eve.pk}


def test_without_a_cart_the_case_is_the_person_in_this_campaign(shop, ada):
    thanks, best = granting.campaign(shop, Kind.THANKS), granting.campaign(shop, Kind.BEST)
    guard.overrule(thanks, ada[1], None, "staff:7", NOON)
    who = guard.Who(frozenset({ada[1].pk}), frozenset())
    assert guard._is_overruled(thanks, None, who)
    assert not guard._is_overruled(best, None, who)
    assert not guard._is_overruled(thanks, granting.cart(shop, ada[0]), who)
    assert not guard._is_overruled(thanks, None, guard.Who(frozenset({0}), who.family))


def test_trust_is_for_all_rows_of_a_person_and_for_nobody_else(shop, ada):
    phone = "+39 011 5550199"
    _alias, joined = granting.person(shop, "alias@example.com")
    for email in ("ada@example.com", "alias@example.com"):
        granting.person(shop, email, phone=phone)
    _ben, ben = granting.person(shop, "ben@example.com")
    guard.trust(joined, True, "staff:7", NOON)
    assert set(guard.Person.objects.filter(is_trusted=True).values_list("pk", flat=True)) == {ada[1].pk, joined.pk}
    assert guard._is_overruled(granting.campaign(shop), None, guard.Who(frozenset({ada[1].pk}), frozenset()))
    assert not guard._is_overruled(granting.campaign(shop), None, guard.Who(frozenset({ben.pk}), frozenset()))


# -- money -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "takes"),
    [
        ({}, [True, True]),
        ({"budget_minor": 100}, [True, False]),
        ({"budget_minor": 200}, [True, True]),
        ({"budget_minor": 99}, [False, False]),
        ({"day_budget_minor": 100}, [True, False]),
        ({"day_budget_minor": 199}, [True, False]),
        ({"day_budget_minor": 200, "budget_minor": 100}, [True, False]),
        ({"day_budget_minor": 100, "budget_minor": 200}, [True, False]),
        ({"budget_minor": 0}, [False, False]),
    ],
)
def test_a_budget_is_used_to_its_last_cent_and_what_one_lacks_is_not_taken_of_the_other(step, limits, takes):
    change(step.campaign, **limits)
    assert [guard.take(step.campaign, 100, NOON.date()) for _ in takes] == takes
    taken = Budget.objects.order_by("day").values_list("taken_minor", flat=True)
    assert list(taken) == [100 * sum(takes)] * 2


def test_each_day_has_a_budget_of_its_own_and_each_campaign_too(shop, step):
    change(step.campaign, day_budget_minor=100)
    for day in (22, 23):
        assert guard.take(step.campaign, 100, NOON.date().replace(day=day))
        assert not guard.take(step.campaign, 1, NOON.date().replace(day=day))
    assert Budget.objects.get(day=None).taken_minor == 200
    other = granting.campaign(shop, day_budget_minor=100)
    assert guard.take(other, 100, NOON.date())


def test_without_budget_left_no_voucher_is_issued_and_it_is_said(step, ada, left):
    change(step.campaign, budget_minor=799)
    assert ask(step, ada[1], left).reason == "budget"
    assert not Voucher.objects.exists()
    change(step.campaign, budget_minor=800)
    assert isinstance(ask(step, ada[1], left), Granted)


@pytest.mark.parametrize(("limit", "is_given"), [("budget_minor", False), ("day_budget_minor", False), ("", True)])
def test_a_budget_in_another_currency_gives_nothing(step, ada, left, limit, is_given):
    change(step.campaign, currency="CHF", **({limit: 10**6} if limit else {}))
    given = ask(step, ada[1], left)
    assert isinstance(given, Granted) == is_given
    assert is_given or given.reason == "other_currency"


def test_a_campaign_without_a_currency_counts_in_its_shops(step, ada, left):
    change(step.campaign, currency="", budget_minor=800)
    assert isinstance(ask(step, ada[1], left), Granted)
    assert Budget.objects.get(day=None).taken_minor == 800


@pytest.mark.parametrize(
    ("spoil", "is_in_the_way"),
    [({}, True), ({"is_active": False}, False), ({"valid_until": NOON}, False),
     ({"valid_until": NOON + timedelta(seconds=1)}, True)],
)  # fmt: skip
def test_only_a_voucher_that_is_still_good_is_in_the_way(shop, step, ada, spoil, is_in_the_way):
    vouchers.create(shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=500, code="SPRING", now=NOON)
    shopper = Shopper(shop)
    shopper.add("LAMP")
    shopper.do(changes.ApplyVoucher, code="SPRING")
    Voucher.objects.update(**spoil)
    assert isinstance(ask(step, ada[1], shopper.cart), Granted) != is_in_the_way


def test_a_shop_in_which_nobody_chose_how_gets_none(step, ada, left):
    change(step.campaign.shop, takes_vouchers=False)
    assert ask(step, ada[1], left).reason == "no_way"


@pytest.mark.parametrize(
    ("spoil", "is_given"),
    [({"used": 1}, False), ({"valid_until": NOON}, False), ({"valid_until": NOON + timedelta(seconds=1)}, True),
     ({"is_active": False}, False)],
)  # fmt: skip
def test_claimed_again_a_voucher_that_is_no_longer_good_is_not_mailed(step, ada, left, spoil, is_given):
    first = ask(step, ada[1], left)
    Voucher.objects.update(**spoil)
    again = ask(step, ada[1], left)
    assert again == (Granted(first.voucher, first.grant) if is_given else Withheld("ended", first.grant.score))
    Voucher.objects.all().delete()
    assert ask(step, ada[1], left) == Withheld("ended", first.grant.score)


def test_a_step_that_was_taken_out_is_no_last_mail(shop, step, ada, left, scored):
    scored(30)
    Step.objects.create(campaign=step.campaign, position=3, removed_at=NOON, **granting.TEN_PERCENT)
    Step.objects.create(campaign=granting.campaign(shop), position=9)
    assert ask(step, ada[1], left).voucher.percent_bp == 500


# -- what became of them -----------------------------------------------------------------------------


def use(given, shop, customer, at=NOON):
    shopper = Shopper(shop, at=at)
    shopper.add("LAMP")
    shopper.do(changes.ApplyVoucher, code=given.voucher.code)
    return races.order(shopper, customer)


def test_a_grant_learns_what_its_voucher_took_and_forgets_it_when_the_order_gives_it_back(shop, step, ada, left):
    from ghostcart.orders import services as orders

    given = ask(step, ada[1], left)
    assert not grants.settle(NOON)
    order = use(given, shop, ada[0])
    assert grants.settle(NOON)
    assert not grants.settle(NOON)
    assert VoucherGrant.objects.get().used_minor == 800
    orders.set_status(order, "cancelled", "staff:1", NOON)
    assert grants.settle(NOON)
    assert VoucherGrant.objects.get().used_minor == 0


def test_free_shipping_counts_with_what_it_was_reckoned_to_cost(shop, step, ada, left):
    change(step, voucher=VoucherKind.FREE_SHIPPING, percent_bp=0)
    use(ask(step, ada[1], left), shop, ada[0])
    grants.settle(NOON)
    assert VoucherGrant.objects.get().used_minor == 1290


def test_a_voucher_ends_when_its_cart_is_ordered_without_it(shop, step, ada):
    shopper = Shopper(shop)
    shopper.add("LAMP")
    given = ask(step, ada[1], shopper.cart)
    races.order(shopper, ada[0])
    assert grants.settle(NOON)
    assert not grants.settle(NOON)
    given.voucher.refresh_from_db()
    assert not given.voucher.is_active


def test_cleaning_up_takes_the_unused_vouchers_and_leaves_the_figures(shop, step, ada, left):
    used = ask(step, ada[1], left)
    use(used, shop, ada[0])
    ben, ben_as_person = granting.person(shop, "ben@example.com")
    unused = ask(step, ben_as_person, granting.cart(shop, ben))
    grants.settle(NOON)
    public = vouchers.create(
        shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=1000, code="OLD", valid_until=NOON + days(1), now=NOON
    )
    before = list(VoucherGrant.objects.order_by("pk").values("cost_minor", "used_minor", "day", "person", "score"))
    assert not vouchers.clean_up(unused.voucher.valid_until + days(30) - timedelta(seconds=1))
    assert vouchers.clean_up(unused.voucher.valid_until + days(30))
    assert not vouchers.clean_up(unused.voucher.valid_until + days(300))
    assert set(Voucher.objects.values_list("pk", flat=True)) == {used.voucher.pk, public.pk}
    assert (
        list(VoucherGrant.objects.order_by("pk").values("cost_minor", "used_minor", "day", "person", "score")) == before
    )
    assert VoucherGrant.objects.get(person=ben_as_person).reminder is not None
