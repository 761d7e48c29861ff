"""The cart log as it grows: a stream that goes on by itself after every break."""

from collections.abc import Iterator

import httpx
import msgspec

from ghostcart.client.errors import ApiError, Unreachable
from ghostcart.client.records import Event
from ghostcart.client.wire import AGAIN, Wire, waiting

PLACE = "place"


class Events:
    """Iterate to follow. `cursor` is the place behind the last event that you are done with (asked for the next one):
    keep it, and nothing is lost.

    Ends never; raises ApiError when the key may not follow any more, or the cursor is too old (`cursor_gone`), and
    Unreachable when `tries` attempts in a row reach nobody.
    """

    def __init__(self, wire: Wire, cursor: str, kinds: str) -> None:
        self.wire, self.cursor, self.kinds = wire, cursor, kinds

    def __iter__(self) -> Iterator[Event]:
        failures = 0
        while True:
            try:
                for event in self._once():
                    failures = 0
                    yield event
                failures = 0  # it ended by its age: go on at once
            except httpx.TransportError as error:
                failures += 1
                if failures >= self.wire.tries:
                    raise Unreachable(f"the event stream: {error}") from error
                self.wire.sleep(waiting(failures, None))
            except ApiError as error:
                failures += 1
                if error.status not in AGAIN or failures >= self.wire.tries:
                    raise
                self.wire.sleep(waiting(failures, None))

    def _once(self) -> Iterator[Event]:
        params = {"kinds": self.kinds} if self.kinds else {}
        headers = {"Last-Event-ID": self.cursor} if self.cursor else {}
        with self.wire.stream("/events", params, headers) as response:
            for kind, name, data in messages(response.iter_lines()):
                if kind != PLACE:
                    yield msgspec.json.decode(data, type=Event)
                self.cursor = name or self.cursor  # behind it only when it was taken


def messages(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """(event, id, data) of each server-sent event."""
    kind = name = ""
    data: list[str] = []
    for line in lines:
        field, _colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield kind, name, "\n".join(data)
            kind, data = "", []
        elif field == "event":
            kind = value
        elif field == "id":
            name = value
        elif field == "data":
            data.append(value)
