"""How much of each level selective inference works on."""

from __future__ import annotations

from unittest import mock

from torch import Tensor

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

    def count(cls_fs, bbox_fs, cls_ss, bbox_ss) -> None:
        for row, first, second in zip(rows, cls_fs, cls_ss):
            row['cells'] += second[:, 0].numel()
            found = head.detectable(first, second, head.test_cfg)
            row['boxes'] += _cells(found.any(dim=-1))
            if first is None:
                row['survive'] = None
            else:
                row['survive'] += _cells(head.passes_gate(first))

    def watched(*args, **kwargs):
        count(*args)
        return own(*args, **kwargs)

    own = head.predict_by_feat
    with mock.patch.object(head, 'predict_by_feat', watched):
        predict(loaded.model, batches)
    for row in rows:
        for key in ('survive', 'boxes'):
            if row[key] is not None:
                row[key] /= row['cells']
    return rows


def _cells(priors: Tensor) -> int:
    """Number of cells with a prior; priors are (B, H, W, priors)."""
    return int(priors.any(dim=-1).sum())
