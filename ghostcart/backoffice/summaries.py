"""Mails to staff who want them: a summary each morning or week, and a notice when a dear cart is abandoned.

Both run again and again and say each thing once: a summary is claimed by moving `summary_sent_at`, a notice by moving
how far its shop's abandoned carts were looked through.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.urls import reverse

from ghostcart.backoffice.models import Membership, Summary
from ghostcart.carts.filters import start_of_day
from ghostcart.carts.models import BOT_SCORE, Cart
from ghostcart.mail import outbox
from ghostcart.mail.models import EventKind, MessageEvent
from ghostcart.recovery import attributed, letters, texts
from ghostcart.recovery.attributed import Figures, Period
from ghostcart.recovery.models import Campaign, Progress
from ghostcart.shops.models import Shop

MORNING = timedelta(hours=7)
MONDAY = 0
MOST_NOTICES = 20
"""More dear carts than that in one round are left to the summary: nobody reads fifty mails."""
NOTICE_STALE = timedelta(hours=12)


# -- summaries ---------------------------------------------------------------------------------------


def send_summaries(now: datetime) -> bool:
    """Plan the summaries that are due: after seven in the morning of the shop, of the day or the week before."""
    wanted = Membership.objects.exclude(summary=Summary.NEVER).filter(user__is_active=True)
    for membership in wanted.select_related("shop", "user"):
        if period := due(membership, now):
            _send_summary(membership, period, now)
    return False


def due(membership: Membership, now: datetime) -> Period | None:
    """What a summary is to be about, if it is time for one and it was not sent yet."""
    zone = membership.shop.zone
    today = now.astimezone(zone).date()
    if now < start_of_day(today, zone) + MORNING:
        return None
    is_week = membership.summary == Summary.WEEKLY
    last = today - timedelta(days=(today.weekday() - MONDAY) % 7) if is_week else today
    until = start_of_day(last, zone)
    if membership.summary_sent_at is not None and membership.summary_sent_at >= until:
        return None
    return Period(start_of_day(last - timedelta(days=7 if is_week else 1), zone), until, zone)


@transaction.atomic
def _send_summary(membership: Membership, period: Period, now: datetime) -> None:
    mine = Membership.objects.filter(pk=membership.pk, summary_sent_at=membership.summary_sent_at)
    if not mine.update(summary_sent_at=now):  # another worker was faster
        return
    shop, user = membership.shop, membership.user
    facts = {
        "shop": letters.shop_facts(shop, user.language),
        "staff": _figures(shop, period) | {"name": user.name, "is_week": membership.summary == Summary.WEEKLY},
        "links": {"report": settings.SITE_URL + reverse("backoffice:report")},
    }
    _enqueue("summary", shop, user.email, user.language, facts, now, stale_at=now + timedelta(days=1))


def _figures(shop: Shop, period: Period) -> dict[str, Any]:
    currency = shop.currency
    carts = Cart.objects.filter(
        shop=shop, ordered_at=None, merged_at=None, deleted_at=None, line_count__gt=0, currency=currency,
        bot_score__lt=BOT_SCORE, abandon_after__gte=period.since, abandon_after__lt=period.until,
    ).aggregate(count=Count("pk"), value=Sum("total_minor"))  # fmt: skip
    campaigns = list(Campaign.objects.filter(shop=shop).values_list("pk", flat=True))
    figures = attributed.figures(campaigns, period).get("all", Figures())
    complaints = MessageEvent.objects.filter(
        shop=shop, kind=EventKind.COMPLAINED, at__gte=period.since, at__lt=period.until
    )
    last_day = (period.until - timedelta(seconds=1)).astimezone(period.zone).date()
    return {
        "since_on": period.since.astimezone(period.zone).date().isoformat(),
        "until_on": last_day.isoformat(),
        "currency": currency,
        "abandoned_count": carts["count"],
        "abandoned_minor": carts["value"] or 0,
        "sent_count": figures.sent,
        "restored_count": figures.restored,
        "ordered_count": figures.ordered,
        "ordered_minor": figures.revenue.get(currency, 0),
        "voucher_minor": figures.vouchers.get(currency, 0),
        "complained_count": complaints.count(),
    }


# -- notices -----------------------------------------------------------------------------------------


def send_notices(now: datetime) -> bool:
    """Tell staff of dear carts that were abandoned since the last look; of none before the first."""
    for shop in Shop.objects.filter(notice_above_minor__isnull=False):
        _send_notices(shop, now)
    return False


@transaction.atomic
def _send_notices(shop: Shop, now: datetime) -> None:
    name = f"notices of shop {shop.pk}"
    progress, is_new = Progress.objects.select_for_update().get_or_create(pk=name, defaults={"until": now})
    since = min(progress.until, now)
    Progress.objects.filter(pk=name).update(until=now)
    if is_new:
        return
    for cart in _dear_carts(shop, since, now):
        for membership in shop.memberships.filter(wants_notices=True, user__is_active=True).select_related("user"):
            user = membership.user
            facts = letters.facts_of(shop, language=user.language, customer=cart.customer, cart=cart) | {
                "staff": {
                    "name": user.name,
                    "currency": cart.currency,
                    "cart_number": str(cart.pk),
                    "customer": cart.customer_label,
                    "phone": cart.customer.phone if cart.customer else "",
                },
                "links": {"cart": settings.SITE_URL + reverse("backoffice:cart", args=[cart.pk])},
            }
            _enqueue("notice", shop, user.email, user.language, facts, now, stale_at=now + NOTICE_STALE)


def _dear_carts(shop: Shop, since: datetime, now: datetime) -> list[Cart]:
    """The dearest first, in the shop's own currency: an amount of another one cannot be compared with the limit."""
    found = Cart.objects.filter(
        shop=shop, ordered_at=None, merged_at=None, deleted_at=None, line_count__gt=0, currency=shop.currency,
        bot_score__lt=BOT_SCORE, abandon_after__gt=since, abandon_after__lte=now,
        total_minor__gte=shop.notice_above_minor,
    )  # fmt: skip
    return list(found.select_related("customer", "shop").order_by("-total_minor")[:MOST_NOTICES])


def _enqueue(
    name: str, shop: Shop, address: str, language: str, facts: dict[str, Any], now: datetime, stale_at: datetime
) -> None:
    outbox.enqueue(
        shop_id=shop.pk,
        kind=name,
        address=address,
        language=language,
        due_at=now,
        now=now,
        template=texts.system(name, language),
        facts=facts,
        stale_at=stale_at,
        is_demo=shop.is_demo,
    )
