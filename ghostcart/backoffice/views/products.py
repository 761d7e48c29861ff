"""Products: the list of all, and making and changing those of a shop of one's own."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from ghostcart.backoffice import lists
from ghostcart.backoffice.access import StaffRequest, managed, may, may_anywhere, require, staff
from ghostcart.backoffice.forms import FilterForm
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.product_forms import ProductForm
from ghostcart.catalog import queries, services
from ghostcart.catalog.models import Product
from ghostcart.lib import paging
from ghostcart.lib.errors import GhostcartError, SavedMeanwhile
from ghostcart.shops.models import Shop

PAGE = "products"


@require_safe
@staff(Role.VIEWER)
def product_list(request: StaffRequest) -> HttpResponse:
    if elsewhere := lists.recalled(request, PAGE):
        return elsewhere
    form = FilterForm(request.GET)
    words = form.asked().get("q", "").replace("\x00", "")
    asked = lists.asked(request, queries.LISTED, "position")
    shops = [shop.pk for shop in request.scope]
    found = queries.listed(shops, words, (get_language() or "en")[:2])
    context = {
        "form": form,
        "page": paging.page(found, asked.sort, asked.size, asked.after, asked.before, shop_ids=shops),
        "count": paging.counted(found),
        "sort": asked.sort,
        "size": asked.size,
        "is_filtered": bool(words),
        "shows_shops": len(shops) > 1,
        "may_create": may_anywhere(request, Role.MANAGER),
        **lists.saved_views(request, PAGE),
    }
    return render(request, "backoffice/product_list.html", context)


@require_safe
@staff(Role.MANAGER)
def product_new(request: StaffRequest) -> HttpResponse:
    """To the form of the shop in view, if they manage it; else of the first that they manage."""
    shops = managed(request)
    if not shops:  # a superuser, before there is one
        return redirect("backoffice:set-up")
    chosen = request.shop if request.shop in shops else shops[0]
    return redirect("backoffice:product-create", shop_id=chosen.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def product_create(request: StaffRequest, shop_id: int) -> HttpResponse:
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.MANAGER)
    return _form_page(request, shop, None)


def _found(request: StaffRequest, product_id: int, least: Role) -> Product:
    found = get_object_or_404(Product.objects.select_related("shop", "category"), pk=product_id)
    require(request.user, found.shop_id, least)
    return found


@require_safe
@staff(Role.VIEWER)
def product(request: StaffRequest, product_id: int) -> HttpResponse:
    found = _found(request, product_id, Role.VIEWER)
    context = {
        "product": found,
        "variants": found.variants.prefetch_related("prices"),
        "may_edit": not found.source and may(request.user, found.shop_id, Role.MANAGER),
    }
    return render(request, "backoffice/product.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def product_edit(request: StaffRequest, product_id: int) -> HttpResponse:
    found = _found(request, product_id, Role.MANAGER)
    if found.source:
        messages.error(request, str(services.ProductElsewhere()))
        return redirect("backoffice:product", product_id=found.pk)
    return _form_page(request, found.shop, found)


def _form_page(request: StaffRequest, shop: Shop, known: Product | None) -> HttpResponse:
    data = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ProductForm(*data, shop=shop, product=known)
    if request.method == "POST" and form.is_valid():
        try:
            saved = services.save(shop.pk, form.draft(), known, shown=form.cleaned_data["mark"])
        except SavedMeanwhile as error:
            form.overtake(error, services.product_mark(known, shop.language) if known else "")
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("%(name)s is saved.") % {"name": saved.name(shop.language)})
            return redirect("backoffice:product", product_id=saved.pk)
        form.ask_for_the_picture_again()
    context = {"form": form, "shop": shop, "shops": managed(request), "product": known}
    return render(request, "backoffice/product_edit.html", context)


urlpatterns = [
    path("products/", product_list, name="products"),
    path("products/new/", product_new, name="product-new"),
    path("products/new/<int:shop_id>/", product_create, name="product-create"),
    path("products/<int:product_id>/", product, name="product"),
    path("products/<int:product_id>/edit/", product_edit, name="product-edit"),
]
