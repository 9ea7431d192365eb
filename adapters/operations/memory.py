"""Memory of a process that answers in many threads: that it stays what it is."""

from __future__ import annotations

ARENAS = 2
M_ARENA_MAX = -8  # glibc, malloc.h


def few_arenas(most: int = ARENAS) -> bool:
    """Let the threads of this process share so many pools of memory; say whether the C library could be told.

    glibc gives each new thread a pool of its own, up to eight a core (mallopt(3), M_ARENA_MAX), and what one call
    freed in one pool is of no use to a call in another: a process whose calls fall on ever more threads grows for
    hours by what it does not need. The interpreter runs one of them at a time, so that two pools are seldom waited
    for. Other C libraries have no such pools.

    Args:
        most: 1 or more; to be said before there are threads.
    """
    import ctypes

    try:
        tell = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return False
    return bool(tell(M_ARENA_MAX, most))
