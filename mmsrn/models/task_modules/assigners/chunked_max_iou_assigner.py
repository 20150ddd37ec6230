"""mmdet's MaxIoUAssigner in bounded memory."""

from __future__ import annotations

import torch
from mmdet.models.task_modules.assigners import AssignResult, MaxIoUAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData
from torch import Tensor


@TASK_UTILS.register_module()
class ChunkedMaxIoUAssigner(MaxIoUAssigner):
    """``MaxIoUAssigner`` that looks at some of the priors at a time.

    The results are the same to the bit.  mmdet has the overlaps of all priors
    with all ground truth in memory at once, some 37 bytes for each pair: 3.6
    GiB for the 174,720 anchors of an image of 1024 x 1024 pixels and 600
    faces.  Here a chunk of priors is assigned by the thresholds, then the
    best priors of each ground truth are looked for, chunk by chunk.

    Args:
        *args: As of ``MaxIoUAssigner``.
        max_pairs (int): Most pairs of a prior and a ground truth at a time.
        **kwargs: As of ``MaxIoUAssigner``.

    Raises:
        ValueError: If ``max_pairs`` is less than 1, or ``perm_repeat_gt_cfg``
            is set, which draws other ground truth for each chunk.

    Example:
        >>> assigner = dict(type='ChunkedMaxIoUAssigner', pos_iou_thr=0.5,
        ...                 neg_iou_thr=0.4)
    """

    def __init__(self, *args, max_pairs: int = 2**22, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if max_pairs < 1:
            raise ValueError(
                f'ChunkedMaxIoUAssigner: max_pairs={max_pairs} is less than 1'
            )
        if self.perm_repeat_gt_cfg is not None:
            raise ValueError(
                'ChunkedMaxIoUAssigner: perm_repeat_gt_cfg draws at random, '
                'for each chunk anew; use MaxIoUAssigner'
            )
        self.max_pairs = max_pairs
        self._by_threshold = MaxIoUAssigner(*args, **kwargs)
        self._by_threshold.match_low_quality = False

    def assign(
        self,
        pred_instances: InstanceData,
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs,
    ) -> AssignResult:
        """Assign ground truth to priors.

        Args:
            pred_instances (InstanceData): ``priors``, x1, y1, x2, y2 in
                pixels, (N, 4).
            gt_instances (InstanceData): ``bboxes``, ``labels``.
            gt_instances_ignore (InstanceData, optional): ``bboxes`` to be
                ignored.
            **kwargs: Not used.

        Returns:
            AssignResult: Of all priors.
        """
        num_gts, ignored = len(gt_instances), gt_instances_ignore
        columns = max(num_gts, 0 if ignored is None else len(ignored), 1)
        size = max(self.max_pairs // columns, 1)
        if len(pred_instances.priors) <= size:
            return super().assign(pred_instances, gt_instances, ignored)
        priors = pred_instances.priors
        # Joined as it grows: what stays between large tensors that come and
        # go would keep the memory of these from being used again.
        parts = [slice(i, i + size) for i in range(0, len(priors), size)]
        gt_inds, labels = (
            priors.new_empty(len(priors), dtype=torch.long) for _ in range(2)
        )
        max_overlaps = priors.new_empty(len(priors))
        for part in parts:
            found = self._by_threshold.assign(
                InstanceData(priors=priors[part]), gt_instances, ignored
            )
            gt_inds[part], labels[part] = found.gt_inds, found.labels
            max_overlaps[part] = found.max_overlaps
        if self.match_low_quality and num_gts:
            # Priors on what is to be ignored have an overlap of -1 with all.
            owners = self._owners(
                priors, parts, gt_instances.bboxes, max_overlaps < 0
            )
            owned = owners > 0
            gt_inds[owned] = owners[owned]
            labels[owned] = gt_instances.labels[owners[owned] - 1]
        return AssignResult(num_gts, gt_inds, max_overlaps, labels=labels)

    def _owners(
        self, priors: Tensor, parts: list[slice], bboxes: Tensor, out: Tensor
    ) -> Tensor:
        """Ground truth that has no better prior than this one.

        Args:
            priors (Tensor): (N, 4).
            parts (list[slice]): Chunks of them.
            bboxes (Tensor): Ground truth, (k, 4).
            out (Tensor): bool, (N,): priors that do not count.

        Returns:
            Tensor: int64, (N,): 1 to k, 0 where there is none; the last one
            where there are several.
        """

        def overlaps(part: slice) -> Tensor:
            values = self.iou_calculator(bboxes, priors[part])
            values[:, out[part]] = -1
            return values

        maxima = priors.new_empty(len(parts), len(bboxes))
        places = torch.empty_like(maxima, dtype=torch.long)
        for i, part in enumerate(parts):
            maxima[i], places[i] = overlaps(part).max(dim=1)
            places[i] += part.start
        best, which = maxima.max(dim=0)
        order = torch.arange(1, len(best) + 1, device=best.device)
        order = order * (best >= self.min_pos_iou)
        owners = order.new_zeros(len(priors))
        if not self.gt_max_assign_all:
            where = places.gather(0, which[None])[0]
            return owners.scatter_reduce(0, where, order, 'amax')
        best[order == 0] = -2  # which no prior has
        for i in (maxima == best).any(dim=1).nonzero()[:, 0].tolist():
            hits = (overlaps(parts[i]) == best[:, None]).nonzero().T
            where = hits[1] + parts[i].start
            owners.scatter_reduce_(0, where, order[hits[0]], 'amax')
        return owners
