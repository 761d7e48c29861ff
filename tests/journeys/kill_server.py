"""For test_kill: the application with a writer that says "done" first and commits later, five at a time. It loses."""

import sys
from concurrent.futures import Future

from ghostcart.config.asgi import application as application  # sets Django up: what follows needs it

store = sys.modules["ghostcart.api.store"]
Outcome = sys.modules["ghostcart.carts.ingest"].Outcome

_stored, _held = store.writer.submit, []


def submit(change):
    told = Future()
    told.set_result(Outcome(None, "{}"))
    _held.append(change)
    if len(_held) == 5:
        for one in _held:
            _stored(one)
        _held.clear()
    return told


store.writer.submit = submit
