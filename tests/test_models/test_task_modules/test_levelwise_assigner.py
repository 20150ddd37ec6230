"""Each level by its own assigner, against those assigners alone."""

import pytest
import torch
from mmdet.registry import TASK_UTILS
from mmengine.structures import InstanceData

from mmsrn.models.two_step import StepAssigner
from mmsrn.utils import register_all_modules

register_all_modules()
LOOSE = dict(
    type='MaxIoUAssigner',
    pos_iou_thr=0.5,
    neg_iou_thr=0.4,
    min_pos_iou=0.3,
    ignore_iof_thr=0.5,
)
STRICT = dict(LOOSE, pos_iou_thr=0.7, neg_iou_thr=0.6)
SIZES = [40, 30, 20]


def build(*assigners):
    return TASK_UTILS.build(
        dict(type='LevelwiseAssigner', assigners=list(assigners))
    )


def boxes(num, generator):
    start = 60 * torch.rand(num, 2, generator=generator)
    size = 5 + 35 * torch.rand(num, 2, generator=generator)
    return torch.cat([start, start + size], dim=1)


def scene(seed, num_faces=4):
    generator = torch.Generator().manual_seed(seed)
    faces = InstanceData(
        bboxes=boxes(num_faces, generator),
        labels=torch.arange(num_faces),
    )
    priors = boxes(sum(SIZES), generator)
    # some that overlap the faces well
    near = faces.bboxes.repeat(20, 1)
    priors[-len(near) :] = near + 2 * torch.randn(
        near.shape, generator=generator
    )
    ignored = InstanceData(bboxes=boxes(1, generator))
    return InstanceData(priors=priors), faces, ignored


@pytest.mark.parametrize('seed', range(5))
def test_levels_are_those_of_the_assigners_alone(seed):
    priors, faces, ignored = scene(seed)
    joined = build(LOOSE, STRICT, LOOSE).assign(priors, SIZES, faces, ignored)
    alone = [
        TASK_UTILS.build(cfg).assign(priors, faces, ignored)
        for cfg in (LOOSE, STRICT)
    ]
    begin = 0
    for size, truth in zip(SIZES, (alone[0], alone[1], alone[0])):
        part = slice(begin, begin + size)
        for name in ('gt_inds', 'labels', 'max_overlaps'):
            found = getattr(joined, name)[part]
            assert found.equal(getattr(truth, name)[part])
        begin += size
    assert joined.num_gts == len(faces)
    assert not alone[0].gt_inds.equal(alone[1].gt_inds)


def test_the_best_prior_is_the_best_of_all_levels():
    """A face without a good prior gets one, not one of each assigner."""
    face = InstanceData(
        bboxes=torch.tensor([[0.0, 0, 10, 10]]), labels=torch.tensor([0])
    )
    priors = torch.tensor([[0.0, 0, 10, 22], [0.0, 0, 10, 25]])  # 0.45, 0.4
    result = build(LOOSE, STRICT).assign(
        InstanceData(priors=priors), [1, 1], face
    )
    assert result.gt_inds.tolist() == [1, 0]


def test_equal_assigners_are_built_once():
    assert len(build(LOOSE, dict(LOOSE), STRICT, STRICT).assigners) == 2


def test_assigners_that_look_at_levels():
    atss = dict(type='ATSSAssigner', topk=3)
    priors, faces, _ = scene(0)
    joined = build(LOOSE, atss, atss).assign(priors, SIZES, faces)
    truth = TASK_UTILS.build(atss).assign(priors, SIZES, faces)
    assert joined.gt_inds[SIZES[0] :].equal(truth.gt_inds[SIZES[0] :])


def test_in_a_step_of_the_head():
    """With ignored faces alone, whose priors are then no negatives."""
    priors, faces, _ = scene(3)
    step = StepAssigner(
        dict(assigner=dict(type='LevelwiseAssigner', assigners=[STRICT] * 3)),
        num_classes=4,
        context=None,
    )
    valid = torch.ones(1, sum(SIZES), dtype=torch.bool)
    metas = [dict(img_shape=(100, 100))]
    args = (priors.priors[None], valid, SIZES, [faces[:0]], metas)
    assert (step(*args).labels == 4).all()
    labels = step(*args, [faces]).labels
    assert (labels == -1).any() and (labels[labels != -1] == 4).all()


def test_other_number_of_levels():
    priors, faces, _ = scene(0)
    with pytest.raises(ValueError, match='for 2 levels, but there are 3'):
        build(LOOSE, STRICT).assign(priors, SIZES, faces)
