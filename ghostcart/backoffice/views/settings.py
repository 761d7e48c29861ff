"""Settings of a shop, for its owners: how it counts, rounds and speaks, and how it delivers."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from ghostcart.backoffice import mail_forms, shop_forms
from ghostcart.backoffice.access import StaffRequest, owned, require, staff
from ghostcart.backoffice.context import LANGUAGE_NAMES
from ghostcart.backoffice.mail_forms import MailForm
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.page_forms import PagesForm
from ghostcart.backoffice.queries import actor_names
from ghostcart.backoffice.shop_forms import ShippingForm, ShopForm
from ghostcart.carts import services as cart_services
from ghostcart.connectors import queries as connections
from ghostcart.lib import clock
from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.lib.marks import mark
from ghostcart.mail import relay
from ghostcart.shops import queries, services
from ghostcart.shops.errors import NotConfirmed
from ghostcart.shops.models import ShippingMethod, Shop


@require_safe
@staff(Role.OWNER)
def settings(request: StaffRequest) -> HttpResponse:
    """To the shop in view, if it is theirs; else to the first that is."""
    shops = owned(request)
    if not shops:
        return redirect("backoffice:set-up")
    chosen = request.shop if request.shop in shops else shops[0]
    return redirect("backoffice:shop-settings", shop_id=chosen.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def shop_settings(request: StaffRequest, shop_id: int) -> HttpResponse:
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.OWNER)
    form = ShopForm.of(shop, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            is_counted_anew = services.change_settings(shop, shown=form.cleaned_data["mark"], **form.settings())
        except SavedMeanwhile as error:
            form.overtake(error, services.settings_mark(shop, shop_forms.SETTINGS))
        else:
            if is_counted_anew:
                cart_services.retime(shop)
            messages.success(request, _("The settings of %(shop)s are saved.") % {"shop": shop.name})
            return redirect("backoffice:shop-settings", shop_id=shop.pk)
    context = {
        "shop": shop, "shops": owned(request), "form": form, "methods": shop.shipping_methods.all(),
        "is_attached": connections.is_attached(shop.pk),
    }  # fmt: skip
    return render(request, "backoffice/settings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def shipping_method(request: StaffRequest, shop_id: int, method_id: int) -> HttpResponse:
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.OWNER)
    method = get_object_or_404(ShippingMethod, pk=method_id, shop=shop)
    form = ShippingForm(request.POST or None, method=method, shop=shop)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_shipping_method(method, shown=form.cleaned_data["mark"], **form.values())
        except SavedMeanwhile as error:
            form.overtake(error, services.shipping_mark(method))
        else:
            messages.success(request, _("The shipping method is saved."))
            return redirect("backoffice:shop-settings", shop_id=shop_id)
    return render(request, "backoffice/shipping_method.html", {"shop": shop, "method": method, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def mail_settings(request: StaffRequest, shop_id: int) -> HttpResponse:
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.OWNER)
    form = MailForm(request.POST or None, shop=shop)
    if request.method == "POST" and form.is_valid():
        chosen = form.chosen(request.user.actor, clock.now())
        try:
            services.change_settings(shop, chosen, shown=form.cleaned_data["mark"], **form.settings())
        except SavedMeanwhile as error:
            form.overtake(error, services.settings_mark(shop, mail_forms.SETTINGS))
        except NotConfirmed as error:
            form.ask_for_the_tick(error)
        else:
            messages.success(request, _("The settings of %(shop)s are saved.") % {"shop": shop.name})
            return redirect("backoffice:mail-settings", shop_id=shop.pk)
    choices = queries.consent_choices(shop)
    names = actor_names(one.actor for one in choices)
    context = {
        "shop": shop, "shops": owned(request), "form": form, "trouble": relay.trouble(),
        "choices": [(one, names.get(one.actor, "")) for one in choices],
    }  # fmt: skip
    return render(request, "backoffice/mail_settings.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def shop_pages(request: StaffRequest, shop_id: int, language: str) -> HttpResponse:
    """Imprint, terms and the like, in one of the shop's languages."""
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.OWNER)
    if language not in shop.languages:
        return redirect("backoffice:shop-pages", shop_id=shop.pk, language=shop.language)
    form = PagesForm(request.POST or None, shop=shop, language=language)
    if request.method == "POST" and form.is_valid():
        try:
            services.write_pages(shop, language, form.texts(), shown=form.cleaned_data["mark"])
        except SavedMeanwhile as error:
            form.overtake(error, mark(queries.page_texts(Shop.objects.get(pk=shop.pk), language)))
        else:
            messages.success(request, _("The pages of %(shop)s are saved.") % {"shop": shop.name})
            return redirect("backoffice:shop-pages", shop_id=shop.pk, language=language)
    names = [(code, LANGUAGE_NAMES.get(code, code)) for code in shop.languages]
    context = {"shop": shop, "form": form, "chosen": language, "shop_languages": names}
    return render(request, "backoffice/shop_pages.html", context)


urlpatterns = [
    path("settings/", settings, name="settings"),
    path("settings/<int:shop_id>/", shop_settings, name="shop-settings"),
    path("settings/<int:shop_id>/mail/", mail_settings, name="mail-settings"),
    path("settings/<int:shop_id>/pages/<slug:language>/", shop_pages, name="shop-pages"),
    path("settings/<int:shop_id>/shipping/<int:method_id>/", shipping_method, name="shipping-method"),
]
