"""A shop's colour stays readable, whatever it is."""

import re

import pytest

from ghostcart.lib.colours import contrast
from ghostcart.storefront import theme


@pytest.mark.parametrize(
    "accent", ["#4f6f57", "#2f5d73", "#ffffff", "#000000", "#ffff00", "#ff0000", "#0000ff", "#808080", "#777777", "red",
               "#fff", "#12345g", "}body{display:none", ""],
)  # fmt: skip
def test_every_accent_can_be_read_in_light_and_dark(accent):
    sheet = theme.stylesheet(accent)
    assert "display" not in sheet
    grounds = ((theme.PAPER, 4.5), (theme.NIGHT, 4.5), ("#ffffff", 7), (theme.NEARLY_BLACK, 7))
    for scheme, (ground, least) in zip(re.findall(r":root\{(.*?)\}", sheet), grounds, strict=True):
        colours = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6});", scheme))
        for under in (ground, colours["accent-soft"]):
            assert contrast(colours["accent"], under) >= least
        assert contrast(colours["accent"], colours["on-accent"]) >= least


def test_the_stylesheet_is_served(client, shop):
    response = client.get(f"/{shop.slug}/theme.css?v=1")
    assert response["Content-Type"] == "text/css"
    assert "max-age=31536000" in response["Cache-Control"]
