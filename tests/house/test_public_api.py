"""What is public changes only where somebody means it to."""

import os

from house.public_api import described
from house.source import ROOT

KNOWN = ROOT / "tests" / "house" / "public_api.txt"


def test_the_public_api_is_as_it_is_written_down() -> None:
    found = described()
    if os.environ.get("MESHCLIENT_GOLDEN") == "write":
        KNOWN.write_text(found, "utf-8")
    assert found == KNOWN.read_text("utf-8"), (
        f"the public API is not what {KNOWN.name} says: if that is meant, run this test with MESHCLIENT_GOLDEN=write, "
        "and tell of it in CHANGELOG.md, changes of behaviour first"
    )
