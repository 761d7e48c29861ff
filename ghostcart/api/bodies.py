"""Bodies are read as they are described: Litestar alone would take "1" for 1 and "true" for true."""

from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is what its handler declares, in type and shape."""

    async def json(self) -> Any:
        raw = await super().json()
        wanted = self.route_handler.parsed_data_field
        if wanted is None:
            return raw
        try:
            return msgspec.convert(raw, wanted.annotation)
        except msgspec.ValidationError as error:
            told, _at, place = str(error).partition(" - at `$")
            wrong = {"message": told, "key": place.strip(".`") or "data", "source": "body"}
            detail = f"Validation failed for {self.method} {self.url.path}"
            raise ValidationException(detail, extra=[wrong]) from error
