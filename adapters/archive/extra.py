"""pynetdicom, an optional package: the extra ``archive``."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from ...engine.errors import MissingExtra


def pynetdicom() -> Any:
    """The package, silent: at its finer levels it logs whole data sets, and they name patients.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        found = import_module("pynetdicom")
    except ImportError as error:
        cure = "pip install 'radlogic[archive]'"
        raise MissingExtra("archive", "pynetdicom", "no such package", "the extra 'archive'", cure) from error
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    return found
