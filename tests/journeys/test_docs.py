"""The commands and pages of the how-tos, run as they stand."""

import json
import os
import re
import subprocess
import sys
import threading

import httpx
import pytest

from ghostcart.client import Cart, Ghostcart, Line
from ghostcart.lib import clock
from tests.journeys.browsing import A_PERSONS_BROWSER
from tests.journeys.plain_page import site


def test_the_store_api_is_used_as_the_how_to_says(running_shop, repository):
    text = (repository / "docs/how-to/use-the-store-api.md").read_text()
    script = re.search(r"```\n(.*?)```", text, re.S).group(1).replace("http://127.0.0.1:8000", running_shop.address)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    cart = json.loads(done.stdout)
    assert (cart["version"], cart["items"], cart["lines"][0]["sku"]) == (1, 2, "FRN-MUG-SAGE")


def blocks(repository, name: str, language: str) -> list[str]:
    text = (repository / "docs/how-to" / name).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


@pytest.fixture(scope="module")
def key(running_shop) -> str:
    return running_shop.ask(
        "from ghostcart.shops.models import Shop; from ghostcart.connectors import keys;"
        "from ghostcart.connectors.models import Scope; from ghostcart.lib import clock;"
        "s = Shop.objects.get(slug='fern');"
        "print(keys.create(s, name='docs', scopes=Scope.values, actor='staff:1', now=clock.now())[1])"
    )


def test_any_shop_is_attached_as_the_how_to_says(running_shop, repository, key):
    environment = {**os.environ, "GHOSTCART": running_shop.address, "GHOSTCART_KEY": key, "PYTHONPATH": str(repository)}

    def run(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    told = [json.loads(run("bash", "-euo", "pipefail", "-c", one)) for one in
            blocks(repository, "attach-any-shop.md", "bash")]  # fmt: skip
    assert told[:2] == [{"external_id": "1001", "status": "created"}, {"external_id": "7", "status": "created"}]
    problem = told[2]["items"][1]["problem"]
    assert (told[2]["counts"], problem["code"], problem["field"]) == (
        {"created": 1, "refused": 1}, "bad_price", "totals.total"
    )  # fmt: skip
    [script] = blocks(repository, "attach-any-shop.md", "python")
    assert run(sys.executable, "-c", script).splitlines() == [
        "250 carts", "quantity_out_of_range at lines[0].quantity", "2026-0501 €54.70 Ada"
    ]  # fmt: skip


def test_the_client_follows_a_real_shop_and_loses_nothing(running_shop, key):
    """The stream is cut in the middle: it goes on behind the last event that was taken."""
    with Ghostcart(running_shop.address, key) as teller, Ghostcart(running_shop.address, key) as reader:
        here = teller.wire.call("GET", "/events/list", dict, params={"cursor": "now"})["next"]
        seen: list[tuple[int, str]] = []
        half, whole = threading.Event(), threading.Event()
        events = reader.events(cursor=here, kinds=["line_added"])

        def follow() -> None:
            for event in events:
                seen.append((event.cart_id, event.data["line"]["key"]))
                if len(seen) == 5:
                    half.set()
                    return

        def tell(start: int) -> None:
            line = Line(sku="followed", name="Mug", quantity=1, price="1")
            for number in range(start, start + 5):
                teller.put_cart(f"follow-{number}", Cart(updated_at=clock.now(), currency="EUR", lines=[line]))

        threads = [threading.Thread(target=follow, daemon=True)]
        threads[0].start()
        tell(0)
        assert half.wait(30), seen
        tell(5)  # nobody listens

        def go_on() -> None:
            for event in reader.events(cursor=events.cursor, kinds=["line_added"]):
                seen.append((event.cart_id, event.data["line"]["key"]))
                if len({cart for cart, key in seen if key == "followed"}) == 10:
                    whole.set()
                    return

        threads.append(threading.Thread(target=go_on, daemon=True))
        threads[1].start()
        assert whole.wait(30), seen
    ours = [cart for cart, key in seen if key == "followed"]
    assert len(set(ours)) == 10


@pytest.mark.browser
def test_a_plain_page_is_tracked_as_the_how_to_says(running_shop, repository, key, chromium):
    [html] = blocks(repository, "track-a-plain-page.md", "html")
    [calls] = blocks(repository, "track-a-plain-page.md", "js")
    whole = f"<!doctype html><title>Shop</title>{html.replace('http://127.0.0.1:8000', running_shop.address)}"
    with site(running_shop.address, "", whole) as home:
        running_shop.ask(
            "from ghostcart.shops.models import Shop;"
            f"print(Shop.objects.filter(slug='fern').update(origins=['{home}']))"
        )
        context = chromium.new_context(user_agent=A_PERSONS_BROWSER)
        page = context.new_page()
        page.goto(home)
        page.wait_for_function("() => window.ghostcart?.reference && ghostcart.reference()")
        page.evaluate(f"() => {{ {calls} }}")
        page.wait_for_function("() => !Object.keys(localStorage).some((name) => name.includes(':q:'))")
        context.close()
    asked = {"headers": {"Authorization": f"Bearer {key}"}}
    found = httpx.get(f"{running_shop.address}/api/v1/carts?order=2026-0501&sort=-id", **asked).json()["items"]
    tracked = [one for one in found if one["source"] == "tracker"]
    assert [(one["total"]["minor"], one["is_estimated"], one["customer"]["label"]) for one in tracked] == [
        (5470, True, "Ada")
    ]  # fmt: skip
