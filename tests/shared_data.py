"""Where the material beside the project is, if it is there."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ROOT.parent / "shared"


def shared(name: str) -> Path:
    """A path below ../shared; the test is skipped with a reason where that folder does not exist."""
    path = BESIDE / name
    if not path.exists():
        pytest.skip(f"needs shared/{name} beside the checkout, which is not there")
    return path
