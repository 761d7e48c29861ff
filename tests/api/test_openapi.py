"""The description of the API: complete, and true under generated calls."""

from copy import deepcopy

import jsonschema_rs
import pytest

from ghostcart.connectors.models import Scope
from tests import fuzzing
from tests.wire import calling


@pytest.fixture(scope="module")
def described():
    with calling() as client:
        return client.get("/api/openapi.json").json()


def operations(described):
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_call_says_what_it_is_for(described):
    assert len(list(operations(described))) >= 61
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


def test_every_call_of_programs_says_how_it_is_refused(described):
    for name, operation in operations(described):
        if not operation.get("security"):
            continue
        needed = {"400", "401", "403", "429", "503"} | ({"404"} if "{" in name and "/ingest/" not in name else set())
        assert needed <= set(operation["responses"]), name
        assert set(operation["security"][0]["key"]) < set(Scope.values), name
        if name.startswith("POST"):
            assert "Idempotency-Key" in {one["name"] for one in operation["parameters"]}, name
            assert "409" in operation["responses"], name
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert described["openapi"].startswith("3.1")


def bodies(described):
    """Each JSON body and answer, with its place in words."""
    for name, operation in operations(described):
        for where, body in {"body": operation.get("requestBody", {}), **operation["responses"]}.items():
            for kind, told in body.get("content", {}).items():
                if "json" in kind:
                    yield f"{name}, {where}", told


def misfits(described) -> list[str]:
    """The examples that do not fit their schemas, in words: errors of the validator hold whole documents, and none is
    left to the reports of a failed test."""
    wrong = []
    for place, told in bodies(described):
        validator = jsonschema_rs.Draft202012Validator({**told["schema"], "components": described["components"]})
        wrong += [f"{place}: {error.message}" for error in validator.iter_errors(told["example"])]
    return wrong


def test_every_body_and_answer_has_an_example_that_fits_its_schema(described):
    assert [place for place, told in bodies(described) if "example" not in told] == []
    assert misfits(described) == []
    illustrated = len(list(bodies(described)))
    print(f"\n{illustrated} examples fit their schemas")
    assert illustrated > 400


def test_an_example_that_does_not_fit_would_be_found(described):
    """The guard of the test above."""
    wrong = deepcopy(described)
    places = dict(bodies(wrong))
    for place in ("POST /api/v1/vouchers, body", "GET /api/v1/carts/{cart_id}, 404"):
        places[place]["example"] = {"no": "such thing"}
    found = misfits(wrong)
    assert {one.split(": ")[0] for one in found} == {"POST /api/v1/vouchers, body", "GET /api/v1/carts/{cart_id}, 404"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_generated_calls_meet_no_server_error_and_are_answered_as_described(monkeypatch):
    """All phases, a few hundred calls (`make fuzz` makes 50,000), with a key and without, with real ids and made up."""
    shop, token = fuzzing.furnish(things=6)
    found = fuzzing.Found()
    for phase, requests in (("examples", 60), ("coverage", 500), ("fuzzing", 400), ("stateful", 100)):
        part = fuzzing.run(shop, token, examples=3, requests=requests, seed=7, phases=[phase], rounds=1)
        found.statuses += part.statuses
        found.failures += part.failures
        found.errors += part.errors
    print(f"\n{found.requests} requests: {dict(found.statuses)}")
    assert (found.broken, dict(found.failures), found.errors) == (0, {}, [])
    assert found.requests > 500
    assert found.statuses[200] > 20


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_generated_calls_find_an_address_that_breaks(monkeypatch):
    """The guard of the test above."""

    def broken(*_args, **_more):
        raise RuntimeError("broken on purpose")

    shop, token = fuzzing.furnish(things=2)
    monkeypatch.setattr("ghostcart.carts.ingest.record_all", broken)
    found = fuzzing.run(shop, token, examples=3, requests=60, seed=7, phases=["examples"], rounds=1)
    print(f"\n{found.broken} of {found.requests} requests broke")
    assert found.broken > 0
