"""Mail providers, through django-anymail: sending by their API, and the reports that they send back.

EMAIL_URL is `provider://key`, or `provider://key@more` where the provider wants more than a key. Options are the
provider's own settings in anymail (`?api_url=https://api.eu.mailgun.net/v3`); those beginning with `webhook_` and
the like sign its reports.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote

import requests
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailRecipientsRefused,
)
from anymail.webhooks.base import AnymailCoreWebhookView
from django.core.mail import EmailMultiAlternatives
from django.utils.module_loading import import_string

from ghostcart.mail.errors import BadEmailUrl
from ghostcart.mail.handover import Letter, Misset, NotTaken, PutOff, Receipt, Refused, Unanswered, Unreachable

MARK = "ghostcart"
"""The name under which a letter's mark goes out with it, and comes back in reports."""


@dataclass(frozen=True, slots=True)
class Provider:
    """How anymail calls a provider's parts: its module, its view for reports, the settings that EMAIL_URL fills."""

    module: str
    view: str
    settings: tuple[str, ...] = ("api_key",)
    report_settings: tuple[str, ...] = ()


KNOWN = {
    "brevo": Provider("brevo", "BrevoTrackingWebhookView"),
    "mailersend": Provider("mailersend", "MailerSendTrackingWebhookView", ("api_token",), ("signing_secret",)),
    "mailgun": Provider("mailgun", "MailgunTrackingWebhookView", ("api_key", "sender_domain"),
                        ("api_key", "webhook_signing_key")),
    "mailjet": Provider("mailjet", "MailjetTrackingWebhookView", ("api_key", "secret_key")),
    "mailtrap": Provider("mailtrap", "MailtrapTrackingWebhookView", ("api_token",), ("tracking_secret",)),
    "mandrill": Provider("mandrill", "MandrillCombinedWebhookView", ("api_key",), ("webhook_key", "webhook_url")),
    "postmark": Provider("postmark", "PostmarkTrackingWebhookView", ("server_token",)),
    "resend": Provider("resend", "ResendTrackingWebhookView"),
    "sendgrid": Provider("sendgrid", "SendGridTrackingWebhookView", ("api_key",),
                         ("tracking_webhook_verification_key",)),
    "sparkpost": Provider("sparkpost", "SparkPostTrackingWebhookView"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """The transport: an account with a provider."""

    key: str
    name: str
    settings: Mapping[str, str] = field(repr=False, hash=False)
    report_settings: Mapping[str, str] = field(repr=False, hash=False)

    def open(self) -> "Connection":
        backend = import_string(f"anymail.backends.{KNOWN[self.name].module}.EmailBackend")
        made = backend(ignore_unsupported_features=True, **self.settings)
        made.open()
        return Connection(made)

    def reports(self, secret: str) -> AnymailCoreWebhookView:
        """What reads the provider's reports; `secret` ("user:password") must come with each.

        Raises AnymailConfigurationError where the provider signs reports, and EMAIL_URL does not hold the key.
        """
        view: type[AnymailCoreWebhookView] = import_string(
            f"anymail.webhooks.{KNOWN[self.name].module}.{KNOWN[self.name].view}"
        )
        return view(webhook_secret=[secret], **self.report_settings)


def from_url(key: str, parts: SplitResult, options: Mapping[str, str]) -> Account:
    """Raises BadEmailUrl."""
    provider = KNOWN[parts.scheme]
    secret, _at, more = parts.netloc.rpartition("@") if "@" in parts.netloc else (parts.netloc, "", "")
    given = dict(zip(provider.settings, (unquote(secret), unquote(more)), strict=False))
    if not all(given.get(name) for name in provider.settings):
        raise BadEmailUrl(problem=f"it needs {' and '.join(provider.settings)}")
    both = {**given, **options}
    account = Account(
        key=key,
        name=parts.scheme,
        settings={name: value for name, value in both.items() if name not in provider.report_settings or name in given},
        report_settings={name: value for name, value in both.items() if name in provider.report_settings},
    )
    try:
        account.open().leave()
    except (AnymailConfigurationError, TypeError) as error:
        raise BadEmailUrl(problem=str(error).splitlines()[0]) from error
    return account


# -- sending -----------------------------------------------------------------------------------------


class Connection:
    is_open = True

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    def hand_over(self, letter: Letter, commit: Callable[[], None]) -> Receipt:
        mail = for_anymail(letter)
        commit()
        try:
            self.backend.send_messages([mail])
        except AnymailError as error:
            raise outcome(error) from error
        status = mail.anymail_status
        said = f"{self.backend.esp_name}: {', '.join(sorted(status.status or ['unknown']))}"
        if not status.status or status.status == {"unknown"}:
            raise Unanswered(said)
        if not status.status & {"sent", "queued"}:
            raise Refused("address_refused", said)
        return Receipt(said, status.message_id if isinstance(status.message_id, str) else "")

    def leave(self) -> None:
        self.backend.close()


_THEIRS = {"From", "To", "Subject", "Reply-To", "Date", "Message-ID", "MIME-Version", "Content-Language"}
"""Fields that the provider writes."""


def for_anymail(letter: Letter) -> Any:
    """The mail in the form that Django and anymail know."""
    mail = letter.mail
    head = {field.name: field.value for field in mail.fields}
    reply_to = head.get("Reply-To", "")
    made: Any = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=head["From"],
        to=[letter.recipient],
        reply_to=[reply_to] if reply_to else [],
        headers={name: value for name, value in head.items() if name not in _THEIRS},
    )
    if mail.html:
        made.attach_alternative(mail.html, "text/html")
    made.metadata = {MARK: letter.mark}
    return made


def outcome(error: AnymailError) -> NotTaken | Unanswered:
    """What a failed call means. Without an answer, or with "something broke here", nobody knows."""
    said = " ".join(str(error).split())[:300]
    status = getattr(error, "status_code", None)
    if isinstance(error, AnymailRecipientsRefused):
        return Refused("address_refused", said)  # its report says why, and whether the address is dead
    if isinstance(error, requests.ConnectTimeout):
        return Unreachable("silent", said)
    if isinstance(error, requests.ConnectionError) and _never_connected(error):
        return Unreachable("unreachable", said)
    if status in (401, 403):
        return Misset("login_refused", said)
    if status in (429, 503):
        return Unreachable("busy", said)
    if status is not None and 400 <= status < 500:
        return PutOff("put_off", said) if status in (408, 409, 425) else Refused("content_refused", said)
    return Unanswered(said) if isinstance(error, AnymailAPIError) else Refused("content_refused", said)


def _never_connected(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if type(seen).__name__ in ("NewConnectionError", "NameResolutionError"):
            return True
        reason = getattr(seen, "reason", None)
        seen = reason if isinstance(reason, BaseException) else seen.__cause__ or seen.__context__
    return False
