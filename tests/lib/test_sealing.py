"""Secrets at rest: unreadable in the database, readable with the key, also while the key is changed."""

import pytest

from ghostcart.lib import sealing


def test_what_is_sealed_can_be_read_again_and_shows_nothing():
    sealed = sealing.seal("whsec_very-secret", "webhooks")
    assert "secret" not in sealed
    assert sealing.unseal(sealed, "webhooks") == "whsec_very-secret"
    assert sealing.seal("whsec_very-secret", "webhooks") != sealed


def test_another_purpose_cannot_open_it():
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealing.seal("x", "webhooks"), "connections")


@pytest.mark.parametrize("broken", ["", "x", "gAAAAA", "é", "\x00"])
def test_what_was_never_sealed_is_unreadable(broken):
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(broken, "webhooks")


def test_a_changed_key_still_reads_with_the_old_one_beside_it(settings):
    settings.SECRET_KEY = "the old one"
    sealed = sealing.seal("x", "webhooks")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the new one", ["the old one"]
    assert sealing.unseal(sealed, "webhooks") == "x"
    renewed = sealing.reseal(sealed, "webhooks")
    settings.SECRET_KEY_FALLBACKS = []
    assert sealing.unseal(renewed, "webhooks") == "x"
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealed, "webhooks")
    with pytest.raises(sealing.Unreadable):
        sealing.reseal(sealed, "webhooks")
