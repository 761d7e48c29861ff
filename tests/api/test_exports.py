"""Finished exports: for the person who asked, while they manage the shops."""

import pytest

from ghostcart.backoffice.models import Export, Membership, Role
from tests import factories
from tests.factories import NOON
from tests.streams import session_of
from tests.wire import refused

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = "id;total\r\n1;12,50\r\n".encode("utf-8-sig")


@pytest.fixture
def manager():
    return factories.staff(Role.MANAGER, factories.shop())


@pytest.fixture
def export(manager, settings, tmp_path):
    settings.EXPORTS_ROOT = tmp_path
    shops = list(manager.shops().values_list("pk", flat=True))
    made = Export.objects.create(user=manager, page="carts", query="", shop_ids=shops, format="csv", asked_at=NOON,
                                 finished_at=NOON)  # fmt: skip
    (tmp_path / f"{made.token}.csv").write_bytes(ROWS)
    return made


def fetch(client, token, session=None):
    return client.get(f"/api/v1/exports/{token}", headers={"Cookie": f"ghostcart={session}"} if session else {})


def test_the_file_comes_with_its_name_and_kind(client, manager, export):
    response = fetch(client, export.token, session_of(manager))
    assert (response.status_code, response.content) == (200, ROWS)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'attachment; filename="carts-2026-11-22.csv"' in response.headers["content-disposition"]
    assert response.headers["cache-control"] == "no-store"


def test_who_is_not_signed_in_gets_nothing(client, export):
    refused(fetch(client, export.token), 401, "not_signed_in")


def test_somebody_elses_export_is_not_found(client, manager, export):
    other = factories.staff(Role.OWNER, *manager.shops())
    refused(fetch(client, export.token, session_of(other)), 404, "not_found")


def test_who_lost_the_shop_lost_its_exports(client, manager, export):
    session = session_of(manager)
    Membership.objects.filter(user=manager).delete()
    refused(fetch(client, export.token, session), 404, "not_found")


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 404), (Role.AGENT, 404), (Role.OWNER, 200)])
def test_whose_role_was_lowered_lost_them_too(client, manager, export, role, status):
    Membership.objects.filter(user=manager).update(role=role)
    assert fetch(client, export.token, session_of(manager)).status_code == status


def test_one_of_two_shops_is_not_enough(client, manager, export):
    shop = factories.shop()
    Membership.objects.create(user=manager, shop=shop, role=Role.AGENT)
    Export.objects.update(shop_ids=[*export.shop_ids, shop.pk])
    refused(fetch(client, export.token, session_of(manager)), 404, "not_found")
    Membership.objects.update(role=Role.MANAGER)
    assert fetch(client, export.token, session_of(manager)).status_code == 200


def test_an_unfinished_or_failed_export_is_not_found(client, manager, export):
    session = session_of(manager)
    for change in ({"finished_at": None}, {"finished_at": NOON, "error": "disk full"}):
        Export.objects.update(**change)
        refused(fetch(client, export.token, session), 404, "not_found")


def test_no_path_leads_elsewhere(client, manager, export):
    session = session_of(manager)
    for token in ("..%2f..%2fsecret_key", "%00", export.token[:-1], export.token + "%00", "%2e%2e", "*", "x" * 60):
        refused(fetch(client, token, session), 404, "not_found")
    refused(fetch(client, "x" * 61, session), 400, "bad_body")


def test_a_file_that_is_gone_is_not_found(client, manager, export, settings):
    (settings.EXPORTS_ROOT / f"{export.token}.csv").unlink()
    refused(fetch(client, export.token, session_of(manager)), 404, "not_found")
