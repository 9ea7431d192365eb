"""Compile every guideline anew into a folder: what a wheel ships, and the proof that each is complete.

``python -m radlogic.engine.guideline.ship FOLDER``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..resources import rules_folder
from .cache import pack
from .editions import editions
from .source import read


def ship(folder: Path) -> list[str]:
    """Write one file for each edition, named by the hash of its rules; return the editions' names.

    Raises:
        RuleError: a guideline breaks the language, is incomplete or contradicts itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, edition in editions(rules_folder()):
        document = read(edition)
        text = json.dumps(pack(document), separators=(",", ":"))
        (folder / f"{document['sha256']}.json").write_text(text, encoding="utf-8")
        names.append(name)
    return names


if __name__ == "__main__":
    sys.stdout.writelines(f"compiled {name}\n" for name in ship(Path(sys.argv[1])))
