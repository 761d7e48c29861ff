"""Every address of the back office. Each views module lists its own in `urlpatterns`; each has a least role."""

from allauth.account import views as account
from allauth.mfa.base import views as codes
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from django.urls import include, path

from ghostcart.backoffice import sign_in
from ghostcart.backoffice.access import anyone
from ghostcart.backoffice.access import staff as staff_only
from ghostcart.backoffice.views import (
    calls,
    campaign_replay,
    campaign_steps,
    campaigns,
    carts,
    components,
    connections,
    customers,
    exports,
    keys,
    live,
    messages,
    orders,
    privacy,
    products,
    profile,
    report,
    saved,
    search,
    set_up,
    settings,
    staff,
    vouchers,
    webhooks,
)

PAGES = (
    live,
    carts,
    exports,
    customers,
    privacy,
    orders,
    products,
    campaigns,
    campaign_steps,
    campaign_replay,
    messages,
    vouchers,
    calls,
    settings,
    keys,
    connections,
    webhooks,
    staff,
    profile,
    report,
    saved,
    search,
    set_up,
    components,
)

signed_in = staff_only()

# Only what staff need of allauth: no sign-up, no reset by mail, no other accounts.
account_urls = [
    path("login/", anyone(account.login), name="account_login"),
    path("logout/", signed_in(account.logout), name="account_logout"),
    path("inactive/", anyone(account.account_inactive), name="account_inactive"),
    path("reauthenticate/", signed_in(account.reauthenticate), name="account_reauthenticate"),
    path("password/", signed_in(account.password_change), name="account_change_password"),
    path("code/", anyone(codes.AuthenticateView.as_view(form_class=sign_in.CodeForm)), name="mfa_authenticate"),
    path(
        "code/again/",
        signed_in(codes.ReauthenticateView.as_view(form_class=sign_in.CodeAgainForm)),
        name="mfa_reauthenticate",
    ),
    path("second-factor/", signed_in(codes.index), name="mfa_index"),
    path("second-factor/app/on/", signed_in(totp.activate_totp), name="mfa_activate_totp"),
    path("second-factor/app/off/", signed_in(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("second-factor/recovery/", signed_in(recovery_codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "second-factor/recovery/new/",
        signed_in(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "second-factor/recovery/file/",
        signed_in(recovery_codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
]

urlpatterns = [
    path("account/", include(account_urls)),
    path("", include(([one for page in PAGES for one in page.urlpatterns], "backoffice"))),
]
