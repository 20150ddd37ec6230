"""Permission for checkpoints to run code, which only programs set."""

from __future__ import annotations

__all__ = ['checkpoints_are_trusted', 'trust_checkpoints']

_trusted = False


def trust_checkpoints(trusted: bool) -> None:
    """Allow checkpoints to run code in this process.

    ``--trust-checkpoint`` calls it. Use it only for files you trust like a
    program.

    Args:
        trusted (bool): If False, checkpoints are read as data, which is the
            default.
    """
    global _trusted
    _trusted = trusted


def checkpoints_are_trusted() -> bool:
    """Return the current permission.

    Returns:
        bool: False by default.
    """
    return _trusted
