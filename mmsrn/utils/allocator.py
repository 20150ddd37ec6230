"""Keep freed memory for reuse."""

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
    """Make glibc keep freed memory for the next allocation.

    By default glibc returns the memory of large feature maps to the system and
    gets it again page by page for the next layer, which takes a tenth of the
    time of a prediction on a CPU. This applies to the whole process and its
    forks; each keeps at most 512 MiB. Call it from a command, not from a
    library.

    Returns:
        bool: Whether the C library supports it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    keeps = mallopt(_M_TRIM_THRESHOLD, _MOST) == 1
    return keeps and any(
        mallopt(_M_MMAP_THRESHOLD, size) == 1 for size in _LARGEST
    )
