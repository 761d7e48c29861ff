"""Messages: the outbox as a list, one message with what came back of it, and the addresses that are not written to."""

import csv
from collections.abc import Iterator

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST, require_safe

from ghostcart.backoffice import lists, looks
from ghostcart.backoffice.access import StaffRequest, managed, may, may_anywhere, require, staff
from ghostcart.backoffice.message_forms import (
    KINDS,
    SUPPRESSION_REASONS,
    MessageFilters,
    SuppressForm,
    SuppressionFileForm,
    SuppressionFilters,
)
from ghostcart.backoffice.models import Role
from ghostcart.connectors import queries as connector_queries
from ghostcart.connectors.errors import explain
from ghostcart.lib import clock, paging
from ghostcart.lib.errors import GhostcartError
from ghostcart.mail import mailbox, outbox, queries, relay, suppression
from ghostcart.mail.models import Message, State
from ghostcart.mail.queries import MessageFilter
from ghostcart.recovery import queries as recovery_queries
from ghostcart.recovery.models import Kind, Reminder

PAGE = "messages"

LETTERS_OWN_POLICY = {
    "default-src": [NONE],
    "img-src": [SELF, "data:"],
    "style-src": [UNSAFE_INLINE],
    "frame-ancestors": [SELF],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}
"""Of the frame in which a mail is shown: it may do nothing but open its links, each in a page of its own."""


@require_safe
@staff(Role.VIEWER)
def message_list(request: StaffRequest) -> HttpResponse:
    if elsewhere := lists.recalled(request, PAGE):
        return elsewhere
    form = MessageFilters(request.GET)
    wanted = _wanted(request, form.asked())
    asked = lists.asked(request, queries.SORTS)
    with lists.from_copy(request):
        page, count = queries.page(wanted, asked.sort, asked.size, asked.after, asked.before), queries.count(wanted)
    context = {
        "form": form,
        "page": page,
        "count": count,
        "sort": asked.sort,
        "size": asked.size,
        "is_filtered": bool(form.asked()),
        "shows_shops": len(request.scope) > 1,
        "kinds": dict(KINDS),
        "trouble": relay.trouble(),
        "in_doubt": queries.in_doubt(shop.pk for shop in request.scope),
        **lists.saved_views(request, PAGE),
    }
    return render(request, "backoffice/message_list.html", context)


def _wanted(request: StaffRequest, asked: dict) -> MessageFilter:
    return MessageFilter(
        shop_ids=tuple(shop.pk for shop in request.scope),
        text=asked.get("q", ""),
        state=asked.get("state", ""),
        kind=asked.get("kind", ""),
        campaign=asked.get("campaign"),
        event=asked.get("event", ""),
        due_from=lists.first_moment(asked.get("due_from")),
        due_to=lists.moment_after(asked.get("due_to")),
    )


# -- one message -------------------------------------------------------------------------------------


def _message(request: StaffRequest, message_id: int, least: Role) -> Message:
    found = queries.find(message_id)
    if found is None:
        raise Http404
    require(request.user, found.shop_id, least)
    return found


@csp_update({"frame-src": [SELF]})
@require_safe
@staff(Role.VIEWER)
def message(request: StaffRequest, message_id: int) -> HttpResponse:
    found = _message(request, message_id, Role.VIEWER)
    reminder = (
        Reminder.objects.filter(message=found).select_related("step__campaign", "enrolment__cart", "voucher").first()
    )
    there = connector_queries.voucher_there(reminder.voucher_id) if reminder else None
    context = {
        "message": found,
        "voucher": reminder.voucher if reminder else None,
        "there": there,
        "voucher_trouble": explain(there.trouble) if there and there.trouble else "",
        "waits_for_voucher": found.reason == "voucher_waits" and found.state == State.FAILED_TEMP,
        "kind": dict(KINDS).get(found.kind, found.kind),
        "events": found.events.all(),
        "reminder": reminder,
        "decisions": [
            (one, recovery_queries.sentence(one)) for one in (reminder.decisions.order_by("-id") if reminder else [])
        ],
        "is_drawn": bool(found.template),
        "is_in_mailbox": mailbox.read(found) is not None,
        "may_settle": found.state == State.IN_DOUBT and may(request.user, found.shop_id, Role.AGENT),
        "may_cancel": found.state in (State.DUE, State.FAILED_TEMP) and may(request.user, found.shop_id, Role.AGENT),
    }
    return render(request, "backoffice/message.html", context)


@csp(LETTERS_OWN_POLICY)
@xframe_options_sameorigin
@require_safe
@staff(Role.VIEWER)
def message_letter(request: StaffRequest, message_id: int) -> HttpResponse:
    """The mail in a frame: as it lies in the demo's mailbox, with its links; else drawn again, with dead ones."""
    found = _message(request, message_id, Role.VIEWER)
    asked = looks.Asked.of(request.GET, found.shop)
    look = looks.of_message(found, asked)
    return render(
        request,
        "backoffice/mail_look.html",
        {"look": look, "asked": asked, "look_scheme": "dark" if asked.is_dark else "light"},
    )


@require_POST
@staff(Role.AGENT)
def message_settle(request: StaffRequest, message_id: int) -> HttpResponse:
    found = _message(request, message_id, Role.AGENT)
    as_sent = request.POST.get("as") == "sent"
    try:
        outbox.settle(found, as_sent=as_sent, actor=request.user.actor, now=clock.now())
    except GhostcartError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It counts as sent.") if as_sent else _("It is sent once more."))
    return redirect("backoffice:message", message_id=found.pk)


@require_POST
@staff(Role.AGENT)
def message_cancel(request: StaffRequest, message_id: int) -> HttpResponse:
    found = _message(request, message_id, Role.AGENT)
    if outbox.cancel([found.pk], "staff"):
        messages.success(request, _("The message will not be sent."))
    else:
        messages.error(request, _("It was too late: the message is already on its way."))
    return redirect("backoffice:message", message_id=found.pk)


# -- addresses that are not written to ---------------------------------------------------------------


@require_safe
@staff(Role.VIEWER)
def suppression_list(request: StaffRequest) -> HttpResponse:
    form = SuppressionFilters(request.GET)
    asked = lists.asked(request, {"id"})
    shop_ids = [shop.pk for shop in request.scope]
    found = queries.suppressions(shop_ids, form.asked().get("q", ""))
    page = paging.page(found, "-id", asked.size, asked.after, asked.before)
    context = {
        "form": form,
        "page": page,
        "count": found.count(),
        "size": asked.size,
        "is_filtered": bool(form.asked()),
        "shows_shops": len(request.scope) > 1,
        "reasons": SUPPRESSION_REASONS,
        "kinds": Kind.choices,
        "may_change": may_anywhere(request, Role.MANAGER),
        "new_form": SuppressForm(shops=managed(request, request.scope)),
        "file_form": SuppressionFileForm(shops=managed(request, request.scope), prefix="list"),
    }
    return render(request, "backoffice/suppression_list.html", context)


@require_POST
@staff(Role.MANAGER)
def suppress(request: StaffRequest) -> HttpResponse:
    form = SuppressForm(request.POST, shops=managed(request, request.scope))
    if not form.is_valid():
        messages.error(request, _("This is not an e-mail address."))
        return redirect("backoffice:suppressions")
    shop, address = form.cleaned_data["shop"], form.cleaned_data["address"]
    try:
        suppression.suppress(shop.pk, address, reason="staff", source=request.user.actor, now=clock.now())
    except GhostcartError as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, _("%(address)s gets no more mail from %(shop)s.") % {"address": address, "shop": shop}
        )
    return redirect("backoffice:suppressions")


@require_POST
@staff(Role.MANAGER)
def suppression_lift(request: StaffRequest, suppression_id: int) -> HttpResponse:
    found = queries.suppressions([shop.pk for shop in request.shops]).filter(pk=suppression_id).first()
    if found is None:
        raise Http404
    require(request.user, found.shop_id, Role.MANAGER)
    try:
        suppression.lift_entry(found)
    except GhostcartError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("%(address)s may be written to again.") % {"address": found.address})
    return redirect("backoffice:suppressions")


@require_POST
@staff(Role.MANAGER)
def suppression_import(request: StaffRequest) -> HttpResponse:
    form = SuppressionFileForm(request.POST, request.FILES, shops=managed(request, request.scope), prefix="list")
    if not form.is_valid():
        messages.error(request, _("Choose a CSV file with one address a line."))
        return redirect("backoffice:suppressions")
    shop = form.cleaned_data["shop"]
    try:
        report = suppression.import_csv(shop.pk, form.cleaned_data["file"], request.user.actor, clock.now())
    except GhostcartError as error:
        messages.error(request, str(error))
        return redirect("backoffice:suppressions")
    return render(request, "backoffice/suppression_report.html", {"report": report, "shop": shop})


@require_safe
@staff(Role.MANAGER)
def suppression_export(request: StaffRequest, shop_id: int) -> StreamingHttpResponse:
    require(request.user, shop_id, Role.MANAGER)
    response = StreamingHttpResponse(_csv(shop_id), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="no-mail.csv"'
    return response


class _Line:
    """A file that gives back what is written into it: `csv.writer` writes line by line."""

    def write(self, line: str) -> str:
        return line


def _csv(shop_id: int) -> Iterator[str]:
    writer = csv.writer(_Line())
    return (writer.writerow(row) for row in suppression.export_rows(shop_id))


urlpatterns = [
    path("messages/", message_list, name="messages"),
    path("messages/<int:message_id>/", message, name="message"),
    path("messages/<int:message_id>/letter/", message_letter, name="message-letter"),
    path("messages/<int:message_id>/settle/", message_settle, name="message-settle"),
    path("messages/<int:message_id>/cancel/", message_cancel, name="message-cancel"),
    path("messages/no-mail/", suppression_list, name="suppressions"),
    path("messages/no-mail/add/", suppress, name="suppress"),
    path("messages/no-mail/import/", suppression_import, name="suppression-import"),
    path("messages/no-mail/<int:suppression_id>/lift/", suppression_lift, name="suppression-lift"),
    path("messages/no-mail/of/<int:shop_id>.csv", suppression_export, name="suppression-export"),
]
