"""The running shop that simulated shoppers call by its store API: waited for while it is away, and what it answered."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx

STORE = "/api/v1/store"
TRIES = 6
PATIENCE_SECONDS = 3  # a server that is just starting is not worth a word
LONGEST_BACK_OFF = 30.0
FAREWELL_SECONDS = 3  # a server that does not answer by then is left as it is


class Refused(Exception):
    """The shop said no, with a code; that is an answer, not an error."""

    def __init__(self, code: str, cart: dict[str, Any] | None = None) -> None:
        super().__init__(code)
        self.code, self.cart = code, cart


class Broken(Exception):
    """The server failed; the visit ends."""


class WrongShop(Exception):
    """The server does not know the shops that were to be visited."""


@dataclass(slots=True)
class Figures:
    """What was done so far. `times` are the last answer times, in seconds."""

    started: float = field(default_factory=monotonic)
    changes: int = 0
    orders: int = 0
    refused: int = 0
    errors: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=2000))

    def percentile(self, share: float) -> float:
        """An answer time in milliseconds."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0

    def __str__(self) -> str:
        rate = self.changes / max(monotonic() - self.started, 0.001)
        return (
            f"{self.changes} changes ({rate:.1f}/s), {self.orders} orders, {self.refused} refused, "
            f"{self.errors} errors, answers p50 {self.percentile(0.5):.0f} ms, p95 {self.percentile(0.95):.0f} ms"
        )


class Server:
    """The one server that all calls go to. When it is away, everybody waits until it is back."""

    def __init__(
        self, base: str, say: Callable[[str], None], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.base, self.say = base, say
        self.figures = Figures()
        self._under_way: set[asyncio.Task[httpx.Response]] = set()
        self._is_there = asyncio.Event()
        self._is_there.set()
        self._client = httpx.AsyncClient(
            base_url=base, transport=transport, timeout=15, trust_env=False, follow_redirects=False
        )

    async def close(self) -> None:
        """What was sent is still answered: nobody hangs up on a server that is just writing."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*self._under_way, return_exceptions=True), FAREWELL_SECONDS)
        await self._client.aclose()

    async def call(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
        """Send until there is an answer, each time with the same headers. Raises Refused, Broken, WrongShop."""
        for _attempt in range(TRIES):
            await self._is_there.wait()
            start = monotonic()
            try:
                answer = await self._send(method, path, headers, body)
            except httpx.TransportError as error:
                self.figures.errors += 1
                await self._wait_until_back(error)
                continue
            self.figures.times.append(monotonic() - start)
            if answer.status_code < 400:
                return answer.json() if answer.content else None
            if answer.status_code in (429, 503):
                self.figures.errors += 1
                await asyncio.sleep(_seconds(answer.headers.get("retry-after")))
                continue
            self._raise(answer)
        raise Broken

    async def _send(self, method: str, path: str, headers: dict[str, str], body: Any) -> httpx.Response:
        """In a task of its own: it goes on when the shopper is called away."""
        task = asyncio.create_task(self._client.request(method, STORE + path, headers=headers, json=body))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    def _raise(self, answer: httpx.Response) -> None:
        if answer.status_code >= 500:
            self.figures.errors += 1
            raise Broken
        try:
            problem = answer.json()
            code, cart = str(problem["code"]), problem.get("cart")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WrongShop(f"{self.base} does not answer as a Ghostcart does") from None
        if code in ("unknown_shop", "not_found"):
            raise WrongShop(f"{self.base} does not know the demo shops")
        self.figures.refused += 1
        raise Refused(code, cart)

    async def _wait_until_back(self, error: Exception) -> None:
        if not self._is_there.is_set():
            return
        self._is_there.clear()
        pause, waited, is_told = 0.5, 0.0, False
        try:
            while not await self._answers():
                if waited >= PATIENCE_SECONDS and not is_told:
                    reason = str(error) or type(error).__name__
                    self.say(f"{self.base} does not answer ({reason}). Trying again until it does.")
                    is_told = True
                await asyncio.sleep(pause)
                waited += pause
                pause = min(pause * 2, LONGEST_BACK_OFF)
            if is_told:
                self.say(f"{self.base} is back.")
        finally:
            self._is_there.set()

    async def _answers(self) -> bool:
        try:
            await self._client.get(f"{STORE}/cart")
        except httpx.TransportError:
            return False
        return True


def _seconds(retry_after: str | None) -> float:
    return min(float(retry_after), LONGEST_BACK_OFF) if retry_after and retry_after.isdecimal() else 1.0
