"""Who is held out gets nothing by any path, or the figures would mean nothing."""

from datetime import datetime

from ghostcart.recovery import facts, rules
from ghostcart.recovery.kinds import Begins, begun_by
from ghostcart.recovery.models import Arm, Campaign, CampaignState
from ghostcart.recovery.subject import Human, Trigger

ALIVE = (CampaignState.RUNNING, CampaignState.PAUSED)


def keeps_from(human: Human, shop_id: int, now: datetime, trigger: Trigger) -> bool:
    """Whether a mail by hand is out: the person was held out lately by any campaign, or, about a cart, will be by one
    that would write about it."""
    lately = now - rules.HOLDOUT_KEPT
    if any(voice.arm == Arm.HELD_OUT and voice.at > lately for voice in human.voices):
        return True
    if trigger.basket is None:
        return False
    of_carts = Campaign.objects.filter(shop=shop_id, kind__in=begun_by(Begins.CART), state__in=ALIVE)
    plans = facts.plans_of(list(of_carts.select_related("shop")))
    return any(rules.arm(plan, human) == Arm.HELD_OUT for plan in plans.values())
