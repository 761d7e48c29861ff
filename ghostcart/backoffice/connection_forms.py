"""The forms of the page on attached shops."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from django import forms
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.forms import Dressed
from ghostcart.backoffice.shop_forms import time_zones
from ghostcart.connectors.models import Connection, Kind
from ghostcart.connectors.vouchers import WAYS, Way
from ghostcart.shops.models import Shop

_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
PORT = 3306


class AddressForm(Dressed, forms.Form):
    """Where the database of a PrestaShop is: in fields, or as one line that is taken apart into them.

    A line may name nothing but what the fields do: no file and no socket of our own machine.
    """

    line = forms.CharField(
        label=_("Address in one line"), required=False, max_length=500, strip=True,
        help_text=_("For example mysql://user:password@host:3306/database. Or fill in the fields below."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "form-control code"}),
    )  # fmt: skip
    host = forms.CharField(
        label=_("Host"), required=False, max_length=253, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("“database_host” in app/config/parameters.php of the shop (1.6: config/settings.inc.php)."),
    )  # fmt: skip
    port = forms.IntegerField(label=_("Port"), required=False, min_value=1, max_value=65_535, initial=PORT)
    database = forms.CharField(label=_("Database"), required=False, max_length=64)
    user = forms.CharField(
        label=_("User"), required=False, max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Best one of its own that may only read."),
    )  # fmt: skip
    password = forms.CharField(
        label=_("Password"), required=False, max_length=200, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Kept encrypted, and never shown again."),
    )  # fmt: skip
    table_prefix = forms.RegexField(
        r"^[A-Za-z0-9_]{0,40}$", label=_("Prefix of the tables"), required=False, initial="ps_"
    )
    is_encrypted = forms.BooleanField(label=_("Encrypted connection"), required=False)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if self.errors:
            return values
        if values.get("line"):
            values |= self._taken_apart(values["line"])
        for name in ("host", "database", "user"):
            if not values.get(name):
                self.add_error(name, _("This is needed."))
        if values.get("host") and not _HOST.fullmatch(values["host"]):
            self.add_error("host", _("This is not the name of a host."))
        return values

    def _taken_apart(self, line: str) -> dict[str, Any]:
        try:
            parts = urlsplit(line)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("mysql", "mariadb") or not parts.hostname or parts.query not in ("", "ssl=1"):
            self.add_error("line", _("This is not an address like mysql://user:password@host:3306/database."))
            return {}
        return {
            "host": parts.hostname, "port": port or PORT, "database": unquote(parts.path.lstrip("/")),
            "user": unquote(parts.username or ""), "password": unquote(parts.password or ""),
            "is_encrypted": parts.query == "ssl=1",
        }  # fmt: skip

    def without_secrets(self) -> "AddressForm":
        """The same form to be shown again: a line taken apart into the fields, and no password."""
        data = dict(self.data.items())
        if data.get("line"):
            for name in ("host", "port", "database", "user"):
                data[name] = self.cleaned_data.get(name) or data.get(name, "")
        data["line"] = data["password"] = ""
        self.data = data
        return self

    def url(self) -> str:
        values = self.cleaned_data
        host = f"[{values['host']}]" if ":" in values["host"] else values["host"]
        who = f"{quote(values['user'], safe='')}:{quote(values['password'], safe='')}"
        end = "?ssl=1" if values["is_encrypted"] else ""
        return f"mysql://{who}@{host}:{values['port'] or PORT}/{quote(values['database'], safe='')}{end}"


class WebserviceForm(Dressed, forms.Form):
    """Where the web service of a PrestaShop is, for when its database cannot be reached."""

    url = forms.URLField(
        label=_("Address of the shop"), max_length=300, assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://shop.example/", "autocomplete": "off"}),
    )  # fmt: skip
    key = forms.RegexField(
        r"^[A-Za-z0-9]{8,64}$", label=_("Key"), widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Made in the shop under Advanced parameters, Webservice. Kept encrypted, and never shown again."),
    )  # fmt: skip


class PlainOptionsForm(Dressed, forms.Form):
    """What staff decide about an attached shop from the beginning."""

    newsletter_is_consent = forms.BooleanField(
        label=_("Newsletter subscribers count as having agreed to reminders"), required=False,
        help_text=_("Only if the words beside the tick box of your newsletter cover reminders of a cart."),
    )  # fmt: skip
    is_spared = forms.BooleanField(
        label=_("Spare the shop's database"), required=False,
        help_text=_(
            "Read it every 5 seconds instead of every second. What is read each time is little in any case, however "
            "many carts the shop has."
        ),
    )  # fmt: skip


class OptionsForm(PlainOptionsForm):
    """The same and the ways back into the shop. Secrets that are kept already need not be entered again."""

    vouchers = forms.ChoiceField(label=_("How vouchers get into the shop"), choices=list(WAYS.items()))
    webservice_url = forms.URLField(
        label=_("Address of the shop's web service"), required=False, max_length=300, assume_scheme="https"
    )
    webservice_key = forms.CharField(
        label=_("Key of the web service"), required=False, max_length=64,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Kept encrypted, and never shown again. Empty: the one that is kept."),
    )  # fmt: skip
    recovery_link = forms.BooleanField(
        label=_("Mails lead to the shop's own recovery link"), required=False,
        help_text=_(
            "Careful: that link signs the visitor in. Whoever a mail is forwarded to is then in your customer's "
            "account. Without it, mails lead to a page with the products and links into your shop."
        ),
    )  # fmt: skip
    cookie_key = forms.CharField(
        label=_("“cookie_key” of the shop"), required=False, max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("For that link only. Kept encrypted, and never shown again. Empty: the one that is kept."),
    )  # fmt: skip
    field_order = ("newsletter_is_consent", "is_spared", "vouchers", "webservice_url", "webservice_key",
                   "recovery_link", "cookie_key")  # fmt: skip

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        self.kept = connection.options
        shown = ("newsletter_is_consent", "is_spared", "vouchers", "webservice_url", "recovery_link")
        initial = {name: self.kept[name] for name in shown if name in self.kept}
        super().__init__(*args, initial=initial, auto_id=f"id_{connection.pk}_%s", **kwargs)
        if connection.kind == Kind.PRESTASHOP_API:
            del self.fields["webservice_url"], self.fields["webservice_key"]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("recovery_link") and not (values.get("cookie_key") or self.kept.get("cookie_key")):
            self.add_error("cookie_key", _("This is needed."))
        if values.get("vouchers") == Way.WEBSERVICE and "webservice_key" in self.fields:
            for name in ("webservice_url", "webservice_key"):
                if not (values.get(name) or self.kept.get(name)):
                    self.add_error(name, _("This is needed."))
        return values


class AttachForm(PlainOptionsForm):
    """Which shop there becomes which shop here."""

    shop = forms.ChoiceField(label=_("Shop there"), widget=forms.RadioSelect)
    target = forms.ChoiceField(
        label=_("Shop here"), required=False,
        help_text=_("A new shop gets the languages, currencies and time zone of the one that is attached."),
    )  # fmt: skip
    time_zone = forms.ChoiceField(label=_("Time zone of the shop"), required=False)
    field_order = ("shop", "target", "time_zone", "newsletter_is_consent", "is_spared")

    def __init__(self, *args: Any, found: Mapping[str, Any], targets: Sequence[Shop], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shops = [(str(one["number"]), one["name"]) for one in found["shops"]]
        self.fields["shop"].choices = shops  # type: ignore[attr-defined]
        self.fields["shop"].initial = shops[0][0] if shops else None
        self.fields["target"].choices = [  # type: ignore[attr-defined]
            ("", _("A new shop, set up as it is there")), *((str(one.pk), one.name) for one in targets)
        ]  # fmt: skip
        if all(one["time_zone"] for one in found["shops"]):
            del self.fields["time_zone"]
        else:
            zones = [(zone, zone) for zone in time_zones()]
            self.fields["time_zone"].choices = zones  # type: ignore[attr-defined]
            self.fields["time_zone"].initial = "UTC"
        self.has_targets = bool(targets)

    def options(self) -> dict[str, Any]:
        """As `connectors.services.attach` wants them, but for the prefix."""
        values = self.cleaned_data
        return {
            "shop_id": int(values["shop"]), "time_zone": values.get("time_zone", ""),
            "newsletter_is_consent": values["newsletter_is_consent"], "is_spared": values["is_spared"],
        }  # fmt: skip
