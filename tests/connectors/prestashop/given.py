"""Databases of real PrestaShops, where they are at hand."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "prestashop-databases"
DUMPS = sorted(FOLDER.glob("*.sql.gz"))
