"""Effects of the first step on the second: STC's gate, STR's moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .panels import level_name

#: IoU from which an anchor is a positive of the second step, and below which
#: it is a negative (the paper's thresholds).
POSITIVE_IOU, NEGATIVE_IOU = 0.5, 0.4


@dataclass
class LevelSelection:
    """Both steps on one level of one image; n anchors.

    Attributes:
        level: Index of the level.
        shape: Rows and columns of cells.
        anchors: x1, y1, x2, y2 in pixels of the network's input, (n, 4).
        second_scores: Face probability of the second step, (n,).
        boxes: Boxes after the second step, (n, 4).
        kept: Which anchors pass STC's gate, (n,) bool; all where STC is off.
        first_scores: Face probability of the first step, (n,); None where
            STC is off.
        moved: Anchors after the first step, (n, 4); None where STR is off.
    """

    level: int
    shape: tuple[int, int]
    anchors: np.ndarray
    second_scores: np.ndarray
    boxes: np.ndarray
    kept: np.ndarray
    first_scores: np.ndarray | None = None
    moved: np.ndarray | None = None

    @property
    def name(self) -> str:
        """Name of the level as in the paper: P2, P3, ..."""
        return level_name(self.level)

    @property
    def refined(self) -> np.ndarray:
        """Anchors that the second step starts from, (n, 4)."""
        return self.anchors if self.moved is None else self.moved

    def per_cell(self, values: np.ndarray) -> np.ndarray:
        """Largest value over the anchors of each cell, (rows, columns)."""
        return values.reshape(*self.shape, -1).max(2)


def read_selection(
    head,
    outputs: Sequence[Sequence],
    index: int = 0,
    img_shape: tuple[int, int] | None = None,
) -> list[LevelSelection]:
    """Read the outputs of an ``SRNHead`` for one image of a batch.

    Args:
        head (SRNHead): The head that gave ``outputs``.
        outputs: What ``head.forward`` returns: first-step scores, first-step
            deltas, second-step scores, second-step deltas, each over levels.
        index: Which image of the batch.
        img_shape: Height and width to clip boxes to, as the head does; by
            default they may leave the image.

    Returns:
        list[LevelSelection]: One for each level.
    """
    from mmsrn.models.two_step import move_anchors

    cls_fs, bbox_fs, cls_ss, bbox_ss = outputs
    priors = head.prior_generator.grid_priors(
        [x.shape[-2:] for x in cls_ss], device=cls_ss[0].device
    )

    def rows(maps, channels):
        flat = maps[index].detach().float().permute(1, 2, 0)
        return flat.reshape(-1, channels)

    def scores(maps):
        return head.probabilities(rows(maps, head.cls_out_channels))

    def best(scores):
        return scores.amax(1).cpu().numpy()

    levels = []
    for i, anchors in enumerate(priors):
        start, moved = anchors, None
        if i in head.str_levels:
            start = move_anchors(head.bbox_coder, anchors, rows(bbox_fs[i], 4))
            moved = start.cpu().numpy()
        boxes = head.bbox_coder.decode(
            start, rows(bbox_ss[i], 4), max_shape=img_shape
        )
        first, kept = None, np.ones(len(anchors), bool)
        if i in head.stc_levels:
            first = scores(cls_fs[i])
            kept = head.gate.passes(first).cpu().numpy()
        levels.append(
            LevelSelection(
                level=i,
                shape=tuple(cls_ss[i].shape[-2:]),
                anchors=anchors.cpu().numpy(),
                second_scores=best(scores(cls_ss[i])),
                boxes=boxes.cpu().numpy(),
                kept=kept,
                first_scores=None if first is None else best(first),
                moved=moved,
            )
        )
    return levels


def box_ious(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of all pairs of boxes, (len(a), len(b))."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(1) for x in (a, b)]
    union = areas[0][:, None] + areas[1] - shared
    return shared / np.maximum(union, 1e-9)


def best_ious(boxes: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """IoU of each box with the face it fits best, 0 without faces."""
    if len(faces) == 0:
        return np.zeros(len(boxes))
    return box_ious(boxes, faces).max(1)


def count_stc(
    levels: Sequence[LevelSelection], faces: np.ndarray
) -> dict[str, dict[str, int]]:
    """Count what STC's gate does on one image.

    Args:
        levels: From :func:`read_selection`.
        faces: Ground-truth boxes x1, y1, x2, y2 in pixels of the network's
            input, (k, 4).

    Returns:
        For each level with STC: ``negatives`` and ``removed`` of them,
        ``positives`` and ``lost`` of them, by the best IoU with a face.
    """
    counts = {}
    for level in levels:
        if level.first_scores is None:
            continue
        ious = best_ious(level.refined, faces)
        negative, positive = ious < NEGATIVE_IOU, ious >= POSITIVE_IOU
        counts[level.name] = {
            'negatives': int(negative.sum()),
            'removed': int((negative & ~level.kept).sum()),
            'positives': int(positive.sum()),
            'lost': int((positive & ~level.kept).sum()),
        }
    return counts


def measure_str(
    levels: Sequence[LevelSelection], faces: np.ndarray
) -> np.ndarray:
    """IoU of STR's positives with their faces, step by step.

    Args:
        levels: From :func:`read_selection`.
        faces: As in :func:`count_stc`.

    Returns:
        (m, 3): of the anchor, of the moved anchor, of the final box.
    """
    found = [np.zeros((0, 3))]
    for level in levels:
        if level.moved is None or len(faces) == 0:
            continue
        ious = box_ious(level.moved, faces)
        pick = ious.max(1) >= POSITIVE_IOU
        face = ious.argmax(1)[pick, None]
        found.append(
            np.column_stack(
                [
                    np.take_along_axis(
                        box_ious(boxes[pick], faces), face, axis=1
                    )
                    for boxes in (level.anchors, level.moved, level.boxes)
                ]
            )
        )
    return np.vstack(found)
