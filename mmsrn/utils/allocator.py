"""Memory that a process has freed, and soon needs again."""

from __future__ import annotations

import ctypes

# Of <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
# Larger blocks go back: whatever is between them would be lost.  Before 2.35
# glibc takes no more than the second.
_LARGEST = 2**27, 2**25
_MOST = 2**29


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed for what is allocated next.

    It would otherwise give the memory of large maps back to the system, and
    get it again for the next layer or image, page by page, which takes a
    tenth of the time of a prediction on a CPU.  For the process as a whole,
    and those that it forks: each keeps 512 MiB at most.  So this is for
    commands to call, not for a library.

    Returns:
        bool: Whether the C library can do so.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    keeps = mallopt(_M_TRIM_THRESHOLD, _MOST) == 1
    return keeps and any(
        mallopt(_M_MMAP_THRESHOLD, size) == 1 for size in _LARGEST
    )
