"""How much of each level selective inference works on."""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import torch
from torch import Tensor

from mmsrn.models.dense_heads import SRNHead
from mmsrn.utils.errors import UserError
from mmsrn.visualization.panels import level_name

from .detectors import Batch, Loaded
from .imposed_cells import srn_heads
from .variants import predict


def count_active(loaded: Loaded, batches: list[Batch]) -> list[dict]:
    """Count active cells, from dense predictions.

    Args:
        loaded (Loaded): The detector.
        batches (list[tuple[Tensor, list]]): Images.

    Returns:
        list[dict]: For each level its ``level`` (P2, ...), ``cells``, and
        the shares of them in which a prior survives STC, ``survive`` (None
        on levels without STC), and which get boxes, ``boxes``.  Empty
        without an ``SRNHead``.
    """
    heads = srn_heads(loaded.model)
    if not heads:
        return []
    head = heads[0]
    rows = [
        dict(level=level_name(i), cells=0, survive=0, boxes=0)
        for i in range(head.prior_generator.num_levels)
    ]

    def count(cls_fs, bbox_fs, cls_ss, *args, **kwargs) -> None:
        for row, first, second in zip(rows, cls_fs, cls_ss):
            row['cells'] += second[:, 0].numel()
            found = head.detectable(first, second, head.test_cfg)
            row['boxes'] += _cells(found.any(dim=-1))
            if first is None:
                row['survive'] = None
            else:
                row['survive'] += _cells(head.passes_gate(first))

    watch(
        head, 'predict_by_feat', count, lambda: predict(loaded.model, batches)
    )
    for row in rows:
        for key in ('survive', 'boxes'):
            if row[key] is not None:
                row[key] /= row['cells']
    return rows


def _cells(priors: Tensor) -> int:
    """Number of cells with a prior; priors are (B, H, W, priors)."""
    return int(priors.any(dim=-1).sum())


def second_step_map(
    loaded: Loaded, batches: list[Batch]
) -> tuple[Tensor, str]:
    """Map of the largest level of STC, of the first image.

    Args:
        loaded (Loaded): A detector with an ``SRNHead``.
        batches (list[tuple[Tensor, list]]): Images.

    Returns:
        tuple[Tensor, str]: (1, C, H, W), and the name of the level.

    Raises:
        UserError: If the head has no level of STC.
    """
    head = srn_heads(loaded.model)[0]
    if not head.stc_levels:
        raise UserError(
            f'--calibrate: the head of {loaded.config} has no stc_levels'
        )
    level = min(head.stc_levels)
    seen = []

    def keep(maps, *args, **kwargs) -> None:
        seen.append(maps[level - head.prior_generator.num_levels])

    watch(head, 'forward', keep, lambda: predict(loaded.model, batches[:1]))
    return seen[0], level_name(level)


def watch(
    head: SRNHead,
    method: str,
    look: Callable[..., None],
    function: Callable[[], object],
) -> None:
    """Look at the arguments that a method of a head gets during a call."""
    own = getattr(head, method)

    def watched(*args, **kwargs):
        look(*args, **kwargs)
        return own(*args, **kwargs)

    with torch.no_grad(), mock.patch.object(head, method, watched):
        function()
