"""Where the links in mails lead: the cart back, no more mail, the preferences, the picture that counts openings.

Opening any of them changes nothing and signs nobody in: mail scanners open every link, and run its scripts, so these
pages have none. What changes something is a button. The token in the address is the right to press it; Django's own
token is not asked for, as a page that gives no referrer sends `Origin: null`, and the mail programs of RFC 8058 send
no cookies. Instead browsers tell by `Sec-Fetch-Site` whether the button was one of ours.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone, translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from ghostcart.carts import browsing, changes, ingest, tokens
from ghostcart.carts.browsing import Preview
from ghostcart.carts.restoring import Fate
from ghostcart.catalog import queries as catalog
from ghostcart.connectors import way_back
from ghostcart.connectors.way_back import WayBack
from ghostcart.customers.errors import WeakPassword
from ghostcart.customers.keys import keyed_hash
from ghostcart.customers.services import Consented
from ghostcart.lib import clock, machines, networks
from ghostcart.lib.errors import GhostcartError
from ghostcart.mail import links, tracking
from ghostcart.mail.models import EventKind, Link, Purpose
from ghostcart.mail.tracking import RequestFacts
from ghostcart.recovery import passwords
from ghostcart.recovery import preferences as mail_preferences
from ghostcart.recovery.models import Kind
from ghostcart.shops import queries as shops
from ghostcart.shops.models import Shop
from ghostcart.storefront.forms import NewPasswordForm
from ghostcart.storefront.front import Front, give_token, preferred_language, show, token
from ghostcart.storefront.texts import CONSENT_VERSION, STOP_VERSION, consent_text, stop_text
from ghostcart.vouchers import queries as vouchers
from ghostcart.vouchers.errors import SENTENCES, VoucherRefused
from ghostcart.vouchers.terms import Refusal, Terms

SHOWN = 4  # today's products beside what is gone
MOST_SHOPS = 4
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002014400") + b";"

MailedView = Callable[[HttpRequest, Front, Link, datetime], HttpResponse | None]


def mailed(purpose: Purpose) -> Callable[[MailedView], Callable[..., HttpResponse]]:
    """A page that a mailed link opens: called as `view(request, front, link, now)`, in the mail's language.

    Whatever else is asked for, expired, made up or meant for another page, gets one and the same answer. A view
    that finds nothing to show for a good link answers with None, which is the same again.
    """

    def decorate(view: MailedView) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @require_http_methods(["GET", "HEAD", "POST"])
        @wraps(view)
        def wrapper(request: HttpRequest, token: str) -> HttpResponse:
            now = clock.now()
            link = links.find(token, purpose, now)
            response = _shown(request, view, link, now) if link else None
            return sealed(response or gone(request))

        return wrapper

    return decorate


def _shown(request: HttpRequest, view: MailedView, link: Link, now: datetime) -> HttpResponse | None:
    if request.method != "POST":
        tracking.note(link, EventKind.CLICKED, seen=facts_of(request), now=now)
    front = _front(request, link.shop, link.message.language if link.message else "")
    with translation.override(front.language), timezone.override(front.shop.zone):
        response = view(request, front, link, now)
    if response is not None:
        response["Content-Language"] = front.language
    return response


def _front(request: HttpRequest, shop: Shop, language: str) -> Front:
    return Front(shop, language if language in shop.languages else preferred_language(request, shop), shop.currency)


def sealed(response: HttpResponse) -> HttpResponse:
    """Kept by nobody, found by no search engine, and its address told to no other page."""
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def facts_of(request: HttpRequest) -> RequestFacts:
    """What of a request tells a person from a machine; of the network address only a part, and that hashed."""
    try:
        address = networks.address(request.META.get("REMOTE_ADDR", ""))
        network = ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False)
        place = keyed_hash("place", str(network))[:16]
    except ValueError:
        place = ""
    return RequestFacts(request.method or "", request.headers.get("User-Agent", ""), place)


def is_pressed(request: HttpRequest) -> bool:
    """Whether a button of our own was pressed, and not one of another site."""
    return request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


# -- the cart back -----------------------------------------------------------------------------------


@mailed(Purpose.RESTORE)
def back(request: HttpRequest, front: Front, link: Link, now: datetime) -> HttpResponse | None:
    if not link.target.get("cart"):
        return _voucher_alone(request, front, link, now)
    way = way_back.of_cart(front.shop.pk, link.target["cart"], front.language)
    if way is not None:
        return _into_another_shop(request, front, link, way, now)
    held = token(request, front)
    preview = browsing.preview(
        front.shop.pk,
        link.target["cart"],
        tokens.digest(front.shop.pk, held) if held else "",
        voucher_id=link.target.get("voucher"),
        language=front.language,
        now=now,
    )
    if preview is None:
        return None
    if is_pressed(request):
        return _brought_back(request, front, link, preview, now)
    context = {
        "is_mailed": True,
        "preview": preview,
        "currency": preview.cart.currency,
        "voucher_counts": preview.voucher is not None and not preview.refusal,
        "refusal": SENTENCES[preview.refusal] if preview.refusal else "",
        "is_short": any(item.fate in (Fate.SOLD_OUT, Fate.GONE) for item in preview.items),
        "today": catalog.newest(front.shop.pk, front.currency, SHOWN),
    }
    return show(request, front, "restore.html", context)


def _into_another_shop(request: HttpRequest, front: Front, link: Link, way: WayBack, now: datetime) -> HttpResponse:
    """A cart that another shop holds: what was in it and the voucher's code here, all the rest there."""
    recovery = way_back.recovery_url(way.cart)
    target = recovery or way.cart_url
    if is_pressed(request) and target:
        tracking.note_person(link, EventKind.RESTORED, "button", now)
        return _away(target)
    context = {
        "is_mailed": True,
        "way": way,
        "currency": way.cart.currency,
        "signs_in": bool(recovery),
        **_voucher(link, way.cart.currency, now, front),
    }
    response = show(request, front, "way_back.html", context)
    _may_lead_to(response, target)
    return response


def _voucher(link: Link, currency: str, now: datetime, front: Front) -> dict[str, Any]:
    """The voucher of the mail, and why it counts no more. Whose it is, the other shop asks."""
    terms = _terms(link, front)
    refusal = None
    if terms is not None:
        refusal = browsing.refusal(replace(terms, customer_id=None, customer_ids=None), None, currency, now)
    return {"voucher": terms, "refusal": SENTENCES[refusal] if refusal else ""}


def _terms(link: Link, front: Front) -> Terms | None:
    return next(iter(vouchers.terms_of([link.target.get("voucher") or 0], front.language)), None)


def _away(address: str) -> HttpResponse:
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response


def _may_lead_to(response: HttpResponse, address: str) -> None:
    """Browsers hold the policy of a form against where its answer leads, too."""
    parts = urlsplit(address)
    if parts.hostname:
        response._csp_update = {"form-action": [f"{parts.scheme}://{parts.netloc}"]}  # type: ignore[attr-defined]


def _brought_back(
    request: HttpRequest, front: Front, link: Link, preview: Preview, now: datetime
) -> HttpResponse | None:
    """Into the visitor's own cart, and on to it: the token leaves the address."""
    held = token(request, front)
    new = held or tokens.issue(front.shop.pk)
    base = _change(request, front, new, now)
    batch: list[changes.Change] = [changes.Restore(**base, source_id=preview.source.id or 0)]
    if preview.voucher is not None:
        batch.append(changes.ApplyVoucher(**base, code=preview.voucher.code, is_mailed=True))
    with transaction.atomic():  # else a browser that was told of a failure has left a copy behind, and makes another
        restored, *voucher = ingest.record_all(batch)
        if isinstance(restored, GhostcartError):
            return None
        tracking.note_person(link, EventKind.RESTORED, "button", now)
    told: dict[str, Any] = {
        "back": sum(item.quantity > 0 for item in restored.report),
        "fewer": sum(item.fate == Fate.FEWER for item in restored.report),
        "missing": sum(item.fate in (Fate.SOLD_OUT, Fate.GONE, Fate.NO_ROOM) for item in restored.report),
    }
    for refused in voucher:
        if isinstance(refused, VoucherRefused) and refused.refusal != Refusal.ALREADY_APPLIED:
            told["voucher"] = refused.refusal.value
    response = _to_cart(front, told)
    if new != held:
        give_token(response, front, new)
    return response


def _voucher_alone(request: HttpRequest, front: Front, link: Link, now: datetime) -> HttpResponse | None:
    """Of a mail about no cart: the voucher, into the cart in hand if there is one, else to be typed in later."""
    terms = _terms(link, front)
    if terms is None:
        return None
    if front.shop.address:
        if is_pressed(request):
            tracking.note_person(link, EventKind.RESTORED, "button", now)
            return _away(front.shop.address)
        context = {"is_mailed": True, **_voucher(link, terms.currency or front.currency, now, front)}
        response = show(request, front, "voucher.html", context)
        _may_lead_to(response, front.shop.address)
        return response
    held = token(request, front)
    cart = browsing.cart_of(front.shop.pk, tokens.digest(front.shop.pk, held)) if held else None
    refusal = browsing.refusal(terms, cart, front.currency, now)
    if is_pressed(request) and cart is not None and not refusal:
        apply = changes.ApplyVoucher(**_change(request, front, held, now), code=terms.code, is_mailed=True)
        with transaction.atomic():
            ingest.record_all([apply])
            tracking.note_person(link, EventKind.RESTORED, "button", now)
        return _to_cart(front, {})
    context = {
        "is_mailed": True,
        "voucher": terms,
        "refusal": SENTENCES[refusal] if refusal else "",
        "has_cart": cart is not None and bool(cart.lines),
        "today": catalog.newest(front.shop.pk, front.currency, 2 * SHOWN),
    }
    return show(request, front, "voucher.html", context)


def _change(request: HttpRequest, front: Front, held: str, now: datetime) -> dict[str, Any]:
    """What every change says that this browser makes now."""
    agent = request.headers.get("User-Agent", "")
    seen = changes.Seen(
        tokens.digest(front.shop.pk, held),
        front.language,
        user_agent=agent,
        bot_reasons=machines.reasons(agent),
        source=request.META.get("REMOTE_ADDR", ""),
    )
    return {"shop_id": front.shop.pk, "at": now, "seen": seen}


def _to_cart(front: Front, told: dict[str, Any]) -> HttpResponse:
    return _away(f"{front.url('cart')}{'?' if told else ''}{urlencode(told)}")


# -- less mail, or none ------------------------------------------------------------------------------


@mailed(Purpose.STOP)
def stop(request: HttpRequest, front: Front, link: Link, now: datetime) -> HttpResponse | None:
    """GET asks, POST stops: by our button, or by that of the mail program (RFC 8058)."""
    wishes = mail_preferences.wishes(link)
    if wishes is None:
        return None
    context = {"is_mailed": True, "wishes": wishes, "stop_text": stop_text()}
    if request.method == "POST":
        if request.POST.getlist("List-Unsubscribe") != ["One-Click"]:
            return show(request, front, "stop.html", context, status=400)
        source = "link" if "page" in request.POST else "one-click"
        mail_preferences.stop(link, source=source, withdrawn=_withdrawn(), now=now)
        context |= {"wishes": mail_preferences.wishes(link), "is_done": True}
    return show(request, front, "stop.html", context)


@mailed(Purpose.PREFERENCES)
def preferences(request: HttpRequest, front: Front, link: Link, now: datetime) -> HttpResponse | None:
    done = request.POST.get("do", "") if is_pressed(request) else ""
    if done == "save":
        consented = Consented("consent" in request.POST, consent_text(), CONSENT_VERSION, source="link")
        mail_preferences.choose(link, wanted=request.POST.getlist("kind"), consented=consented, now=now)
    elif done == "stop":
        mail_preferences.stop(link, source="preferences", withdrawn=_withdrawn(), now=now)
    elif done == "start":
        given = Consented(True, consent_text(), CONSENT_VERSION, source="link")
        mail_preferences.start(link, given=given, now=now)
    elif done == "not-me":
        mail_preferences.not_me(link, withdrawn=_withdrawn(), now=now)
    wishes = mail_preferences.wishes(link)
    if wishes is None:
        return None
    context = {
        "is_mailed": True,
        "wishes": wishes,
        "kinds": [(kind.value, _kind_name(kind), is_wanted) for kind, is_wanted in wishes.kinds.items()],
        "consent_text": consent_text(),
        "stop_text": stop_text(),
        "done": done,
    }
    return show(request, front, "preferences.html", context)


def _withdrawn() -> Consented:
    return Consented(False, stop_text(), STOP_VERSION, source="link")


def _kind_name(kind: Kind) -> str:
    """A kind of campaign as shoppers call it."""
    return {
        Kind.ABANDONED: _("Reminders of products that I left in my cart"),
        Kind.THANKS: _("Mail after an order"),
        Kind.BEST: _("Offers for regular customers"),
        Kind.LAPSED: _("Mail when I have not ordered for a long time"),
        Kind.MANUAL: _("Mail that somebody of the shop writes to me"),
    }[kind]


# -- a new password ----------------------------------------------------------------------------------


@sensitive_post_parameters("new")
@mailed(Purpose.PASSWORD)
def password(request: HttpRequest, front: Front, link: Link, now: datetime) -> HttpResponse | None:
    """Whoever reads the account's mail may set its password, once; they sign in with it themselves."""
    if passwords.account_of(link) is None:
        return None
    form = NewPasswordForm(request.POST if is_pressed(request) else None)
    if form.is_valid():
        try:
            if not passwords.change(link, form.cleaned_data["new"], now):
                return None
        except WeakPassword as refused:
            form.add_error("new", list(refused.reasons))
        else:
            return HttpResponseRedirect(f"{front.url('sign-in')}?reset")
    status = 422 if form.is_bound else 200
    return show(request, front, "new_password.html", {"is_mailed": True, "form": form}, status=status)


# -- openings, and what is not there -----------------------------------------------------------------


@require_safe
def seen(request: HttpRequest, token: str) -> HttpResponse:
    """A picture of one point, the same for every address; counted where the shop switched that on."""
    now = clock.now()
    link = links.find(token, Purpose.SEEN, now)
    if link is not None and link.shop.counts_openings:
        tracking.note(link, EventKind.OPENED, seen=facts_of(request), now=now)
    return sealed(HttpResponse(PIXEL, content_type="image/gif"))


@csrf_exempt
def nothing(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Any other address that begins like a mailed link."""
    return sealed(gone(request))


def gone(request: HttpRequest) -> HttpResponse:
    """One answer for all links that are none, whatever shop they were of: what there is to buy today."""
    all_shops = shops.all_shops()[:MOST_SHOPS]
    if not all_shops:
        return HttpResponse(status=404)
    front = _front(request, all_shops[0], "")
    with translation.override(front.language):
        fronts = [_front(request, shop, front.language) for shop in all_shops if not shop.address]
        shelves = [(one, catalog.newest(one.shop.pk, one.currency, SHOWN)) for one in fronts]
        shown = [{"shop": one.shop, "language": one.language, "currency": one.currency, "home": one.url("home"),
                  "cart": one.url("cart"), "cards": cards} for one, cards in shelves]  # fmt: skip
        return show(request, front, "gone.html", {"is_mailed": True, "shelves": shown}, status=404)
