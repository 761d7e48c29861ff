"""Calls over HTTP: each has one effect, however often it has to be sent."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import msgspec

from ghostcart.client.errors import ApiError, Unreachable

T = TypeVar("T")
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same call may succeed."""
LONGEST_WAIT = 60.0


class Wire:
    """Sends calls with a key. Trouble that passes is waited for: `tries` times in all, as long as the server asks."""

    def __init__(
        self, address: str, key: str, *, tries: int, timeout: float, transport: httpx.BaseTransport | None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "ghostcart-python", "Accept-Language": "en"}
        self.http = httpx.Client(
            base_url=f"{address.rstrip('/')}/api/v1", headers=headers, timeout=timeout, transport=transport
        )
        self.tries, self.sleep = max(1, tries), sleep

    def call(
        self, method: str, path: str, answer: type[T], *, body: Any = None, params: Mapping[str, Any] | None = None
    ) -> T:
        """The answer of a call. Raises ApiError and Unreachable."""
        headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}
        content = None
        if body is not None:
            content, headers["Content-Type"] = msgspec.json.encode(body), "application/json"
        asked = {name: value for name, value in (params or {}).items() if value is not None}
        trouble: Exception | None = None
        for attempt in range(self.tries):
            try:
                response = self.http.request(method, path, content=content, headers=headers, params=asked)
            except httpx.TransportError as error:
                trouble, pause = Unreachable(f"{method} {path}: {error}"), None
            else:
                if response.is_success:
                    return msgspec.json.decode(response.content, type=answer)
                trouble = refusal(response)
                if response.status_code not in AGAIN:
                    raise trouble
                pause = retry_after(response)
            if attempt + 1 < self.tries:
                self.sleep(waiting(attempt, pause))
        assert trouble is not None
        raise trouble

    @contextmanager
    def stream(self, path: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """An answer that comes bit by bit. Raises ApiError; httpx.TransportError when it breaks."""
        sent = {"Accept": "text/event-stream", **headers}
        with self.http.stream("GET", path, params=dict(params), headers=sent) as response:
            if not response.is_success:
                response.read()
                raise refusal(response)
            yield response


def refusal(response: httpx.Response) -> ApiError:
    try:
        told = msgspec.json.decode(response.content)
        assert isinstance(told, dict)
    except (msgspec.DecodeError, AssertionError):  # a proxy's page
        told = {}
    return ApiError(
        response.status_code, told.get("code", "error"), told.get("detail", response.reason_phrase),
        told.get("params") or {}, told.get("errors") or [],
    )  # fmt: skip


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait, by number or by date."""
    told = response.headers.get("Retry-After", "")
    try:
        return float(told)
    except ValueError:
        pass
    try:
        until: datetime = parsedate_to_datetime(told)
        return (until - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None


def waiting(attempt: int, asked: float | None) -> float:
    """What the server asked for, else ever longer, never quite as long as the others."""
    if asked is not None:
        return min(max(asked, 0.0), LONGEST_WAIT)
    return float(min(0.5 * 2**attempt, LONGEST_WAIT)) * random.uniform(0.8, 1.2)
