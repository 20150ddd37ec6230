"""Whether checkpoints may run code; programs ask for it, nothing else does."""

from __future__ import annotations

__all__ = ['checkpoints_are_trusted', 'trust_checkpoints']

_trusted = False


def trust_checkpoints(trusted: bool) -> None:
    """Let checkpoints run whatever code they hold, in this process.

    That is what ``--trust-checkpoint`` does: only for files whose makers are
    trusted as those of a program are.

    Args:
        trusted (bool): False: checkpoints are read as data, as they are
            without this call.
    """
    global _trusted
    _trusted = trusted


def checkpoints_are_trusted() -> bool:
    """Tell what was last asked for.

    Returns:
        bool: False if nothing was.
    """
    return _trusted
