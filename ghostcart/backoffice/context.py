"""What every back office page shows around its content."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.access import HOME
from ghostcart.backoffice.models import Role
from ghostcart.lib.texts import LANGUAGE_NAMES as LANGUAGE_NAMES

THEMES = {"light": _("Light"), "dark": _("Dark"), "auto": _("As the device")}
THEME_COOKIE = "theme"

PAGE_SIZES = (20, 50, 100, 300)


@dataclass(frozen=True)
class Entry:
    """One entry of the menu; `group` is the heading above it, `key` the shortcut after "g"."""

    name: str | Promise
    icon: str
    url_name: str
    key: str
    group: str | Promise = ""
    least: Role = Role.VIEWER


MENU = (
    Entry(_("Live"), "activity", "backoffice:live", "l"),
    Entry(_("Orders"), "receipt", "backoffice:order-list", "o", group=_("Orders")),
    Entry(_("Shopping carts"), "shopping-cart", "backoffice:cart-list", "c", group=_("Orders")),
    Entry(_("Customers"), "users", "backoffice:customer-list", "k"),
    Entry(_("Products"), "package", "backoffice:products", "a"),
    Entry(_("Campaigns"), "speakerphone", "backoffice:campaigns", "f", group=_("Follow-ups")),
    Entry(_("Messages"), "mail", "backoffice:messages", "m", group=_("Follow-ups")),
    Entry(_("Vouchers"), "ticket", "backoffice:vouchers", "v", group=_("Follow-ups")),
    Entry(_("Call list"), "phone", "backoffice:calls", "p", group=_("Follow-ups")),
    Entry(_("Report"), "chart-bar", "backoffice:report", "r", group=_("Follow-ups")),
    Entry(_("Webhooks"), "webhook", "backoffice:webhooks", "w", group=_("Settings"), least=Role.MANAGER),
    Entry(_("Staff"), "user-circle", "backoffice:staff", "u", group=_("Settings"), least=Role.OWNER),
    Entry(_("Connections"), "plug-connected", "backoffice:connections", "n", group=_("Settings"), least=Role.OWNER),
    Entry(_("Shop settings"), "settings", "backoffice:settings", "s", group=_("Settings"), least=Role.OWNER),
    Entry(_("Set up"), "check", "backoffice:set-up", "i", group=_("Settings"), least=Role.OWNER),
)


def backoffice(request: HttpRequest) -> dict[str, object]:
    if not request.path.startswith(HOME):
        return {}
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    return {
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "languages": LANGUAGE_NAMES,
        "language": (get_language() or settings.LANGUAGE_CODE)[:2],
        "menu": menu(request),
        "page_sizes": PAGE_SIZES,
        "here": request.get_full_path() if request.method == "GET" else HOME,
    }


def menu(request: HttpRequest) -> list[dict[str, object]]:
    """The entries this person may open, with their heading, whether it is the page they are on, and whether they stand
    under another entry instead of a heading."""
    roles = getattr(request, "roles", {})
    user = getattr(request, "user", None)
    nobody = Role.OWNER.rank if user is not None and user.is_superuser else -1
    rank = max((role.rank for role in roles.values()), default=nobody)
    words = [(entry, str(entry.name), str(entry.group)) for entry in MENU]  # translated once, not at each comparison
    names = {name for _entry, name, _group in words}
    shown = []
    heading = ""
    for entry, name, group in words:
        if entry.least.rank > rank:
            continue
        url = reverse(entry.url_name)
        is_here = request.path == url or (url != HOME and request.path.startswith(url))
        shown.append(
            {
                "entry": entry,
                "name": name,
                "url": url,
                "is_here": is_here,
                "is_under": name != group and group in names,
                "heading": group if group != heading else "",
            }
        )
        heading = group
    return shown
