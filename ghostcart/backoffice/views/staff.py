"""Staff, for owners: who works here, with which role."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice import queries, services
from ghostcart.backoffice.access import StaffRequest, owned, staff
from ghostcart.backoffice.forms import NewStaffForm, RolesForm
from ghostcart.backoffice.models import Role, User
from ghostcart.lib.errors import GhostcartError


def _colleague(request: StaffRequest, user_id: int) -> User:
    user = queries.colleague(request.user, user_id)
    if user is None:
        raise Http404
    return user


@require_safe
@staff(Role.OWNER)
def staff_list(request: StaffRequest) -> HttpResponse:
    context = {"people": queries.staff_of(owned(request)), "shops": owned(request)}
    return render(request, "backoffice/staff_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def staff_new(request: StaffRequest) -> HttpResponse:
    form = NewStaffForm(request.POST or None, shops=owned(request), initial={"language": request.user.language})
    form.order_fields(["email", "name", "language"])
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            user, password = services.take_on(
                request.user,
                email=values["email"],
                name=values["name"],
                language=values["language"],
                roles=form.roles(),
            )
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            return _welcome(request, user, password)
    return render(request, "backoffice/staff_new.html", {"form": form})


def _welcome(request: StaffRequest, user: User, password: str | None) -> HttpResponse:
    """The one-time password is in this answer and nowhere else."""
    if password is None:
        messages.success(request, _("%(email)s already signs in here; the roles are given.") % {"email": user.email})
        return redirect("backoffice:staff")
    return render(request, "backoffice/staff_password.html", {"person": user, "password": password})


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def staff_member(request: StaffRequest, user_id: int) -> HttpResponse:
    person = _colleague(request, user_id)
    form = RolesForm(request.POST or None, shops=owned(request), user=person)
    if request.method == "POST" and form.is_valid():
        try:
            services.change_roles(request.user, person, form.roles())
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The roles of %(email)s are saved.") % {"email": person.email})
            return redirect("backoffice:staff")
    return render(request, "backoffice/staff_member.html", {"person": person, "form": form})


@require_POST
@staff(Role.OWNER)
def staff_active(request: StaffRequest, user_id: int) -> HttpResponse:
    """End a person's access, or give it back."""
    person = _colleague(request, user_id)
    try:
        if request.POST.get("active") == "1":
            services.reactivate(request.user, person)
            messages.success(request, _("%(email)s can sign in again.") % {"email": person.email})
        else:
            services.deactivate(request.user, person)
            messages.success(request, _("%(email)s can no longer sign in.") % {"email": person.email})
    except GhostcartError as error:
        messages.error(request, str(error))
    return redirect("backoffice:staff-member", user_id=person.pk)


@require_POST
@staff(Role.OWNER)
def staff_password(request: StaffRequest, user_id: int) -> HttpResponse:
    person = _colleague(request, user_id)
    try:
        password = services.renew_password(request.user, person)
    except GhostcartError as error:
        messages.error(request, str(error))
        return redirect("backoffice:staff-member", user_id=person.pk)
    return _welcome(request, person, password)


urlpatterns = [
    path("staff/", staff_list, name="staff"),
    path("staff/new/", staff_new, name="staff-new"),
    path("staff/<int:user_id>/", staff_member, name="staff-member"),
    path("staff/<int:user_id>/active/", staff_active, name="staff-active"),
    path("staff/<int:user_id>/password/", staff_password, name="staff-password"),
]
