"""The description of the API: complete, and true under a thousand generated calls."""

from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from ghostcart.api.app import wire
from ghostcart.carts import changes, ingest
from tests import factories
from tests.factories import Shopper
from tests.wire import calling

EXAMPLES = 45  # of each kind for each call
STREAMS = ("/api/v1/live", "/api/v1/exports/{token}")


@pytest.fixture(scope="module")
def described():
    with calling() as client:
        return client.get("/api/openapi.json").json()


def operations(described):
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_call_says_what_it_is_for(described):
    assert len(list(operations(described))) >= 13
    for name, operation in operations(described):
        assert operation.get("summary"), name
        assert operation.get("tags"), name


def test_every_call_of_the_store_says_how_it_is_refused(described):
    for name, operation in operations(described):
        if "/store/" not in name:
            continue
        for status in ("400", "401", "409", "422", "503"):
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"], (name, status)
    assert set(described["components"]["schemas"]["Problem"]["required"]) == {
        "type",
        "title",
        "status",
        "code",
        "detail",
    }


def test_every_call_of_the_store_names_its_headers(described):
    for name, operation in operations(described):
        if "/store/" in name:
            headers = {one["name"] for one in operation["parameters"] if one["in"] == "header"}
            assert "Ghostcart-Shop" in headers, name
            assert {"Ghostcart-Cart", "If-Match", "Idempotency-Key"} <= headers or name.endswith("/carts"), name


def test_the_pages_that_explain_it_are_served():
    with calling() as client:
        for path in ("/api/docs", "/api/"):
            assert client.get(path).status_code == 200


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_generated_calls_meet_no_server_error(mode):
    """About a thousand in all, with what the description allows and with what it forbids."""
    shop, counted = factories.shop(), {}
    for result in schemathesis.openapi.from_asgi("/api/openapi.json", wire).get_all_operations():
        operation = result.ok()
        if operation.path in STREAMS:
            continue

        @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def call(case):
            shopper = Shopper(shop)
            if counted.get("calls", 0) % 3:  # every third goes as it was generated
                case.headers = {
                    **(case.headers or {}),
                    "Ghostcart-Shop": shop.public_key,
                    "Ghostcart-Cart": shopper.token,
                }
            if counted.get("calls", 0) % 2:
                ingest.record(shopper.change(changes.AddLine, sku="MUG"))
            response = case.call()
            counted["calls"] = counted.get("calls", 0) + 1
            counted[response.status_code] = counted.get(response.status_code, 0) + 1
            case.validate_response(response, checks=[not_a_server_error])
            assert response.status_code < 400 or response.json()["code"]

        with suppress(Unsatisfiable):  # a call without a body or a limit has nothing that is forbidden
            call()
    print(f"\n{mode.name}: {counted}")
    assert counted["calls"] > 300
