"""How a log line looks: JSON where a machine reads it, plain where a person does."""

import sys

import structlog


def renderer(logger: object, name: str, event: structlog.types.EventDict) -> str | bytes:
    event.pop("_from_structlog", None)
    event.pop("_record", None)
    event = structlog.processors.format_exc_info(logger, name, event)
    chosen = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    return chosen(logger, name, event)
