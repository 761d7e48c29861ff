#!/usr/bin/env bash
# The bill of materials: each package that the product runs with, its version, hashes and licence, as CycloneDX JSON in
# dist/bom.json. Taken from an environment that holds exactly requirements/base.lock.
set -euo pipefail
cd "$(dirname "$0")/.."

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python=$(.venv/bin/python -c 'import sys; print(sys._base_executable)')
for name in product tools; do
  "$python" -m venv "$place/$name"
done
"$place/product/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/base.lock
"$place/tools/bin/pip" install --quiet --disable-pip-version-check "cyclonedx-bom~=7.0"
mkdir -p dist
"$place/tools/bin/cyclonedx-py" environment --pyproject pyproject.toml --mc-type application --output-reproducible \
  --of JSON -o dist/bom.json "$place/product/bin/python"
.venv/bin/python - <<'END'
import json

parts = json.load(open("dist/bom.json"))["components"]
unknown = [part["name"] for part in parts if not part.get("licenses")]
print(f"dist/bom.json: {len(parts)} packages, {len(unknown)} without a licence told: {', '.join(unknown) or 'none'}")
END
