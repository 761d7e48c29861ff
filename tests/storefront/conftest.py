import json
import re

import pytest


@pytest.fixture(autouse=True)
def without_a_build(monkeypatch):
    """Pages can be tested where the front end was not built."""
    from django.contrib.staticfiles import finders

    from ghostcart.lib import template_tags

    if not finders.find("storefront/dist/manifest.json"):
        names = ("storefront.js", "storefront.css", "icons.svg")
        monkeypatch.setattr(template_tags, "manifest", lambda door: {name: name for name in names})


@pytest.fixture(autouse=True)
def quick_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def config_of():
    """What a page tells its script."""

    def config(response):
        found = re.search(r'<script id="shop-config" type="application/json">(.*?)</script>', response.content.decode())
        return json.loads(found[1])

    return config
