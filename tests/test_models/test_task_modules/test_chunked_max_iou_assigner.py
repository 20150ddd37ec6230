"""The assigner in chunks against mmdet's, to the bit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.models.task_modules.assigners import MaxIoUAssigner
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData

from mmsrn.models.task_modules import ChunkedMaxIoUAssigner
from mmsrn.utils import register_all_modules

register_all_modules()


def boxes(rows):
    """Corners of boxes from starts and sides on a grid, where ties abound."""
    values = torch.tensor(rows, dtype=torch.float).reshape(-1, 4)
    return torch.cat([values[:, :2], values[:, :2] + values[:, 2:]], dim=1)


row = st.tuples(
    *[st.integers(0, 12)] * 2, *[st.sampled_from([1, 2, 4, 4.5, 6])] * 2
)
truth = st.lists(st.tuples(row, st.integers(0, 2)), max_size=9)


@settings(max_examples=300)
@given(
    priors=st.lists(row, max_size=60),
    faces=truth,
    ignored=st.none() | st.lists(row, max_size=4),
    max_pairs=st.integers(1, 80),
    options=st.fixed_dictionaries(
        dict(
            pos_iou_thr=st.sampled_from([0.3, 0.5, 0.7]),
            neg_iou_thr=st.sampled_from([0.3, (0.1, 0.3)]),
            min_pos_iou=st.sampled_from([0, 0.0, 0.3, 0.9]),
            gt_max_assign_all=st.booleans(),
            ignore_iof_thr=st.sampled_from([-1, 0.2, 0.5]),
            ignore_wrt_candidates=st.booleans(),
            match_low_quality=st.booleans(),
        )
    ),
)
def test_results_are_those_of_mmdet(
    priors, faces, ignored, max_pairs, options
):
    found = InstanceData(priors=boxes(priors))
    gts = InstanceData(
        bboxes=boxes([x for x, _ in faces]),
        labels=torch.tensor([x for _, x in faces], dtype=torch.long),
    )
    if ignored is not None:
        ignored = InstanceData(bboxes=boxes(ignored))
    theirs = MaxIoUAssigner(**options).assign(found, gts, ignored)
    ours = ChunkedMaxIoUAssigner(**options, max_pairs=max_pairs)
    ours = ours.assign(found, gts, ignored)
    assert ours.num_gts == theirs.num_gts
    for name in ('gt_inds', 'max_overlaps', 'labels'):
        mine, expected = getattr(ours, name), getattr(theirs, name)
        assert mine.dtype == expected.dtype
        assert mine.equal(expected), name


@pytest.mark.parametrize('assign_all', [True, False])
def test_on_anchors(assign_all):
    """Hundreds of faces among the anchors of a pyramid, by default."""
    generator = TASK_UTILS.build(
        dict(
            type='SRNAnchorGenerator',
            strides=[4, 8, 16],
            ratios=[1.25],
            scales=[2, 2.828427],
        )
    )
    sizes = [(64, 64), (32, 32), (16, 16)]
    priors = torch.cat(generator.grid_priors(sizes, device='cpu'))
    gen = torch.Generator().manual_seed(0)
    start = 240 * torch.rand(700, 2, generator=gen)
    sides = 6 + 40 * torch.rand(700, 2, generator=gen)
    gts = InstanceData(
        bboxes=torch.cat([start, start + sides], dim=1),
        labels=torch.zeros(700, dtype=torch.long),
    )
    options = dict(
        pos_iou_thr=0.5,
        neg_iou_thr=0.4,
        min_pos_iou=0.3,
        gt_max_assign_all=assign_all,
    )
    seen = []

    class Spy(ChunkedMaxIoUAssigner):
        """Sees how many pairs there are at a time."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            calculate = self.iou_calculator

            def spy(one, other, **kwargs):
                seen.append(len(one) * len(other))
                return calculate(one, other, **kwargs)

            self.iou_calculator = self._by_threshold.iou_calculator = spy

    found = InstanceData(priors=priors)
    theirs = MaxIoUAssigner(**options).assign(found, gts)
    ours = Spy(**options).assign(found, gts)
    assert ours.gt_inds.equal(theirs.gt_inds)
    assert len(seen) >= 4 and max(seen) <= 2**22 < len(priors) * len(gts)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(max_pairs=0), 'max_pairs=0 is less than 1'),
        (dict(perm_repeat_gt_cfg=dict()), 'use MaxIoUAssigner'),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        ChunkedMaxIoUAssigner(0.5, 0.4, **options)
