"""Reads an export in a process of its own, which ends itself at a chosen moment, as a machine that loses its power.

    python tests/killed_intake.py FOLDER OUT MARKS

After ``MARKS`` blocks are marked as read the process kills itself, in the middle of the next;
without MARKS it reads on.
"""

import os
import signal
import sys
from pathlib import Path

from radlogic.adapters.audit.intake import lines, stage
from radlogic.adapters.audit.intake.incoming import tables_folder

SMALL = 2**14  # bytes of a block, so that a small export has many


def main() -> None:
    """Read, and die after so many blocks."""
    folder, out = map(Path, sys.argv[1:3])
    lines.BLOCK = SMALL
    keep, left = stage.Stage.keep, [int(sys.argv[3])] if len(sys.argv) > 3 else []

    def until(self: stage.Stage, rows: str, file: int, block: int, table: object) -> None:
        keep(self, rows, file, block, table)
        if left and len(list((self.folder / stage.MARKS).glob("*.json"))) >= left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    stage.Stage.keep = until  # type: ignore[method-assign]
    tables_folder(folder, out, say=print)


if __name__ == "__main__":
    main()
