"""Different rules of assignment on different levels."""

import torch
from mmdet.models.task_modules.assigners import AssignResult, BaseAssigner
from mmdet.registry import TASK_UTILS
from mmdet.utils import ConfigType
from mmengine.structures import InstanceData
from torch import Tensor


@TASK_UTILS.register_module()
class LevelwiseAssigner(BaseAssigner):
    """Assigns the priors of each level by the assigner of that level.

    Anchors that STR has moved overlap their face far more than anchors on
    the grid do.  With one IoU threshold for both, moved anchors score higher
    with worse boxes, and suppress better boxes of a finer level in NMS.  A
    higher threshold on the levels of STR makes scores comparable,
    as the rising thresholds of Cascade R-CNN do for its stages.

    Every assigner sees all priors, so that the best prior of a face is the
    best of all levels; its answer counts on its levels.

    Source: none for SRN, whose thresholds in notes of others are the same on
    all levels; Cascade R-CNN (arXiv 1712.00726), section 4.

    Args:
        assigners (list[dict]): Config of an assigner for each level, by
            growing stride.  Equal ones are run once.

    Example:
        >>> loose = dict(type='MaxIoUAssigner', pos_iou_thr=0.5,
        ...              neg_iou_thr=0.4)
        >>> strict = dict(loose, pos_iou_thr=0.6, neg_iou_thr=0.5)
        >>> assigner = dict(type='LevelwiseAssigner',
        ...                 assigners=[loose] * 3 + [strict] * 3)
    """

    def __init__(self, assigners: list[ConfigType]) -> None:
        distinct: list[ConfigType] = []
        for cfg in assigners:
            if cfg not in distinct:
                distinct.append(cfg)
        self.assigners = [TASK_UTILS.build(cfg) for cfg in distinct]
        self._of_level = [distinct.index(cfg) for cfg in assigners]
        # What StepAssigner asks for where all faces of an image are ignored.
        first = self.assigners[0]
        self.ignore_iof_thr = getattr(first, 'ignore_iof_thr', -1)
        self.ignore_wrt_candidates = getattr(
            first, 'ignore_wrt_candidates', True
        )

    def assign(
        self,
        pred_instances: InstanceData,
        num_level_priors: list[int],
        gt_instances: InstanceData,
        gt_instances_ignore: InstanceData | None = None,
        **kwargs,
    ) -> AssignResult:
        """Assign ground truth to priors.

        Args:
            pred_instances (InstanceData): ``priors``, x1, y1, x2, y2 in
                pixels, (N, 4).
            num_level_priors (list[int]): Priors of each level, sum N.
            gt_instances (InstanceData): ``bboxes``, ``labels``.
            gt_instances_ignore (InstanceData, optional): ``bboxes`` to be
                ignored.
            **kwargs: Handed on to the assigners.

        Returns:
            AssignResult: Of all priors.

        Raises:
            ValueError: If there are not as many levels as assigners.
        """
        if len(num_level_priors) != len(self._of_level):
            raise ValueError(
                f"LevelwiseAssigner: 'assigners' is for {len(self._of_level)} "
                f'levels, but there are {len(num_level_priors)}'
            )
        results = [
            assigner.assign(
                pred_instances,
                num_level_priors=num_level_priors,
                gt_instances=gt_instances,
                gt_instances_ignore=gt_instances_ignore,
                **kwargs,
            )
            for assigner in self.assigners
        ]

        def join(name: str) -> Tensor:
            levels = [
                getattr(x, name).split(num_level_priors) for x in results
            ]
            return torch.cat(
                [levels[which][i] for i, which in enumerate(self._of_level)]
            )

        return AssignResult(
            len(gt_instances),
            join('gt_inds'),
            join('max_overlaps'),
            labels=join('labels'),
        )
