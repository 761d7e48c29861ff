"""The shopper's addresses: /<shop>/<language>/…; products and categories are called the same in all languages."""

from django.urls import include, path, re_path, register_converter

from ghostcart.lib.texts import LANGUAGES
from ghostcart.storefront.views import account, browse, cart, entrance, mailed


class LanguageConverter:
    regex = "|".join(LANGUAGES)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(LanguageConverter, "language")

app_name = "storefront"

pages = [
    path("", browse.home, name="home"),
    path("c/<slug:category>/", browse.category, name="category"),
    path("p/<slug:product>/", browse.product, name="product"),
    path("sku/<path:sku>/", browse.by_sku, name="sku"),
    path("search/", browse.search, name="search"),
    path("info/<slug:kind>/", browse.info, name="info"),
    path("cart/", cart.cart, name="cart"),
    path("checkout/", cart.checkout, name="checkout"),
    path("thanks/<str:token>/", cart.thanks, name="thanks"),
    path("account/", account.overview, name="account"),
    path("account/sign-in/", account.sign_in, name="sign-in"),
    path("account/register/", account.register, name="register"),
    path("account/details/", account.details, name="details"),
    path("account/password/", account.password, name="password"),
    path("account/forgotten/", account.forgotten, name="forgotten"),
    path("account/data/", account.data, name="data"),
    path("account/erase/", account.erase, name="erase"),
    path("account/sign-out/", account.sign_out, name="sign-out"),
]

# What mails lead to (mail.links makes these addresses); no shop can be called `m`. A mail program may drop the last /.
mailed_pages = [
    re_path(r"^back/(?P<token>[^/]*)/?$", mailed.back),
    re_path(r"^stop/(?P<token>[^/]*)/?$", mailed.stop),
    re_path(r"^preferences/(?P<token>[^/]*)/?$", mailed.preferences),
    re_path(r"^password/(?P<token>[^/]*)/?$", mailed.password),
    re_path(r"^seen/(?P<token>[^/]*)\.gif$", mailed.seen),
    re_path(r"^(?P<rest>.*)$", mailed.nothing),
]

urlpatterns = [
    path("m/", include(mailed_pages)),
    path("", entrance.first_shop, name="entrance"),
    path("<slug:slug>/", entrance.shop, name="shop"),
    path("<slug:slug>/theme.css", entrance.theme, name="theme"),
    path("<slug:slug>/<language:language>/", include(pages)),
]
