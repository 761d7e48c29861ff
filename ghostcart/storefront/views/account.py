"""The shopper's account: signing in and out, registering, orders, the saved cart, one's own details."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.carts import tokens
from ghostcart.carts.merging import merge_at_sign_in
from ghostcart.customers import queries as customers
from ghostcart.customers import services
from ghostcart.customers.errors import BadAddress, SignInLocked, SignInRefused, WeakPassword
from ghostcart.customers.models import Customer
from ghostcart.customers.services import Consented
from ghostcart.lib import clock
from ghostcart.recovery import passwords, privacy
from ghostcart.storefront import session
from ghostcart.storefront.forms import DetailsForm, EraseForm, ForgottenForm, PasswordForm, RegisterForm, SignInForm
from ghostcart.storefront.front import Front, give_token, page, show, token
from ghostcart.storefront.queries import orders_of_account
from ghostcart.storefront.texts import CONSENT_VERSION, consent_text

MOST_ORDERS = 100

AccountView = Callable[..., HttpResponse]


def signed_in(view: AccountView) -> AccountView:
    """Only for those signed in to this shop: called as `view(request, front, customer)`; others may sign in first."""

    @wraps(view)
    def wrapper(request: HttpRequest, front: Front, **names: Any) -> HttpResponse:
        customer = session.customer(request, front.shop)
        if customer is None:
            return HttpResponseRedirect(front.url("sign-in"))
        return view(request, front, customer, **names)

    return wrapper


@require_safe
@page(is_private=True)
@signed_in
def overview(request: HttpRequest, front: Front, customer: Customer) -> HttpResponse:
    context = {**_account(customer), "saved": request.GET.get("saved", "")}
    return show(request, front, "account.html", context)


def _account(customer: Customer) -> dict[str, Any]:
    """What the account page shows."""
    kept = {name: getattr(customer, name) for name in ("first_name", "last_name", "phone")}
    return {
        "customer": customer,
        "orders": orders_of_account(customer)[:MOST_ORDERS],
        "details_form": DetailsForm(initial={**kept, "consent": customers.has_consented(customer)}),
        "password_form": PasswordForm(),
        **_consent_context(),
    }


# -- signing in and out ------------------------------------------------------------------------------


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@page(is_private=True)
def sign_in(request: HttpRequest, front: Front) -> HttpResponse:
    form = SignInForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "next": _next(request, front, ""), "is_after_registering": "registered" in request.GET}
    context["is_after_erasing"] = "erased" in request.GET
    context["is_after_reset"] = "reset" in request.GET
    if not form.is_valid():
        return show(request, front, "sign_in.html", context, status=422 if form.is_bound else 200)
    now = clock.now()
    source = request.META.get("REMOTE_ADDR", "")
    try:
        customer = services.sign_in(front.shop.pk, **form.cleaned_data, source=source, now=now)
    except (SignInRefused, SignInLocked) as refused:
        form.add_error(None, str(refused))
        return show(request, front, "sign_in.html", context, status=refused.status)
    session.keep(request, front.shop, customer)
    response = HttpResponseRedirect(_next(request, front, front.url("account")))
    held = token(request, front)
    if not held:
        held = tokens.issue(front.shop.pk)
        give_token(response, front, held)
    merge_at_sign_in(shop_id=front.shop.pk, token=held, customer=customer, now=now)
    return response


def _next(request: HttpRequest, front: Front, otherwise: str) -> str:
    """Where to go after signing in: only to pages of this shop."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = wanted.startswith(front.url("home")) and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_ours else otherwise


@require_POST
@page(is_private=True)
def sign_out(request: HttpRequest, front: Front) -> HttpResponse:
    """The saved cart stays with the account; this browser starts with a new, empty one."""
    session.forget(request, front.shop)
    response = HttpResponseRedirect(front.url("home"))
    give_token(response, front, tokens.issue(front.shop.pk))
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@page(is_private=True)
def forgotten(request: HttpRequest, front: Front) -> HttpResponse:
    """A mail with a link to a new password; the answer is the same whether the address has an account."""
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        passwords.ask(front.shop, form.cleaned_data["email"], front.language, clock.now())
        return HttpResponseRedirect(f"{front.url('forgotten')}?sent")
    context = {"form": form, "is_sent": "sent" in request.GET}
    return show(request, front, "forgotten.html", context, status=422 if form.is_bound else 200)


# -- registering -------------------------------------------------------------------------------------


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@page(is_private=True)
def register(request: HttpRequest, front: Front) -> HttpResponse:
    """Ends the same way whether the address was new or has an account already: with the invitation to sign in."""
    form = RegisterForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _registered(form, front):
        return HttpResponseRedirect(f"{front.url('sign-in')}?registered")
    context = {"form": form, **_consent_context()}
    return show(request, front, "register.html", context, status=422 if form.is_bound else 200)


def _registered(form: RegisterForm, front: Front) -> bool:
    """Whether the customers room took it; what it refuses goes to the form."""
    values = dict(form.cleaned_data)
    consent = _consented(values.pop("consent"))
    try:
        services.register(front.shop.pk, **values, language=front.language, consent=consent, now=clock.now())
    except BadAddress as refused:
        form.add_error("email", str(refused))
    except WeakPassword as refused:
        form.add_error("password", list(refused.reasons))
    return form.is_valid()


# -- one's own details -------------------------------------------------------------------------------


@require_POST
@page(is_private=True)
@signed_in
def details(request: HttpRequest, front: Front, customer: Customer) -> HttpResponse:
    form = DetailsForm(request.POST)
    if not form.is_valid():
        return show(request, front, "account.html", {**_account(customer), "details_form": form}, status=422)
    values = dict(form.cleaned_data)
    services.record_consent(customer, _consented(values.pop("consent")), clock.now())
    services.change_details(customer, **values)
    return HttpResponseRedirect(f"{front.url('account')}?saved=details#details")


@sensitive_post_parameters("old", "new")
@require_POST
@page(is_private=True)
@signed_in
def password(request: HttpRequest, front: Front, customer: Customer) -> HttpResponse:
    form = PasswordForm(request.POST)
    if form.is_valid():
        try:
            source = request.META.get("REMOTE_ADDR", "")
            old, new = form.cleaned_data["old"], form.cleaned_data["new"]
            services.sign_in(front.shop.pk, email=customer.email, password=old, source=source, now=clock.now())
            services.set_password(customer, new)
        except (SignInRefused, SignInLocked) as refused:
            form.add_error("old", str(refused))
        except WeakPassword as refused:
            form.add_error("new", list(refused.reasons))
    if not form.is_valid():
        return show(request, front, "account.html", {**_account(customer), "password_form": form}, status=422)
    session.keep(request, front.shop, customer)
    return HttpResponseRedirect(f"{front.url('account')}?saved=password#password")


# -- one's own data: all of it, or none ----------------------------------------------------------------


@require_safe
@page(is_private=True)
@signed_in
def data(request: HttpRequest, front: Front, customer: Customer) -> HttpResponse:
    """Everything kept of the account since it was opened; what a guest did before under its address is not proved."""
    told = privacy.export(customer, clock.now(), since=customers.visible_since(customer))
    for hidden in ("note", "group"):
        told["customer"].pop(hidden, None)
    for hidden in ("calls", "decisions"):
        told.pop(hidden)
    response = JsonResponse(told, json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = f'attachment; filename="{front.shop.slug}.json"'
    return response


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@page(is_private=True)
@signed_in
def erase(request: HttpRequest, front: Front, customer: Customer) -> HttpResponse:
    """GET says what goes and what stays; POST, with the password, does it."""
    form = EraseForm(request.POST if request.method == "POST" else None)
    now = clock.now()
    if form.is_valid():
        try:
            source, password = request.META.get("REMOTE_ADDR", ""), form.cleaned_data["password"]
            services.sign_in(front.shop.pk, email=customer.email, password=password, source=source, now=now)
        except (SignInRefused, SignInLocked) as refused:
            form.add_error("password", str(refused))
    if not form.is_valid():
        context = {"form": form, "reach": privacy.reach(customer, now)}
        return show(request, front, "erase.html", context, status=422 if form.is_bound else 200)
    privacy.erase(customer, "shopper", now)
    session.forget(request, front.shop)
    response = HttpResponseRedirect(f"{front.url('sign-in')}?erased")
    give_token(response, front, tokens.issue(front.shop.pk))
    return response


def _consent_context() -> dict[str, str]:
    return {"consent_text": consent_text(), "consent_version": CONSENT_VERSION}


def _consented(is_given: bool) -> Consented:
    return Consented(is_given, consent_text(), CONSENT_VERSION, source="account")
