"""Finished exports, served by the wire so that a slow download holds no page thread."""

from typing import Annotated, Any

from django.conf import settings
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter
from litestar.response import File

from ghostcart.api.problems import PROBLEM, Problem
from ghostcart.api.staff import REFUSED, provide_staff
from ghostcart.api.threads import in_django

KINDS = {"csv": "text/csv",
         "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}  # fmt: skip


def export_of(staff: Any, token: str) -> Any:
    """Blocking. A finished export that this person asked for and may still have, or None."""
    if not token.isprintable():  # PostgreSQL raises on a NUL
        return None
    export = staff.exports.filter(token=token, finished_at__isnull=False, error="").first()
    return export if export is not None and export.is_open else None


@get(
    "/exports/{token:str}",
    summary="Fetch an export (staff)",
    dependencies={"staff": Provide(provide_staff)},
    responses={
        200: ResponseSpec(data_container=bytes, media_type="text/csv", description="the file", generate_examples=False),
        **REFUSED,
        404: ResponseSpec(Problem, generate_examples=False, description="`not_found`", media_type=PROBLEM),
    },
    tags=["staff"],
)
async def export_file(staff: NamedDependency[Any], token: Annotated[str, PathParameter(max_length=60)]) -> File:
    export = await in_django(export_of, staff, token)
    path = settings.EXPORTS_ROOT / f"{token}.{export.format}" if export else None
    if path is None or not path.exists():
        raise NotFoundException("There is no such export.")
    name = f"{export.page}-{export.asked_at:%Y-%m-%d}.{export.format}"
    return File(path=path, filename=name, media_type=KINDS[export.format], headers={"Cache-Control": "no-store"})
