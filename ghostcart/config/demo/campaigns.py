"""The demo's campaigns: the one for abandoned carts runs, looking forward only; the others are drafts to try."""

from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from ghostcart.config.demo.history import HELD_OUT
from ghostcart.recovery import campaigns, facts
from ghostcart.recovery.models import Campaign, Kind
from ghostcart.shops.models import Shop


def make_campaigns(shop: Shop, now: datetime) -> list[Campaign]:
    """One of each kind. Their texts are our own, so they are not checked again, which takes a second."""
    with translation.override(shop.language):
        running = campaigns.create(shop, Kind.ABANDONED, _("Abandoned carts"), now, is_demo=True)
        running.holdout_bp = round(10_000 * HELD_OUT)
        running.save(update_fields=["holdout_bp"])
        others = [kind for kind in Kind if kind != Kind.ABANDONED]
        drafts = [campaigns.create(shop, kind, str(kind.label), now, is_demo=True) for kind in others]
    campaigns.begin(running, facts.plan_of(running), now)
    return [running, *drafts]
