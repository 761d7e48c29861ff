"""What staff decided about a connection, and what it keeps sealed. The next look at the shop goes by it."""

from typing import Any

from django.db import transaction

from ghostcart.connectors.models import Connection

SEALED = "connections"
"""As what passwords and keys of other shops are sealed."""


@transaction.atomic
def change_options(connection: Connection, **changed: Any) -> None:
    """Change some; what somebody else changed meanwhile stays."""
    kept = Connection.objects.select_for_update().get(pk=connection.pk)
    connection.options = kept.options = {**kept.options, **changed}
    kept.save(update_fields=["options"])
