"""Memory that a process has freed, and soon needs again."""

from __future__ import annotations

import ctypes

# Of <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
# Larger ones go back: whatever is between them would be lost.
_LARGEST = 2**27
_MOST = 2**29


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed for what is allocated next.

    It would otherwise give the memory of large maps back to the system, and
    get it again for the next layer or image, page by page, which takes a
    tenth of the time of a prediction on a CPU.  For the process as a whole,
    so this is for commands to call, not for a library; and not where
    processes are forked that live on beside this one, such as those that load
    the data of a training.

    Returns:
        bool: Whether the C library can do so.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    return all(
        mallopt(option, value) == 1
        for option, value in (
            (_M_MMAP_THRESHOLD, _LARGEST),
            (_M_TRIM_THRESHOLD, _MOST),
        )
    )
