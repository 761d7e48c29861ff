"""The commands of the how-to on the store API, run as they stand."""

import json
import re
import subprocess


def test_the_store_api_is_used_as_the_how_to_says(running_shop, repository):
    text = (repository / "docs/how-to/use-the-store-api.md").read_text()
    script = re.search(r"```\n(.*?)```", text, re.S).group(1).replace("http://127.0.0.1:8000", running_shop.address)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    cart = json.loads(done.stdout)
    assert (cart["version"], cart["items"], cart["lines"][0]["sku"]) == (1, 2, "FRN-MUG-SAGE")
