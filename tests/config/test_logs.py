"""Log lines: whatever strangers send, an entry is one line, and nothing in it steers a terminal."""

import io
import json
import logging
import sys

import pytest
import structlog

from ghostcart.config.logs import renderer

HOSTILE = "Ada\nERROR: all is lost\r\n\x1b[31mred\x1b]0;title\x07\u202e\u2028\x85\x00"


@pytest.fixture
def logged():
    """What a logger writes, as the settings format it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, out


def test_an_entry_is_one_line_of_plain_text(logged, monkeypatch):
    logger, out = logged
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    logger.warning("refused: %s", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logger.exception("broken %s", HOSTILE)
    lines = out.getvalue().split("\n")
    assert len(lines) == 3
    assert lines[-1] == ""
    for line in lines[:-1]:
        assert line.isascii()
        assert line.isprintable()
        assert HOSTILE[:20] in json.dumps(json.loads(line), ensure_ascii=False).encode().decode("unicode_escape")
