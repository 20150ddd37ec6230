"""Boxes in a square, also where it leaves the image: by hand."""

import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes

from mmsrn.datasets.transforms.square_patch import (
    SquarePatch,
    check_annotations,
    check_keep_rule,
)

# From (-10, 20) to (30, 60).
PATCH = SquarePatch(-10, 20, 40)
BOXES = [
    (0.0, 25.0, 10.0, 35.0),  # inside
    (20.0, 50.0, 38.0, 68.0),  # centre (29, 59) inside
    (20.0, 50.0, 42.0, 72.0),  # centre (31, 61) outside
    (30.0, 25.0, 40.0, 35.0),  # touches the edge
]


@pytest.mark.parametrize(
    'rule, expected',
    [
        ('center', [True, True, False, False]),
        ('overlap', [True, True, True, False]),
    ],
)
def test_holds(rule, expected):
    assert PATCH.holds(torch.tensor(BOXES), rule).tolist() == expected


@pytest.mark.parametrize(
    'clip, second', [(True, [30, 30, 40, 40]), (False, [30, 30, 48, 48])]
)
def test_cut_instances(clip, second):
    results = dict(
        gt_bboxes=HorizontalBoxes(torch.tensor(BOXES)),
        gt_bboxes_labels=np.array([5, 6, 7, 8]),
        gt_ignore_flags=np.array([False, True, False, True]),
    )
    keep = np.array([True, True, False, False])
    PATCH.cut_instances(results, keep, clip)
    assert results['gt_bboxes'].tensor.tolist() == [[10, 5, 20, 15], second]
    assert results['gt_bboxes_labels'].tolist() == [5, 6]
    assert results['gt_ignore_flags'].tolist() == [False, True]


@pytest.mark.parametrize('key', ['gt_masks', 'gt_seg_map', 'gt_keypoints'])
def test_what_would_be_left_behind_is_refused(key):
    with pytest.raises(ValueError, match=f'not {key}: leave it out'):
        check_annotations({'gt_bboxes': None, key: None})
    check_annotations({'gt_bboxes': None})


def test_unknown_rule():
    with pytest.raises(ValueError, match="Crop: keep_rule .* got 'inside'"):
        check_keep_rule('inside', 'Crop')
