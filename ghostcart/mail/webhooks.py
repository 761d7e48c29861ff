"""Where providers send their reports: /api/v1/mail/events/<provider>/, answered once they are written down.

Anymail reads each provider's form and checks its signature. It would hand the events on by a signal; we ask it for them
instead. A user and password in the address, made from SECRET_KEY, must come with each request.
"""

from urllib.parse import urlsplit, urlunsplit

import structlog
from anymail.exceptions import AnymailConfigurationError, AnymailError
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.crypto import salted_hmac
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from ghostcart.lib import clock
from ghostcart.mail import reports, transports
from ghostcart.mail.errors import BadEmailUrl
from ghostcart.mail.providers import Account

PATH = "/api/v1/mail/events/"
_USER = "ghostcart"
_MALFORMED = (
    AnymailError, SuspiciousOperation, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    RecursionError,
)  # fmt: skip
"""What anymail raises on reports that it cannot read."""

log = structlog.get_logger()


def address() -> str | None:
    """What to enter at the provider as the address for reports; None if mail goes out another way. It is a secret."""
    account = _account()
    if account is None:
        return None
    site = urlsplit(settings.SITE_URL)
    return urlunsplit((site.scheme, f"{_secret(account)}@{site.netloc}", f"{PATH}{account.name}/", "", ""))


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def events(request: HttpRequest, provider: str) -> HttpResponse:
    account = _account()
    if account is None or account.name != provider:
        raise Http404
    if request.method == "HEAD":  # some ask first whether somebody is there
        return HttpResponse()
    if "Authorization" not in request.headers:  # some send the password only when asked for it
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Basic realm="Ghostcart"'})
    try:
        view = account.reports(_secret(account))
        view.setup(request)
        view.run_validators(request)
        found = view.parse_events(request)
    except AnymailConfigurationError as error:
        log.error("reports cannot be read", provider=provider, error=str(error))
        raise Http404 from error
    except _MALFORMED as error:
        log.warning("a report was refused", provider=provider, error=type(error).__name__)
        return HttpResponse(status=400)
    reports.record_all(found, clock.now())
    return HttpResponse()


def _account() -> Account | None:
    try:
        transport = transports.current()
    except BadEmailUrl:
        return None
    return transport if isinstance(transport, Account) else None


def _secret(account: Account) -> str:
    return f"{_USER}:{salted_hmac('ghostcart.mail.reports', account.name, algorithm='sha256').hexdigest()[:40]}"


urlpatterns = [path("<slug:provider>/", events, name="mail-events")]
"""To be included at `PATH`."""
