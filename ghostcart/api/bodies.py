"""Bodies are read as they are described: Litestar alone would take "1" for 1 and "true" for true, and of a key that
comes twice the last."""

import json
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is what its handler declares, in type and shape, and says nothing twice."""

    async def json(self) -> Any:
        raw = await super().json()
        self._refuse_twins(await self.body())
        wanted = self.route_handler.parsed_data_field
        if wanted is None:
            return raw
        read = getattr(wanted.annotation, "read", None)  # a batch reads its items one by one
        try:
            return read(raw) if read else msgspec.convert(raw, wanted.annotation)
        except msgspec.ValidationError as error:
            told, _at, place = str(error).partition(" - at `$")
            raise self._refused(told, place.strip(".`") or "data") from error

    def _refuse_twins(self, body: bytes) -> None:
        """Two readers may see two things in a key that comes twice. The body is valid JSON, not too deep or large."""

        def read(pairs: list[tuple[str, Any]]) -> None:
            names = set()
            for name, _value in pairs:
                if name in names:
                    raise self._refused("A key comes twice", name)
                names.add(name)

        if body:
            json.loads(body, object_pairs_hook=read, parse_int=str, parse_float=str)

    def _refused(self, told: str, place: str) -> ValidationException:
        wrong = {"message": told, "key": place, "source": "body"}
        return ValidationException(f"Validation failed for {self.method} {self.url.path}", extra=[wrong])
