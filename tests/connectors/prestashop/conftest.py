"""The two real databases are at hand for some of us only: where they are not, their tests are left out."""

from tests.connectors.prestashop.given import DUMPS

collect_ignore = [] if DUMPS else ["test_given.py"]
