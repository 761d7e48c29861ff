"""Pages of other sites: only those that the shop lists may call, by their exact name, without credentials."""

import pytest

from ghostcart.shops import origins, rules
from tests import factories
from tests.wire import Page, dump, refused

pytestmark = pytest.mark.django_db(transaction=True)
OURS, FOREIGN = "https://shop.example", "https://shop.example.evil.example"


@pytest.fixture
def page(client):
    return Page(client, factories.shop(origins=[OURS]))


def asks(client, origin, path="/api/v1/store/cart/lines"):
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "ghostcart-cart, ghostcart-shop, content-type"}  # fmt: skip
    return client.options(path, headers=headers)


def test_a_listed_site_may_call_and_read_the_answer(page):
    answer = page.add(Origin=OURS)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, OURS)
    assert "Origin" in answer.headers["vary"]
    assert "access-control-allow-credentials" not in answer.headers
    assert page.add("NOTHING", Origin=OURS).headers["access-control-allow-origin"] == OURS  # refusals are read too


def test_a_preflight_is_answered_for_listed_sites_alone(client, page):
    answer = asks(client, OURS)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == OURS
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Ghostcart-Cart" in answer.headers["access-control-allow-headers"]
    for origin in (FOREIGN, "null", "*", OURS.upper(), f"{OURS}:8443", "http://shop.example", f"{OURS}/"):
        assert not [name for name in asks(client, origin).headers if name.startswith("access-control")], origin
    assert not [name for name in asks(client, OURS, "/api/openapi.json").headers if name.startswith("access-control")]


def test_a_page_of_another_site_changes_nothing(client, page):
    before = dump()
    for origin in (FOREIGN, "null", "", "*", f"{OURS}/", "http://testserver.local.evil"):
        answer = page.add(Origin=origin)
        refused(answer, 403, "foreign_origin")
        assert "access-control-allow-origin" not in answer.headers
    assert dump() == before


def test_without_the_check_it_would_have(client, page, monkeypatch):
    monkeypatch.setattr(origins, "may_call", lambda *_: True)
    assert page.add(Origin=FOREIGN).json()["items"] == 1


def test_a_site_of_another_shop_is_foreign_here(client, page):
    factories.shop(origins=["https://other.example"])
    refused(page.add(Origin="https://other.example"), 403, "foreign_origin")


def test_the_shops_own_pages_and_programs_need_no_list(client):
    page = Page(client, factories.shop())
    assert page.add(Origin="http://testserver.local").status_code == 200
    assert page.add().status_code == 200


def test_a_change_of_the_list_counts(client, page):
    page.shop.origins = []
    page.shop.save()
    rules.forget()
    refused(page.add(Origin=OURS), 403, "foreign_origin")


def test_origins_are_written_as_browsers_send_them():
    told = {
        "https://Shop.Example/": "https://shop.example",
        "https://shop.example:443": "https://shop.example",
        " http://localhost:8080 ": "http://localhost:8080",
        "https://bücher.example": "https://xn--bcher-kva.example",
        "http://[::1]:80": "http://[::1]",
    }
    assert {one: origins.normal(one) for one in told} == told


@pytest.mark.parametrize(
    "told",
    ["", "*", "shop.example", "https://*.shop.example", "https://shop.example/path", "https://u@shop.example",
     "https://shop.example?x", "ftp://shop.example", "null", "https://", "https://a b.example", "https://x:99999",
     "javascript:alert(1)", "https://shop.example\x00", "https://[::1", "https://" + "ü" * 300],
)  # fmt: skip
def test_what_is_no_origin_is_refused(told):
    with pytest.raises(origins.BadOrigin):
        origins.normal(told)
