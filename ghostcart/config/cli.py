"""The `ghostcart` command: our own engines by name, and every Django command."""

import os
import sys

OURS = ("demo", "serve", "web", "wire", "worker", "simulate", "connect", "clock", "doctor")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghostcart.config.settings")
    name = sys.argv[1] if len(sys.argv) > 1 else "help"
    if name == "demo":
        from ghostcart.config.serving import prepare_demo_environment

        prepare_demo_environment()
    from django.core.management import execute_from_command_line

    execute_from_command_line([*sys.argv[:1], *sys.argv[1:]])


if __name__ == "__main__":
    main()
