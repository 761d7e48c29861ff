"""The `ghostcart` command: our own engines by name, and every Django command."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghostcart.config.settings")
    if sys.argv[1:2] == ["demo"]:
        from ghostcart.config.serving import prepare_demo_environment

        prepare_demo_environment()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
