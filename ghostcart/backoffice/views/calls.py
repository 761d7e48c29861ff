"""Staff get in touch themselves: the call list, what came of a call, and a mail written by hand."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice.access import StaffRequest, may, require, staff
from ghostcart.backoffice.forms import Dressed
from ghostcart.backoffice.models import Role
from ghostcart.carts.models import Cart
from ghostcart.customers.models import Customer
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError
from ghostcart.mail import templates
from ghostcart.recovery import by_hand, calls
from ghostcart.recovery.errors import NotCallable
from ghostcart.recovery.models import Call, Kind
from ghostcart.shops.models import Shop

OUTCOMES = [(value, label) for value, label in Call.Outcome.choices if value != Call.Outcome.ORDERED]


class CallForm(Dressed, forms.Form):
    outcome = forms.ChoiceField(choices=Call.Outcome.choices)
    note = forms.CharField(label=gettext_lazy("Note"), required=False, max_length=500)
    again_at = forms.DateTimeField(
        label=gettext_lazy("Call again at"),
        required=False,
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )


class LetterForm(Dressed, forms.Form):
    """A mail by hand: its subject and body may be changed before it goes out."""

    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=200)
    body = forms.CharField(label=gettext_lazy("Text"), max_length=10_000, widget=forms.Textarea(attrs={"rows": 14}))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "subject" in cleaned and "body" in cleaned:
            for problem in templates.check(templates.Text(cleaned["subject"], cleaned["body"]), Kind.MANUAL):
                self.add_error(problem.where, str(problem))
        return cleaned


@require_safe
@staff(Role.VIEWER)
def call_list(request: StaffRequest) -> HttpResponse:
    now = clock.now()
    context = {
        "rows": calls.to_call([shop.pk for shop in request.scope], now)[:100],
        "shows_shops": len(request.scope) > 1,
        "may_call": any(may(request.user, shop.pk, Role.AGENT) for shop in request.scope),
        "outcomes": OUTCOMES,
        "now": now,
    }
    return render(request, "backoffice/call_list.html", context)


@require_POST
@staff(Role.AGENT)
def call_outcome(request: StaffRequest, cart_id: int) -> HttpResponse:
    cart = _cart(request, cart_id)
    form = CallForm(request.POST)
    try:
        if not form.is_valid():
            raise NotCallable
        calls.record_call(
            cart,
            form.cleaned_data["outcome"],
            actor=request.user.actor,
            now=clock.now(),
            note=form.cleaned_data["note"],
            again_at=form.cleaned_data["again_at"],
        )
    except GhostcartError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Noted."))
    return redirect("backoffice:calls")


def _cart(request: StaffRequest, cart_id: int) -> Cart:
    cart = Cart.objects.select_related("customer", "shop").filter(pk=cart_id, deleted_at=None).first()
    if cart is None:
        raise Http404
    require(request.user, cart.shop_id, Role.AGENT)
    return cart


# -- a mail by hand ----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.AGENT)
def write_about_cart(request: StaffRequest, cart_id: int) -> HttpResponse:
    cart = _cart(request, cart_id)
    if cart.customer is None:
        raise Http404
    return _write(request, cart.shop, cart.customer, cart)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.AGENT)
def write_to_customer(request: StaffRequest, customer_id: int) -> HttpResponse:
    customer = Customer.objects.select_related("shop").filter(pk=customer_id).first()
    if customer is None:
        raise Http404
    require(request.user, customer.shop_id, Role.AGENT)
    return _write(request, customer.shop, customer, None)


def _write(request: StaffRequest, shop: Shop, customer: Customer, cart: Cart | None) -> HttpResponse:
    step = by_hand.first_step(shop, clock.now())
    if step is None:
        raise Http404
    language = cart.language if cart else customer.language
    text = step.texts.get(language) or step.texts.get(shop.language) or {}
    form = LetterForm(request.POST or None, initial=text)
    if request.method == "POST" and form.is_valid():
        try:
            text = templates.Text(form.cleaned_data["subject"], form.cleaned_data["body"])
            by_hand.write(shop, text=text, actor=request.user.actor, now=clock.now(), customer=customer, cart=cart)
        except GhostcartError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("The mail goes out with the next round."))
            return redirect("backoffice:cart", cart.pk) if cart else redirect("backoffice:customer", customer.pk)
    context = {
        "form": form,
        "customer": customer,
        "cart": cart,
        "language": language,
        "variables": templates.variables(Kind.MANUAL),
    }
    return render(request, "backoffice/write.html", context)


urlpatterns = [
    path("calls/", call_list, name="calls"),
    path("calls/<int:cart_id>/", call_outcome, name="call-outcome"),
    path("carts/<int:cart_id>/write/", write_about_cart, name="cart-write"),
    path("customers/<int:customer_id>/write/", write_to_customer, name="customer-write"),
]
