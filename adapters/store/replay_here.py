"""A decision on standard input, the same case decided again on standard output: what ``replay.py`` starts."""

from __future__ import annotations

import sys

from ...engine.errors import RadlogicError
from ...engine.replay import replay
from ..decision_file import dumps, loads


def main() -> int:
    """Decide again with the rules and knowledge that this process finds."""
    try:
        sys.stdout.write(dumps(replay(loads(sys.stdin.read())), indent=None))
    except RadlogicError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
