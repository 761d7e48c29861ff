"""A process of a shop that answers lines of Python, so that a test need not start one for each question.

Each line that comes in is JSON text of some Python; each that goes out says what that printed, or how it failed.
"""

import io
import json
import os
import sys
import traceback
from contextlib import redirect_stdout

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "ghostcart.config.settings"
    import django
    from django.db import close_old_connections, reset_queries

    django.setup()
    from ghostcart.shops import rules

    for line in sys.stdin:
        printed, error = io.StringIO(), ""
        rules.forget()  # what a process of its own would not know
        try:
            with redirect_stdout(printed):
                exec(json.loads(line), {})
        except BaseException:
            error = traceback.format_exc()
        reset_queries()
        close_old_connections()
        print(json.dumps({"printed": printed.getvalue(), "error": error}), flush=True)
