"""Whether an exported detector finds what the detector finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from mmdet.structures import DetDataSample
from onnxruntime import InferenceSession
from scipy.spatial import KDTree
from torch import nn

from .postprocess import postprocess
from .session import facts_of

__all__ = [
    'Difference',
    'compare',
    'measure_difference',
    'onnx_candidates',
    'torch_candidates',
]

# Rows of candidates: x1, y1, x2, y2, score, label.
_LABEL_GAP = 1e4
_LABELS = 1000  # more than any config has


@dataclass(frozen=True)
class Difference:
    """Greatest differences between two sets of candidates.

    Attributes:
        num (int): Candidates of the first set.
        surplus (int): How many more the second has; may be negative.
        score (float): Of scores.
        box (float): Of sides of boxes, in pixels.
        relative (float): Of sides of boxes, in shares of the longer side of
            their box, which counts as one pixel at least.
    """

    num: int
    surplus: int
    score: float
    box: float
    relative: float

    def within(self, tolerance: float) -> bool:
        """Whether both sets are the same.

        Args:
            tolerance (float): Of scores, and of boxes relative to their size.

        Returns:
            bool: Whether none is missing, and none differs by more.
        """
        return not self.surplus and max(self.score, self.relative) <= tolerance

    def __str__(self) -> str:
        return (
            f'{self.num} boxes, {self.surplus:+d}; differences up to '
            f'{self.score:.1e} of scores, {self.box:.1e} pixels of boxes, '
            f'{self.relative:.1e} of their size'
        )


def compare(ours: np.ndarray, theirs: np.ndarray) -> Difference:
    """Compare two sets of candidates, whose order does not matter.

    Each is compared with the closest of the other set, both ways.

    Args:
        ours (np.ndarray): x1, y1, x2, y2, score, label, (N, 6).
        theirs (np.ndarray): The same, (M, 6).

    Returns:
        Difference: Infinite if only one of the sets is empty.
    """
    surplus = len(theirs) - len(ours)
    if not len(ours) or not len(theirs):
        worst = np.inf if surplus else 0.0
        return Difference(len(ours), surplus, worst, worst, worst)
    weights = np.array([1, 1, 1, 1, 1, _LABEL_GAP])
    worst = np.zeros(3)
    for one, other in ((ours, theirs), (theirs, ours)):
        tree = KDTree(other * weights)
        _, nearest = tree.query(one * weights, p=np.inf)
        gap = np.abs(one - other[nearest])
        boxes = gap[:, :4].max(axis=1)
        sides = (one[:, 2:4] - one[:, :2]).max(axis=1)
        found = (gap[:, 4], boxes, boxes / np.maximum(sides, 1))
        worst = np.maximum(worst, [x.max() for x in found])
    return Difference(len(ours), surplus, *worst.tolist())


@torch.no_grad()
def torch_candidates(
    detector: nn.Module, images: np.ndarray, nms: bool = False
) -> list[np.ndarray]:
    """What the detector itself finds, by its data preprocessor and head.

    Args:
        detector (nn.Module): In evaluation mode.
        images (np.ndarray): BGR, uint8, (B, h, w, 3).
        nms (bool): After NMS.

    Returns:
        list[np.ndarray]: Of each image x1, y1, x2, y2, score, label, (N, 6).
    """
    head = detector.bbox_head
    samples = [
        DetDataSample(metainfo=dict(img_shape=x.shape[:2])) for x in images
    ]
    inputs = [torch.from_numpy(x).permute(2, 0, 1) for x in images]
    data = detector.data_preprocessor(
        dict(inputs=inputs, data_samples=samples), False
    )
    cfg = head.test_cfg.copy()
    if not nms:
        cfg.nms_pre = np.iinfo(np.int64).max  # -1 would leave one out
    found = head.predict_by_feat(
        *head(detector.extract_feat(data['inputs'])),
        batch_img_metas=[x.metainfo for x in data['data_samples']],
        cfg=cfg,
        with_nms=nms,
    )
    return [
        np.column_stack(
            [x.bboxes.numpy(), x.scores.numpy(), x.labels.numpy()]
        ).astype(np.float64)
        for x in (y.cpu() for y in found)
    ]


def onnx_candidates(
    session: InferenceSession, images: np.ndarray, nms: bool = False
) -> list[np.ndarray]:
    """What an exported detector finds.

    Args:
        session (InferenceSession): It.
        images (np.ndarray): BGR, uint8, (B, h, w, 3).
        nms (bool): After NMS.

    Returns:
        list[np.ndarray]: As :func:`torch_candidates`.
    """
    facts = facts_of(session)
    boxes, scores, where = session.run(None, {'images': images})
    found = []
    for i in range(len(images)):
        if facts.nms_in_graph:
            own = where == i
            rows = boxes[own], scores[own], np.zeros(own.sum())
        elif nms:
            rows = postprocess(boxes[i], scores[i], where, **facts.limits)
        else:
            anchors, labels = np.nonzero(scores[i])
            rows = boxes[i, anchors], scores[i, anchors, labels], labels
        found.append(np.column_stack(rows).astype(np.float64))
    return found


def measure_difference(
    session: InferenceSession, detector: nn.Module, images: np.ndarray
) -> dict[str, Difference]:
    """Compare an exported detector with the detector.

    Args:
        session (InferenceSession): With a model of ``export_onnx``.
        detector (nn.Module): In evaluation mode.
        images (np.ndarray): BGR, uint8, (B, h, w, 3).

    Returns:
        dict[str, Difference]: Of the detections, and, unless NMS is in the
        graph, of the candidates before it.
    """
    stages = dict(candidates=False, detections=True)
    if facts_of(session).nms_in_graph:
        del stages['candidates']
    return {
        stage: compare(
            _joined(torch_candidates(detector, images, nms)),
            _joined(onnx_candidates(session, images, nms)),
        )
        for stage, nms in stages.items()
    }


def _joined(batch: list[np.ndarray]) -> np.ndarray:
    """All images in one set, each with labels of its own."""
    rows = [x + [0, 0, 0, 0, 0, _LABELS * i] for i, x in enumerate(batch)]
    return np.concatenate(rows)
