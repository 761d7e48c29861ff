"""Pictures of other shops and those that staff gave, for our pages: see `lib.pictures`."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import path
from django.views.decorators.http import require_safe

from ghostcart.lib import pictures

DAY, MINUTE = 24 * 3600, 60


@require_safe
def outside(request: HttpRequest, mark: str, text: str) -> HttpResponse:
    """A picture of another shop; where it cannot be had, the one that says so. Raises Http404 for what is not ours."""
    url = pictures.url_of(mark, text)
    if url is None:
        raise Http404
    picture = pictures.get(url)
    if picture is None:
        answer: HttpResponse = HttpResponseRedirect(static("storefront/no-picture.svg"))
        answer["Cache-Control"] = f"private, max-age={MINUTE}"
        return answer
    answer = HttpResponse(picture.body, content_type=picture.kind)
    answer["Cache-Control"] = f"private, max-age={DAY}"
    answer["Content-Disposition"] = "inline"
    answer["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer


@require_safe
def given(request: HttpRequest, name: str) -> HttpResponse:
    """A picture that staff gave after this process began: those from before are static files to it. Its name is made of
    what is in it, so it never changes."""
    picture = pictures.given(name)
    if picture is None:
        raise Http404
    answer = HttpResponse(picture.body, content_type=picture.kind)
    answer["Cache-Control"] = f"public, max-age={365 * DAY}, immutable"
    answer["Content-Disposition"] = "inline"
    return answer


urlpatterns = [
    path(f"media/{pictures.PATH}<str:mark>/<str:text>", outside),
    path(f"media/{pictures.GIVEN}<str:name>", given),
]
