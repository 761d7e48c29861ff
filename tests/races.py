"""Running things at once: threads that start together, each with its own connection."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any

from django.db import connection

from ghostcart.carts import changes
from ghostcart.catalog.models import Variant
from ghostcart.customers.models import Customer
from ghostcart.lib import sql
from ghostcart.orders import services
from ghostcart.orders.models import Order
from tests.factories import ADDRESS, Shopper


def together(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all jobs at once; what each returned, or the exception that it raised, in their order."""
    start = Barrier(len(jobs))
    results: list[Any] = [None] * len(jobs)

    def run(number: int) -> None:
        try:
            start.wait(20)
            results[number] = jobs[number]()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
        assert not thread.is_alive(), "a thread hangs"
    return results


def names(results: Sequence[Any]) -> list[str]:
    """The kinds of the results, sorted: ["CartChanged", "Outcome"]."""
    return sorted(type(result).__name__ for result in results)


def order(shopper: Shopper, customer: Customer, key: str | None = None, **more: Any) -> Order:
    """Place the shopper's cart as an order, paid on delivery."""
    idempotency = changes.Idempotency(key, "checkout") if key else None
    values: dict[str, Any] = {
        "address": ADDRESS,
        "payment": services.Payment("on_delivery"),
        "shipping_method": "standard",
    }
    what = shopper.change(changes.Change, idempotency=idempotency, expected_version=more.pop("expected_version", None))
    return services.place(what, customer=customer, **{**values, **more})


def stock(sku: str) -> int:
    return Variant.objects.get(sku=sku).stock


def replace_statement(monkeypatch: Any, name: str, text: str) -> None:
    """Run other SQL in place of a statement of `sql/`: for guards, which take a protection away."""
    real = sql.statement
    monkeypatch.setattr(
        sql, "statement", lambda folder, wanted, vendor: text if wanted == name else real(folder, wanted, vendor)
    )
