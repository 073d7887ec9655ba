"""What a command wrote, beside what it is known to write; ``MESHCLIENT_GOLDEN=write`` renews the known texts."""

from __future__ import annotations

import os
import re
from pathlib import Path

_FOLDER = Path(__file__).parent / "golden_texts"


def assert_golden(name: str, text: str, *changing: tuple[str, str]) -> None:
    """Compare `text` with the file `name`; each of `changing` is a pattern and the words that stand for it."""
    for pattern, words in changing:
        text = re.sub(pattern, words, text)
    # Tables are padded, and what is padded depends on what changes from run to run.
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    known = _FOLDER / name
    if os.environ.get("MESHCLIENT_GOLDEN") == "write":
        known.write_text(text, encoding="utf-8")
    assert text == known.read_text(encoding="utf-8"), f"see {known.name}; MESHCLIENT_GOLDEN=write renews it"
