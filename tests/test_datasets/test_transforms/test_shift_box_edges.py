"""Boxes of one convention brought to another."""

import numpy as np
import pytest
import torch
from mmdet.registry import TRANSFORMS
from mmdet.structures.bbox import HorizontalBoxes

from mmsrn.datasets.transforms.shift_box_edges import ShiftBoxEdges

BOXES = [[10.0, 20.0, 30.0, 60.0], [0.0, 0.0, 100.0, 50.0]]
# Widths 20 and 100, heights 40 and 50.
MOVED = [[12.0, 12.0, 31.0, 56.0], [10.0, -10.0, 105.0, 45.0]]
SHARES = (0.1, -0.2, 0.05, -0.1)


def test_every_edge_by_its_share():
    transform = TRANSFORMS.build(dict(type='ShiftBoxEdges', shares=SHARES))
    boxes = HorizontalBoxes(torch.tensor(BOXES))
    results = transform(dict(gt_bboxes=boxes, img='same'))
    np.testing.assert_allclose(results['gt_bboxes'].tensor, MOVED, atol=1e-5)
    assert isinstance(results['gt_bboxes'], HorizontalBoxes)
    assert boxes.tensor.tolist() == BOXES  # datasets keep them
    assert results['img'] == 'same'


def test_plain_arrays():
    results = ShiftBoxEdges(SHARES)(dict(gt_bboxes=np.float32(BOXES)))
    np.testing.assert_allclose(results['gt_bboxes'], MOVED, atol=1e-5)


def test_no_box():
    boxes = HorizontalBoxes(torch.zeros(0, 4))
    results = ShiftBoxEdges(SHARES)(dict(gt_bboxes=boxes))
    assert results['gt_bboxes'].tensor.shape == (0, 4)


@pytest.mark.parametrize(
    'shares, message',
    [
        ((0, 0, 0), 'must be four numbers'),
        ((0, 0, 0, float('nan')), 'must be four numbers'),
        ((0.5, 0, -0.5, 0), 'leave nothing of a box'),
        ((0, 0.8, 0, -0.3), 'leave nothing of a box'),
    ],
)
def test_errors(shares, message):
    with pytest.raises(ValueError, match=message):
        ShiftBoxEdges(shares)
