"""Shopping carts: the list, the page of one cart, deletion with undo, clean-up."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice import lists
from ghostcart.backoffice.access import StaffRequest, may, may_anywhere, require, staff
from ghostcart.backoffice.cart_forms import CleanUpForm, LinesForm
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.queries import actor_names
from ghostcart.backoffice.views.profile import back
from ghostcart.carts import by_staff, filters, listing, log, queries, services, timeline
from ghostcart.carts.filters import Bots, CartFilter, Listed
from ghostcart.carts.kinds import OURS
from ghostcart.carts.models import Cart
from ghostcart.carts.queries import Figure
from ghostcart.lib import clock, money, paging
from ghostcart.lib.errors import GhostcartError
from ghostcart.lib.template_tags import moment, number, percent
from ghostcart.orders import queries as order_queries
from ghostcart.recovery import queries as recovery_queries

PAGE = "carts"
REPORT = "cart_deletion"
MOST_AT_ONCE = 300
SAMPLE = 10
SENTENCES_SHOWN = 50


# -- the list ----------------------------------------------------------------------------------------


@require_safe
@staff(Role.VIEWER)
def cart_list(request: StaffRequest) -> HttpResponse:
    if elsewhere := lists.recalled(request, PAGE):
        return elsewhere
    now, zone = clock.now(), zone_in_use()
    asked = lists.asked(request, listing.SORTS)
    with lists.from_copy(request):
        sources = queries.sources([shop.pk for shop in request.scope])
        wanted, problems = filters.from_query(request.GET, request.scope, zone, sources=sources)
        found = listing.page(wanted, asked.sort, asked.size, asked.after, asked.before, now, shops=request.scope)
    context = {
        "now": now,
        "page": found.page,
        "count": found.count,
        "is_more": found.is_more,
        "sort": asked.sort,
        "size": asked.size,
        "problems": problems,
        "is_filtered": wanted != filters.from_query({}, request.scope, zone)[0],
        "sources": sources if set(sources) - set(OURS) else [],
        "may_delete": may_anywhere(request, Role.MANAGER),
        "report": request.session.pop(REPORT, None),
        **_fields(request, wanted, zone),
        **lists.saved_views(request, PAGE),
    }
    return render(request, "backoffice/cart_list.html", context)


def zone_in_use() -> ZoneInfo:
    """The time zone that the page speaks in."""
    return ZoneInfo(timezone.get_current_timezone_name())


def _fields(request: StaffRequest, wanted: CartFilter, zone: ZoneInfo) -> dict[str, Any]:
    """What the filter fields show, what they offer, and the conditions that have no field of their own."""
    values = {name: request.GET.get(name, "") for name in filters.NAMES}
    kept = {}
    for name in filters.TIME_RANGES:
        for end in ("from", "to"):
            field = f"{name}_{end}"
            chosen = filters.day_or_moment(getattr(wanted, field), zone, is_end=end == "to")
            is_day = len(chosen) == len("2026-11-22") and name in ("created", "activity")
            values[field] = chosen if is_day else ""
            if chosen and not is_day:
                kept[field] = chosen
    shops = request.scope
    return {
        "values": values,
        "kept": kept,
        "chips": _chips(wanted, kept),
        "statuses": Listed.choices,
        "bot_choices": Bots.choices,
        "currencies": sorted({code for shop in shops for code in (shop.currency, *shop.currencies)}),
        "shops": shops,
        "shows_shops": len(shops) > 1,
    }


def _chips(wanted: CartFilter, kept: dict[str, str]) -> list[tuple[str, str]]:
    """Conditions without a field, each as a sentence and the parameters that make it."""
    sentences = {
        "created": _("Created: %(range)s"),
        "activity": _("Last activity: %(range)s"),
        "ordered": _("Ordered: %(range)s"),
        "abandoned": _("Became abandoned: %(range)s"),
    }
    chips = []
    for name, sentence in sentences.items():
        names = [f"{name}_{end}" for end in ("from", "to") if f"{name}_{end}" in kept]
        if names:
            ends = [getattr(wanted, f"{name}_{end}") for end in ("from", "to")]
            shown = " – ".join(moment(end, "short") if end else "…" for end in ends)
            chips.append((sentence % {"range": shown}, ",".join(names)))
    return chips


# -- figures -----------------------------------------------------------------------------------------


@require_safe
@staff(Role.VIEWER)
def cart_figures(request: StaffRequest) -> HttpResponse:
    """The figures above the list, fetched by it once it stands."""
    with lists.from_copy(request):
        found = queries.figures(request.scope, clock.now())
    return render(request, "backoffice/_cart_figures.html", {"figures": [_told(figure) for figure in found.values()]})


def _told(figure: Figure) -> dict[str, Any]:
    """A figure as `_figure.html` shows it."""
    carts = ngettext("%(count)s cart", "%(count)s carts", figure.rows) % {"count": number(figure.rows)}
    label, definition = {
        "abandoned": (
            _("Abandoned in the last 24 hours"),
            _("Carts without an order whose time limit ran out in the last 24 hours, and what is in them. "
              "Without suspected bots."),
        ),
        "conversion": (
            _("Conversion, 30 days"),
            _("Of the carts that were created today or in the 29 days before and have products, the share that was "
              "ordered. Without suspected bots and carts that went into another one."),
        ),
        "average_order": (
            _("Average order, 30 days"),
            _("What the carts ordered today or in the 29 days before come to on average, per currency. Without "
              "suspected bots."),
        ),
        "open_value": (
            _("In open carts"),
            _("What is in the carts that are neither ordered nor abandoned, per currency. Without suspected bots."),
        ),
    }[figure.key]  # fmt: skip
    value, note = {
        "abandoned": lambda: (number(figure.rows), _amounts(figure.totals)),
        "conversion": lambda: (percent(figure.share), _part_of(figure)),
        "average_order": lambda: (_amounts(figure.averages) or "–", carts),
        "open_value": lambda: (_amounts(figure.totals) or "–", carts),
    }[figure.key]()
    url = f"{reverse('backoffice:cart-list')}?{figure.query}"
    return {"name": figure.key, "label": label, "definition": definition, "value": value, "note": note, "url": url}


def _part_of(figure: Figure) -> str:
    return _("%(part)s of %(all)s carts") % {"part": number(figure.part), "all": number(figure.rows)}


def _amounts(sums: Iterable[tuple[str, int]]) -> str:
    language = (get_language() or "en")[:2]
    return " · ".join(money.format_minor(minor, currency, language) for currency, minor in sums)


# -- one cart ----------------------------------------------------------------------------------------


@require_safe
@staff(Role.VIEWER)
def cart(request: StaffRequest, cart_id: int) -> HttpResponse:
    """The place in the log is read before the state: the live updates that follow can only repeat."""
    place = log.position()
    return render(request, "backoffice/cart.html", {**_cart_context(request, cart_id), "place": place})


@require_safe
@staff(Role.VIEWER)
def cart_fragment(request: StaffRequest, cart_id: int) -> HttpResponse:
    """The parts of the page that change while it is open."""
    return render(request, "backoffice/_cart_live.html", _cart_context(request, cart_id))


def _cart_context(request: StaffRequest, cart_id: int) -> dict[str, Any]:
    now = clock.now()
    _require(request, cart_id, Role.VIEWER)
    view = queries.cart_view(cart_id, now)
    if view is None:
        raise Http404
    shown = view.events if "all" in request.GET else view.events[-SENTENCES_SHOWN:]
    customer_id = view.cart.customer_id
    return {
        "now": now,
        "view": view,
        "cart": view.cart,
        "status": view.cart.status(now),
        "orders": order_queries.of_cart(cart_id) if view.cart.ordered_at else [],
        "address": view.address or (order_queries.last_address(customer_id) if customer_id else None),
        "placed": order_queries.placed_by([customer_id]).get(customer_id) if customer_id else None,
        "entries": shown[::-1],
        "hidden_entries": len(view.events) - len(shown),
        "staff_names": actor_names(event.actor for event in view.events),
        "why": [(one, recovery_queries.sentence(one)) for one in recovery_queries.decisions_of_cart(view.cart, now)],
        "past": _past(request, cart_id) if "at" in request.GET else None,
        "may_order": may(request.user, view.cart.shop_id, Role.AGENT),
        "may_change": view.cart.is_changeable and may(request.user, view.cart.shop_id, Role.AGENT),
        "may_delete": may(request.user, view.cart.shop_id, Role.MANAGER),
        "may_overrule": may(request.user, view.cart.shop_id, Role.MANAGER),
        "shows_shops": len(request.shops) > 1,
    }


def _require(request: StaffRequest, cart_id: int, least: Role) -> None:
    shop_id = Cart.objects.filter(pk=cart_id).values_list("shop_id", flat=True).first()
    if shop_id is None:
        raise Http404
    require(request.user, shop_id, least)


def _past(request: StaffRequest, cart_id: int) -> dict[str, Any] | None:
    """The cart as it was after the entry that the address names; None if it names none of this cart."""
    text = request.GET.get("at", "")
    events = queries.events_until(cart_id, int(text)) if text.isdecimal() and len(text) < 19 else []
    return {"cart": timeline.fold(events), "event": events[-1]} if events else None


@require_safe
@staff(Role.VIEWER)
def cart_at(request: StaffRequest, cart_id: int, event_id: int) -> HttpResponse:
    """The cart as it was after one entry of its log: a fragment for the slider."""
    _require(request, cart_id, Role.VIEWER)
    found, events = queries.find(cart_id), queries.events_until(cart_id, event_id)
    if found is None or not events:
        raise Http404
    past = {"cart": timeline.fold(events), "event": events[-1]}
    context = {"cart": found, "past": past, "staff_names": actor_names([events[-1].actor])}
    return render(request, "backoffice/_cart_moment.html", context)


@require_safe
@staff(Role.VIEWER)
def cart_others(request: StaffRequest, cart_id: int) -> HttpResponse:
    """A page of the other carts of the same customer: a fragment."""
    _require(request, cart_id, Role.VIEWER)
    found = queries.find(cart_id)
    if found is None:
        raise Http404
    others = queries.others(found, request.GET.get("after"), request.GET.get("before"))
    return render(request, "backoffice/_cart_others.html", {"cart": found, "others": others, "now": clock.now()})


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.AGENT)
def cart_change(request: StaffRequest, cart_id: int) -> HttpResponse:
    """Change what is in a cart, for somebody on the phone."""
    _require(request, cart_id, Role.AGENT)
    found = queries.find(cart_id)
    if found is None:
        raise Http404
    if not found.is_changeable:
        messages.error(request, _("This cart cannot be changed here."))
        return redirect("backoffice:cart", cart_id=found.pk)
    lines = [line for line in found.lines.select_related("product", "variant") if not line.is_gift]
    form = LinesForm(request.POST or None, lines=lines, version=found.version)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            by_staff.change_lines(
                found, version=told["version"], quantities=form.quantities(), sku=told["sku"],
                quantity=told["quantity"] or 1, actor=request.user.actor, now=clock.now(),
            )  # fmt: skip
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The cart is changed."))
            return redirect("backoffice:cart", cart_id=found.pk)
    return render(request, "backoffice/cart_change.html", {"cart": found, "form": form})


# -- deletion ----------------------------------------------------------------------------------------


@require_POST
@staff(Role.MANAGER)
def cart_delete(request: StaffRequest) -> HttpResponse:
    """Delete the ticked carts, or the one whose button was pressed, and report each on the list."""
    only = request.POST.get("only")
    numbers = _numbers([only] if only else request.POST.getlist("cart"))
    if not numbers:
        messages.warning(request, _("No cart was chosen."))
        return back(request)
    outcome = services.delete(numbers, request.user.actor, clock.now(), _managed(request))
    request.session[REPORT] = {
        state: [number for number, result in outcome.items() if result == state]
        for state in (services.DELETED, services.ORDERED, services.MISSING)
    }
    request.session[REPORT]["stay_outside"] = queries.any_outside(request.session[REPORT][services.DELETED])
    return back(request)


@require_POST
@staff(Role.MANAGER)
def cart_undelete(request: StaffRequest) -> HttpResponse:
    numbers = _numbers(request.POST.getlist("cart"))
    outcome = services.undelete(numbers, request.user.actor, clock.now(), _managed(request))
    restored = list(outcome.values()).count(services.RESTORED)
    missing = len(outcome) - restored
    if restored:
        told = ngettext("%(count)s cart is back.", "%(count)s carts are back.", restored)
        messages.success(request, told % {"count": number(restored)})
    if missing:
        told = ngettext(
            "%(count)s cart could not be brought back.", "%(count)s carts could not be brought back.", missing
        )
        messages.warning(request, told % {"count": number(missing)})
    return back(request)


def _numbers(texts: Iterable[str]) -> list[int]:
    numbers = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]
    return numbers[:MOST_AT_ONCE]


def _managed(request: StaffRequest) -> list[int]:
    """The shops whose carts the person may delete."""
    return [shop_id for shop_id, role in request.roles.items() if role.rank >= Role.MANAGER.rank]


@require_safe
@staff(Role.MANAGER)
def cart_deleted(request: StaffRequest) -> HttpResponse:
    """What was deleted within 30 days, newest first, with a way back."""
    managed = set(_managed(request))
    shops = [shop.pk for shop in request.scope if shop.pk in managed]
    asked = lists.asked(request, ())
    found = queries.deleted(shops, clock.now())
    page = paging.page(found, "-deleted_at", asked.size, asked.after, asked.before, shop_ids=shops)
    names = actor_names(cart.deleted_by for cart in page.rows)
    context = {
        "page": page,
        "rows": [(cart, names.get(cart.deleted_by, "")) for cart in page.rows],
        "count": found.count(),
        "size": asked.size,
        "days": queries.KEPT_DELETED.days,
        "shows_shops": len(shops) > 1,
    }
    return render(request, "backoffice/cart_deleted.html", context)


# -- clean-up ----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def cart_cleanup(request: StaffRequest) -> HttpResponse:
    """GET shows what would go; POST deletes a batch and says how far it is."""
    managed = set(_managed(request))
    shops = [shop for shop in request.scope if shop.pk in managed]
    now = clock.now()
    form = CleanUpForm(request.POST or request.GET or None, now=now)
    context: dict[str, Any] = {"form": form, "shops": shops}
    if not form.is_valid():
        return render(request, "backoffice/cart_cleanup.html", context)
    rule = form.rule(tuple(shop.pk for shop in shops))
    if request.method == "POST":
        return _clean_up(request, rule, form, now)
    found = rule.carts()
    context |= {
        "rule": rule,
        "count": found.count(),
        "sample": found.select_related("shop", "customer").order_by("-pk")[:SAMPLE],
        "now": now,
        "shows_shops": len(shops) > 1,
    }
    return render(request, "backoffice/cart_cleanup.html", context)


def _clean_up(request: StaffRequest, rule: services.CleanUp, form: CleanUpForm, now: datetime) -> HttpResponse:
    batch = services.clean_up_batch(rule, request.user.actor, now)
    done = form.cleaned_data["done"] + batch.gone
    context = {
        "rule": rule,
        "done": done,
        "total": max(done, form.cleaned_data["total"]),
        "is_finished": batch.is_finished,
        "since": rule.since.isoformat(),
    }
    name = "_cart_cleanup_progress" if request.headers.get("HX-Request") else "cart_cleanup_progress"
    return render(request, f"backoffice/{name}.html", context)


urlpatterns = [
    path("carts/", cart_list, name="cart-list"),
    path("carts/figures/", cart_figures, name="cart-figures"),
    path("carts/delete/", cart_delete, name="cart-delete"),
    path("carts/restore/", cart_undelete, name="cart-undelete"),
    path("carts/deleted/", cart_deleted, name="cart-deleted"),
    path("carts/clean-up/", cart_cleanup, name="cart-cleanup"),
    path("carts/<int:cart_id>/", cart, name="cart"),
    path("carts/<int:cart_id>/change/", cart_change, name="cart-change"),
    path("carts/<int:cart_id>/fragment/", cart_fragment, name="cart-fragment"),
    path("carts/<int:cart_id>/at/<int:event_id>/", cart_at, name="cart-at"),
    path("carts/<int:cart_id>/others/", cart_others, name="cart-others"),
]
