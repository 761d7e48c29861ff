"""All phases of schemathesis over the whole API, in process, with a real key and real things to hit."""

import random
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from ghostcart.api import live
from ghostcart.api.app import wire
from ghostcart.api.merchant import events as event_stream
from ghostcart.carts import changes
from ghostcart.carts.models import Cart
from ghostcart.connectors import keys
from ghostcart.connectors.models import Scope
from ghostcart.customers.models import Customer, Person
from ghostcart.lib import clock
from ghostcart.mail.models import Message, State, Suppression
from ghostcart.mail.suppression import suppress
from ghostcart.orders.models import Order
from ghostcart.orders.services import Payment, place
from ghostcart.recovery import campaigns
from ghostcart.recovery.models import Campaign
from ghostcart.vouchers.issuing import issue
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.mail.letters import letter

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
]
PHASES = ("examples", "coverage", "fuzzing", "stateful")
ID_OF = {
    "cart_id": Cart, "customer_id": Customer, "person_id": Person, "order_id": Order, "voucher_id": Voucher,
    "campaign_id": Campaign, "message_id": Message, "suppression_id": Suppression,
}  # fmt: skip


@dataclass
class Found:
    """What came of it: requests by status, by phase, and what was not as described."""

    statuses: Counter[int] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.statuses.total()

    @property
    def broken(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


cart_tokens: list[str] = []
"""Of carts with something in them, for the store API."""


def furnish(things: int) -> tuple[Any, str]:
    """A shop with so many of everything, and the token of a key that may do all with them."""
    cart_tokens.clear()
    shop, now = factories.shop(), clock.now()
    for number in range(things):
        at = now - timedelta(days=number % 5)
        someone = factories.customer(shop, f"guest{number}@example.com", phone=f"+39011555{number:04}")
        shopper = factories.Shopper(shop, at=at)
        shopper.add("MUG")
        cart_tokens.append(shopper.token)
        if number % 2:
            shopper.do(changes.Identify, customer_id=someone.pk, label=someone.label)
        if number % 3 == 0:
            place(
                shopper.change(changes.Touch), customer=someone, address=factories.ADDRESS,
                payment=Payment("transfer"), shipping_method="standard",
            )  # fmt: skip
        issue(shop, kind=Kind.FREE_SHIPPING, now=now)
        suppress(shop.pk, f"no{number}@example.com", reason="staff", source="test", now=now)
        campaigns.create(shop, ("abandoned", "thanks", "best", "lapsed")[number % 4], "Ghosts", now)
        written = letter(shop, someone, cart=shopper.cart).message
        Message.objects.filter(pk=written.pk).update(state=(State.DUE, State.IN_DOUBT, State.SENT)[number % 3])
    _, token = keys.create(shop, name="fuzz", scopes=Scope.values, actor="staff:1", now=now, per_minute=100_000)
    return shop, token


def run(shop: Any, token: str, *, examples: int, requests: int, seed: int = 1, phases: Any = PHASES,
        rounds: int = 100, tell: Any = None) -> Found:  # fmt: skip
    """Round after round of all phases, until so many requests were made; `examples` of each call in a round."""
    found, chance = Found(), random.Random(seed)
    ids = {name: list(model.objects.values_list("pk", flat=True)[:200]) for name, model in ID_OF.items()}
    ages = live.AGE_SECONDS, event_stream.AGE_SECONDS
    live.AGE_SECONDS = event_stream.AGE_SECONDS = 0  # streams end at once
    try:
        for _ in range(rounds):
            _round(found, shop, token, ids, chance, examples, requests, phases)
            if tell:
                tell(f"{found.requests} requests, {found.broken} server errors")
            if found.errors or found.requests >= requests:
                break
    finally:
        live.AGE_SECONDS, event_stream.AGE_SECONDS = ages
    return found


def _round(
    found: Found, shop: Any, token: str, ids: dict[str, list[int]], chance: random.Random, examples: int, requests: int,
    phases: Any,
) -> None:  # fmt: skip
    schemathesis.hooks.unregister_all()
    tokens = [*cart_tokens, factories.Shopper(shop).token]
    config = SchemathesisConfig(seed=chance.randrange(2**32))
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", wire, config=config)
    schema.config.generation.update(max_examples=examples, database="none", no_shrink=True)
    schema.config.checks.update(included_check_names=CHECKS)
    schema.config.phases.update(phases=list(phases))
    schema.config.continue_on_failure = True

    @schemathesis.hook
    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        """Most come with the key, and name things that there are; the others as they were made up."""
        headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
        if chance.random() < 0.95:
            headers["Authorization"] = f"Bearer {token}"
        if "/store/" in case.path and chance.random() < 0.7:
            headers |= {"Ghostcart-Shop": shop.public_key, "Ghostcart-Cart": chance.choice(tokens)}
        case.headers = headers
        for name in case.path_parameters or ():
            if name in ids and chance.random() < 0.7:
                case.path_parameters[name] = chance.choice(ids[name])
        if isinstance(case.body, dict) and "ids" in case.body and chance.random() < 0.5:
            case.body["ids"] = chance.sample(ids["cart_id"], 2)

    @schemathesis.hook
    def after_call(context: Any, case: Any, response: Any) -> None:
        found.statuses[response.status_code] += 1

    before, stream = found.requests, from_schema(schema).execute()
    with closing(stream.generator):  # whatever goes wrong here, its threads end before the process does
        for event in stream:
            if isinstance(event, events.NonFatalError | events.FatalError):
                found.errors.append(f"{getattr(event, 'label', '')}: {getattr(event, 'value', None) or event}")
            if isinstance(event, events.ScenarioFinished):
                found.phases[event.phase.name.lower()] += found.requests - before
                before = found.requests
                _note_failures(found, event)
            if found.requests >= requests:
                stream.stop()


def _note_failures(found: Found, event: Any) -> None:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.status == Status.FAILURE:
                case = event.recorder.cases[case_id].value
                told = check.failure_info.failure if check.failure_info else ""
                found.failures[f"{check.name}: {case.operation.label}: {str(told)[:600]}"] += 1
