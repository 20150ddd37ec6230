"""Pyramid levels laid end to end, and which of them there are."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor


def flatten_levels(maps: list[Tensor | None], channels: int) -> Tensor | None:
    """Join the predictions of all levels that have some.

    Args:
        maps (list[Tensor | None]): (B, priors * channels, H, W) per level.
        channels (int): Values per prior.

    Returns:
        Tensor | None: float32 at least, (B, M, channels), priors in the
        order of levels, rows, columns, priors of a cell; ``None`` if no level
        has a map.
    """
    rows = [
        x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, channels)
        for x in maps
        if x is not None
    ]
    # Targets, decoding and losses need full precision under AMP.
    if not rows:
        return None
    joined = torch.cat(rows, dim=1)
    return joined.to(torch.promote_types(joined.dtype, torch.float32))


def cells_with(priors: Tensor, size: tuple[int, int]) -> Tensor:
    """Cells of a level with some of their priors.

    Args:
        priors (Tensor): bool, (B, H * W * priors): which priors.
        size (tuple[int, int]): H and W.

    Returns:
        Tensor: bool, (B, H, W).
    """
    return priors.view(len(priors), *size, -1).any(dim=-1)


def level_mask(
    levels: tuple[int, ...], level_sizes: list[int], device: torch.device
) -> Tensor:
    """Which of all priors lie on some levels.

    Args:
        levels (tuple[int]): Indices of levels.
        level_sizes (list[int]): Priors of every level.
        device (torch.device): Where to put the mask.

    Returns:
        Tensor: bool, (sum of ``level_sizes``,).

    Example:
        >>> level_mask((1,), [2, 1], 'cpu').tolist()
        [False, False, True]
    """
    parts = [
        torch.full((size,), i in levels, device=device)
        for i, size in enumerate(level_sizes)
    ]
    return torch.cat(parts)


def checked_levels(
    name: str, levels: tuple[int, ...], num_levels: int
) -> tuple[int, ...]:
    """Check the levels of a module of SRN.

    Args:
        name (str): What to call the setting.
        levels (tuple[int]): Its value, indices of levels.
        num_levels (int): Levels that there are.

    Returns:
        tuple[int]: The indices in order, each once.

    Raises:
        ValueError: If it is no tuple, or an index is out of range.
    """
    if not isinstance(levels, (tuple, list)):
        raise ValueError(
            f'{name}={levels!r} must be a tuple of indices, such as (0, 1); '
            '() switches the module off'
        )
    if not set(levels) <= set(range(num_levels)):
        raise ValueError(
            f'{name}={tuple(levels)} must lie in 0..{num_levels - 1}: the '
            f'anchor generator has {num_levels} levels'
        )
    return tuple(sorted(set(levels)))


def check_number_of_maps(
    owner: str, maps: Sequence[Tensor | None], num_levels: int
) -> None:
    """Check that a neck puts out n or 2n maps.

    Args:
        owner (str): The head that wants them.
        maps (Sequence[Tensor | None]): What it gets.
        num_levels (int): n, the levels of its anchor generator.

    Raises:
        ValueError: If it does not.
    """
    if len(maps) not in (num_levels, 2 * num_levels):
        raise ValueError(
            f'{owner}: the anchor generator has {num_levels} levels, so the '
            f'neck must put out {num_levels} maps (both steps share them) or '
            f'{2 * num_levels} (first step, second step); it put out '
            f'{len(maps)}'
        )


def check_first_maps(
    owner: str, needed: Collection[int], given: Collection[int]
) -> None:
    """Check that the first-step maps that are needed exist.

    Args:
        owner (str): The head that needs them, and its settings.
        needed (Collection[int]): Indices of levels.
        given (Collection[int]): Indices of the levels that have one.

    Raises:
        ValueError: If one is missing.
    """
    missing = sorted(set(needed) - set(given))
    if missing:
        raise ValueError(
            f'{owner} need the first-step maps {missing}, which the neck did '
            "not build (check its 'first_step_levels')"
        )
