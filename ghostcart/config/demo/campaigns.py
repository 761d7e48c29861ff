"""The demo's campaigns: the one for abandoned carts runs, looking forward only; one is over, and has something to
report; the others are drafts to try."""

from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from ghostcart.config.demo.history import HELD_OUT
from ghostcart.recovery import campaigns, facts
from ghostcart.recovery.models import Campaign, CampaignState, Kind
from ghostcart.shops.models import Shop


def make_campaigns(shop: Shop, now: datetime) -> list[Campaign]:
    """One of each kind. Their texts are our own, so they are not checked again, which takes a second."""
    with translation.override(shop.language):
        running = campaigns.create(shop, Kind.ABANDONED, _("Abandoned carts"), now, is_demo=True)
        others = [kind for kind in Kind if kind != Kind.ABANDONED]
        drafts = [campaigns.create(shop, kind, str(kind.label), now, is_demo=True) for kind in others]
    campaigns.begin(running, facts.plan_of(running), now)
    return [running, *drafts]


def make_past(shop: Shop, now: datetime) -> Campaign:
    """The one of the last months. `follow_ups` tells when it began and whom it wrote to."""
    with translation.override(shop.language):
        past = campaigns.create(shop, Kind.ABANDONED, _("Abandoned carts, a first try"), now, is_demo=True)
    past.holdout_bp, past.state, past.ended_at = round(10_000 * HELD_OUT), CampaignState.ENDED, now
    past.save(update_fields=["holdout_bp", "state", "ended_at"])
    return past
