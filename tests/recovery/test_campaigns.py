"""Making, changing, starting and stopping campaigns; who would be met; why and why not."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from ghostcart.recovery import campaigns, queries, reasons
from ghostcart.recovery.errors import BackfillChanged, BadCampaign, HoldoutFixed, LastStep, NotReady, WrongCampaignState
from ghostcart.recovery.models import Campaign, Decision, Enrolment, Kind, Step
from tests.factories import NOON, Shopper
from tests.recovery import following
from tests.recovery.following import DAY, HOUR, left, worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return following.shop()


@pytest.mark.parametrize("kind", Kind.values)
def test_each_kind_begins_with_steps_and_texts_in_all_languages_and_can_be_started(shop, kind):
    made = campaigns.create(shop, kind, "New", NOON)
    assert campaigns.problems(made) == []
    assert all(set(step.texts) == {"en", "it", "es", "de", "fr", "nl"} for step in campaigns.steps(made))
    campaigns.start(made, NOON)
    made.refresh_from_db()
    assert made.state == "running"


def test_the_first_steps_of_a_cart(shop):
    made = campaigns.create(shop, Kind.ABANDONED, "New", NOON)
    steps = [(step.delay_minutes // 60, step.voucher) for step in campaigns.steps(made)]
    assert steps == [(24, "none"), (72, "percent"), (168, "none")]
    assert made.holdout_bp == 1000


def test_settings_that_cannot_be_kept(shop):
    made = following.campaign(shop, starts=False)
    with pytest.raises(BadCampaign):
        campaigns.save(made, audience={"shoe_size": 43})
    with pytest.raises(BadCampaign):
        campaigns.save(made, holdout_bp=9500)
    step = campaigns.steps(made)[0]
    for wrong in ({"delay_minutes": -1}, {"voucher": "percent", "percent_bp": 0}, {"valid_days": 0}):
        with pytest.raises(BadCampaign):
            campaigns.save_step(Step.objects.get(pk=step.pk), **wrong)
    with pytest.raises(TypeError):
        campaigns.save(made, salt="mine")


def test_the_share_held_out_is_fixed_once_it_ran(shop):
    made = following.campaign(shop)
    with pytest.raises(HoldoutFixed):
        campaigns.save(made, holdout_bp=2000)
    campaigns.save(made, holdout_bp=0, name="Other")


def test_steps_are_added_moved_and_taken_out(shop):
    made = following.campaign(shop)
    first, second, third = campaigns.steps(made)
    added = campaigns.add_step(made)
    assert set(added.texts) == set(first.texts)
    campaigns.move_step(third, -1)
    campaigns.remove_step(second, NOON)
    campaigns.move_step(second, -1)  # from a page that is older
    assert list(campaigns.steps(made)) == [first, third, added]
    for step in (first, third):
        campaigns.remove_step(step, NOON)
    with pytest.raises(LastStep):
        campaigns.remove_step(added, NOON)


def test_what_is_missing_is_told_before_the_start(shop):
    made = following.campaign(shop, starts=False)
    step = campaigns.steps(made)[0]
    texts = {one: text for one, text in step.texts.items() if one != "de"}
    texts["it"] = {"subject": "Ciao", "body": "{{ nobody.knows }}"}
    campaigns.save_step(step, texts=texts)
    with pytest.raises(NotReady) as refused:
        campaigns.start(made, NOON)
    assert len(refused.value.problems) == 2


def test_states(shop):
    made = following.campaign(shop)
    with pytest.raises(WrongCampaignState):
        campaigns.start(made, NOON)
    campaigns.pause(made, "staff")
    with pytest.raises(WrongCampaignState):
        campaigns.pause(made, "staff")
    campaigns.resume(made, NOON)
    campaigns.end(made, NOON)
    for move in (lambda: campaigns.resume(made, NOON), lambda: campaigns.end(made, NOON)):
        with pytest.raises(WrongCampaignState):
            move()


# -- looking back -------------------------------------------------------------------------------------


def old_carts(shop, count):
    for number in range(count):
        left(shop, f"p{number}@example.com", NOON - 2 * DAY - number * HOUR)
    left(shop, "no@example.com", NOON - 2 * DAY, consent=None)
    left(shop, "ancient@example.com", NOON - 60 * DAY)


def test_a_backfill_needs_its_number(shop):
    old_carts(shop, 5)
    made = following.campaign(shop, starts=False)
    with CaptureQueriesContext(connection) as counting:
        assert queries.backfill_count(made, NOON) == 5
    with CaptureQueriesContext(connection) as showing:
        queries.would_meet(made, NOON)
    assert len(counting) < len(showing)
    with pytest.raises(BackfillChanged):
        campaigns.start(made, NOON, 4)
    campaigns.start(made, NOON, 5)
    assert len(worker(NOON).letters) == 5
    assert len(worker(NOON + 2 * HOUR).letters) == 0  # the next steps keep their distance


def test_who_would_be_met_goes_by_what_stands_in_the_form(shop):
    old_carts(shop, 3)
    left(shop, "lamp@example.com", NOON - 2 * DAY, "LAMP")
    made = following.campaign(shop, starts=False)
    made.audience = {"value_min_minor": {"EUR": 5000}}
    count, sample = queries.would_meet(made, NOON)
    assert (count, [one.customer.email for one in sample]) == (1, ["lamp@example.com"])
    assert sample[0].cart.total_minor == sample[0].total_minor
    assert not Enrolment.objects.exists()
    assert not Decision.objects.exists()


# -- why ----------------------------------------------------------------------------------------------


def test_each_reason_has_a_sentence_in_each_language(shop):
    left(shop, "no@example.com", NOON + HOUR, consent=None)
    made = following.campaign(shop)
    worker(NOON + 26 * HOUR)
    (decision,) = Decision.objects.filter(campaign=made)
    assert queries.sentence(decision) == "Passed over. There is no consent to such mails."
    for reason in reasons.SENTENCES:
        for language in ("en", "it", "de"):
            with translation.override(language):
                assert reasons.sentence(reason, {"field": "languages", "size": 60})
    assert "strange" in reasons.sentence("strange")


def test_why_a_cart_heard_nothing_yet(shop):
    following.campaign(shop)
    visitor, early, named = Shopper(shop, at=NOON), left(shop, "e@example.com", NOON - 9 * DAY), left(shop)
    visitor.add()
    told = {
        cart.pk: [one.reason for one in queries.decisions_of_cart(cart, NOON + HOUR)]
        for cart in (visitor.cart, early, named)
    }
    assert told == {visitor.cart.pk: ["visitor"], early.pk: ["before_start"], named.pk: ["waiting"]}
    worker(NOON + 25 * HOUR)
    assert [one.verdict for one in queries.decisions_of_cart(named, NOON + 25 * HOUR)] == ["sent", "enrolled"]
    assert len(queries.decisions_of_person(named.customer.person_id)) == 2


def test_a_campaign_that_stopped_itself_says_so(shop, monkeypatch):
    monkeypatch.setattr("ghostcart.recovery.rules.NEVER_UNUSUAL", 5)
    made = following.campaign(shop)
    for number in range(6):
        left(shop, f"p{number}@example.com", NOON + HOUR)
    worker(NOON + 26 * HOUR)
    found = queries.stopped(Campaign.objects.get(pk=made.pk))
    assert (found.size, found.usual) == (6, 0)
    assert queries.stopped(following.campaign(shop)) is None


def test_the_backlog(shop):
    from ghostcart.recovery import health

    following.campaign(shop)
    left(shop, at=NOON + HOUR)
    worker(NOON + 26 * HOUR)
    told = health.backlog(NOON + 26 * HOUR)
    assert (told.due, told.planned, told.behind, told.stopped) == (0, 1, 0, 0)
    later = health.backlog(NOON + 20 * DAY)
    assert (later.due, later.behind) == (1, 1)
    assert later.is_behind(NOON + 20 * DAY)
    assert not told.is_behind(NOON + 26 * HOUR + timedelta(minutes=1))
