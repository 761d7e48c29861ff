"""Programs that come with a key: who they are, what they may do, how often; one effect for a request sent twice.

Every address of theirs names its scope (`needs`); one without is shut to all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import msgspec
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import MutableScopeHeaders
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter

from ghostcart.api.limits import Buckets
from ghostcart.api.problems import PROBLEM, Problem, language_of
from ghostcart.api.threads import in_django
from ghostcart.carts import answers
from ghostcart.connectors import keys
from ghostcart.connectors.errors import MissingKey, WrongScope
from ghostcart.connectors.models import ApiKey
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError
from ghostcart.shops.models import Shop

T = TypeVar("T")
STAND = "ghostcart.rate"
"""Where a request carries how its key stands."""

buckets = Buckets()


class TooManyRequests(GhostcartError):
    code, status = "too_many_requests", 429
    sentence = _("Too many requests: wait %(seconds)s s.")


class UnknownParameter(GhostcartError):
    code, status = "unknown_parameter", 400
    sentence = _("This address has no parameter “%(name)s”.")


class NotFound(GhostcartError):
    """There is none, or it is another shop's, which is the same to this key."""

    code, status = "not_found", 404
    sentence = _("There is nothing here.")


REFUSALS = {
    400: "`bad_body`, `bad_filter`, `bad_cursor`, `unknown_parameter`: not the JSON, header, path or query that this "
    "call takes",
    401: "`missing_key`, `wrong_key`: no key, or one that is unknown, has ended or was revoked",
    403: "`wrong_scope`: the key lacks the scope that this call needs",
    404: "`not_found`: there is none, or it is another shop's",
    410: "`cursor_gone`: too far behind, or of another log: read the carts anew",
    409: "`idempotency_conflict`, or what is asked for does not fit what is: `wrong_status`, `cart_closed`, ...",
    422: "what was asked for cannot be done: `unknown_currency`, `voucher_invalid`, `body_too_large`, ...",
    429: "`too_many_requests`: wait as many seconds as `Retry-After` says; `too_many_streams`",
    503: "`busy`: nothing was stored, try again",
}


def needs(scope: str, *statuses: int) -> dict[str, Any]:
    """What a handler of programs declares: its scope, and how it may refuse beyond what every one of them may."""
    told = sorted({400, 401, 403, 429, 503, *statuses})
    return {
        "scope": str(scope),
        "security": [{"key": [str(scope)]}],
        "responses": {
            status: ResponseSpec(Problem, generate_examples=False, description=REFUSALS[status], media_type=PROBLEM)
            for status in told
        },
    }


# -- who calls ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Program:
    """Who calls: a key of one shop, and the language in which it wants sentences."""

    key: ApiKey
    language: str

    @property
    def shop(self) -> Shop:
        return self.key.shop

    @property
    def actor(self) -> str:
        return self.key.actor

    async def ask(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """Run blocking code in a thread, in the program's language."""
        return await in_django(partial(self._spoken, work, *args, **named))

    def _spoken(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        with translation.override(self.language):
            return work(*args, **named)


def token_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Raises MissingKey."""
    scheme, _blank, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise MissingKey
    return token.strip()


async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard of every address of programs: key, pace, scope, parameters; in this order.

    OPTIONS, which Litestar answers itself with the methods that there are, needs none of it.
    """
    if connection.scope.get("method") == "OPTIONS":
        return
    key = await in_django(keys.recognise, token_of(connection), clock.now())
    stand = buckets.take(key.pk, key.per_minute)
    connection.scope[STAND] = stand  # type: ignore[literal-required]
    if stand.wait:
        raise TooManyRequests(seconds=stand.wait)
    scope = handler.opt.get("scope", "")
    if scope not in key.scopes:
        raise WrongScope(scope=scope)
    for name in connection.query_params:
        if name not in _known(handler):
            raise UnknownParameter(name=name[:80])
    connection.state.program = Program(key, language_of(connection))


@cache
def _known(handler: BaseRouteHandler) -> frozenset[str]:
    """The parameters that an address has: a misspelt filter must not show everything."""
    model = handler.create_kwargs_model(path_parameters={})
    return frozenset(one.field_alias for one in model.expected_query_params)


async def tell_stand(message: Any, scope: Any) -> None:
    """How the key stands, in the headers of every answer to it."""
    if message["type"] == "http.response.start" and STAND in scope:
        headers = MutableScopeHeaders.from_message(message)
        for name, value in scope[STAND].headers.items():
            headers[name] = value


async def provide_program(request: Request[Any, Any, Any]) -> Program:
    program: Program = request.state.program
    return program


# -- one effect --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Once:
    """A request that changes something: done once for each Idempotency-Key."""

    program: Program
    key: str
    request_hash: str
    now: datetime

    async def do(self, work: Callable[..., Any], *args: Any, status: int = 200) -> Response[Any]:
        """The answer of blocking `work`, or the one it gave to the same request before."""
        text = await self.program.ask(self._do, partial(work, *args))
        return Response(text.encode(), media_type="application/json", status_code=status)

    def _do(self, work: Callable[[], Any]) -> str:
        def told() -> str:
            return msgspec.json.encode(work()).decode()

        if not self.key:
            return told()
        key = self.program.key
        return answers.once(key.shop_id, key.actor, self.key, self.request_hash, self.now, told)


async def provide_once(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    idempotency_key: Annotated[
        str,
        HeaderParameter(
            name="Idempotency-Key",
            description="the same key and request are done once and answered alike, for 48 hours",
            required=False,
            max_length=255,
        ),
    ] = "",
) -> Once:
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    key = idempotency_key.replace("\x00", "")
    return Once(program, key, sha256(asked).hexdigest(), clock.now())
