"""Short names that tell folders apart."""

from __future__ import annotations

from pathlib import Path

__all__ = ['labels_of']


def labels_of(roots: set[str]) -> dict[str, Path]:
    """Name folders by as many last parts as tell them from each other.

    Args:
        roots (set[str]): Absolute paths.

    Returns:
        dict[str, Path]: Relative path of each; empty of a single one.

    Example:
        >>> labels = labels_of({'/cam/1/images', '/cam/2/images'})
        >>> sorted(map(str, labels.values()))
        ['1/images', '2/images']
    """
    if len(roots) == 1:
        return dict.fromkeys(roots, Path())
    parts = {root: Path(root).parts[1:] for root in roots}
    labels = {}
    for root, own in parts.items():
        others = [x for name, x in parts.items() if name != root]
        depth = 1
        while depth < len(own) and any(
            x[-depth:] == own[-depth:] for x in others
        ):
            depth += 1
        labels[root] = Path(*own[-depth:])
    return labels
