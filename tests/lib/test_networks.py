"""Whose doing a request is, by its network address."""

import pytest

from ghostcart.lib.networks import network


@pytest.mark.parametrize(
    ("source", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002"),
        ("2001:db8:1:2::", "2001:0db8:0001:0002"),
        ("127.0.0.1", ""),
        ("::ffff:127.0.0.1", ""),
        ("::1", ""),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_a_source_is_what_somebody_cannot_change_at_will(source, whose):
    assert network(source) == whose
