"""The numbers of the log, by hand."""

import pytest
import torch

from mmsrn.models.two_step import StepTargets, selection_log

# Four priors, the first two on a level of STC, the others on one of STR.
IN_STC = torch.tensor([True, True, False, False])
IN_STR = ~IN_STC
ANCHORS = torch.tensor(
    [[[0, 0, 4, 4], [4, 0, 8, 4], [0, 0, 10, 10], [10, 0, 20, 10]]]
).float()


def targets(labels, positives, boxes):
    images = torch.zeros(len(positives), dtype=torch.long)
    boxes = torch.tensor(boxes).float().reshape(-1, 4)
    inds = torch.tensor(positives, dtype=torch.long)
    return StepTargets(torch.tensor([labels]), (images, inds), boxes)


def test_by_hand():
    face = [0, 0, 10, 5]
    first = targets([1, 1, 0, 1], [2], [face])
    second = targets([1, 1, 0, 1], [2], [face])
    moved = ANCHORS.clone()
    moved[0, 2] = torch.tensor([0, 0, 10, 8.0])
    selected = torch.tensor([[True, False, True, True]])
    log = selection_log(
        first, second, 1, selected, IN_STC, IN_STR, ANCHORS, moved
    )
    assert {k: float(v) for k, v in log.items()} == pytest.approx(
        dict(
            pos_fs=1,
            pos_ss=1,
            neg_ss=2,
            stc_removed=1,
            stc_removed_ratio=0.5,
            iou_anchor=0.5,
            iou_moved=5 / 8,
        )
    )


def test_no_mean_without_positives():
    none = targets([1, 1, 1, 1], [], [])
    selected = torch.ones(1, 4, dtype=torch.bool)
    log = selection_log(
        none, none, 1, selected, IN_STC, IN_STR, ANCHORS, ANCHORS
    )
    assert 'iou_anchor' not in log and 'iou_moved' not in log
    assert log['pos_ss'] == log['stc_removed'] == 0
    assert log['neg_ss'] == 4
