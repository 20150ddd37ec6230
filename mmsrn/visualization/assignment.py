"""Which anchors a training step assigns to which faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class LevelAssignment:
    """One level in one step; n anchors.

    Attributes:
        level: Index of the level.
        anchors: Where the step starts from: x1, y1, x2, y2 in pixels of the
            network's input, (n, 4).
        positive: Which are assigned to a face, (n,) bool.
        negative: Which are background, (n,) bool.
        ignored: Which enter no loss, of those in the image, (n,) bool.
        dropped: Negatives that STC takes out of this step, (n,) bool; None if
            unknown or STC is off.
    """

    level: int
    anchors: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    ignored: np.ndarray
    dropped: np.ndarray | None = None


@dataclass
class StepAssignment:
    """One of SRN's two steps on one image.

    Attributes:
        step: 1 or 2.
        levels: Those that the step trains.
        faces: Ground truth, x1, y1, x2, y2 in pixels, (k, 4).
        ignored_faces: Ground truth that does not count, (m, 4).
        found: Which faces have a positive anchor, (k,) bool.
        moved: Whether the first step moved the anchors.
    """

    step: int
    levels: list[LevelAssignment]
    faces: np.ndarray
    ignored_faces: np.ndarray
    found: np.ndarray
    moved: bool


@torch.no_grad()
def read_assignment(
    head, sample, outputs: Sequence[Sequence] | None = None
) -> list[StepAssignment]:
    """Assign the anchors of one image as the training does.

    Args:
        head (SRNHead): A head with ``train_cfg``.
        sample (DetDataSample): What the data preprocessor gave, with
            ``batch_input_shape`` and boxes as tensors.
        outputs: What ``head.forward`` returned for this image alone. Without
            them, the anchors of the second step are not moved.

    Returns:
        list[StepAssignment]: First and second step.
    """
    from mmsrn.models.utils import flatten_levels, level_mask

    meta = sample.metainfo
    if outputs is None:
        height, width = meta['batch_input_shape'][:2]
        sizes = [
            (-(-height // y), -(-width // x))
            for x, y in head.prior_generator.strides
        ]
        cls_fs, deltas, device = None, None, torch.device('cpu')
    else:
        cls_fs, bbox_fs, cls_ss, _ = outputs
        sizes = [x.shape[-2:] for x in cls_ss]
        deltas = flatten_levels(bbox_fs, head.bbox_coder.encode_size)
        device = cls_ss[0].device
    sample = sample.to(device)
    targets = head.assign(
        sizes,
        deltas,
        [sample.gt_instances],
        [meta],
        [sample.ignored_instances],
    )
    faces = sample.gt_instances.bboxes
    steps = []
    for number, anchors, learnt, used in (
        (
            1,
            targets.anchors,
            targets.first,
            {*head.stc_levels, *head.str_levels},
        ),
        (2, targets.moved, targets.second, range(len(sizes))),
    ):
        parts = [
            x[0].split(targets.level_sizes)
            for x in (anchors, learnt.labels, targets.valid)
        ]
        in_used = level_mask(tuple(used), targets.level_sizes, device)
        boxes = learnt.pos_bboxes[in_used[learnt.pos_inds[1]]]
        found = (faces[:, None] == boxes[None]).all(2).any(1)
        steps.append(
            StepAssignment(
                step=number,
                levels=[
                    _level(
                        head,
                        i,
                        *(x[i] for x in parts),
                        cls_fs if number == 2 else None,
                    )
                    for i in sorted(used)
                ],
                faces=faces.cpu().numpy(),
                ignored_faces=sample.ignored_instances.bboxes.cpu().numpy(),
                found=found.cpu().numpy(),
                moved=number == 2 and outputs is not None,
            )
        )
    return steps


def _level(head, index, anchors, labels, valid, cls_fs) -> LevelAssignment:
    """What the labels of one level say, and what STC does about it."""
    from mmsrn.models.utils import flatten_levels

    negative = labels == head.num_classes
    dropped = None
    if cls_fs is not None and index in head.stc_levels:
        logits = flatten_levels([cls_fs[index]], head.cls_out_channels)
        passed = head.gate.passes(head.probabilities(logits[0]))
        dropped = (negative & ~passed).cpu().numpy()
    positive = (labels >= 0) & ~negative
    ignored = (labels < 0) & valid
    arrays = [x.cpu().numpy() for x in (anchors, positive, negative, ignored)]
    return LevelAssignment(index, *arrays, dropped)
