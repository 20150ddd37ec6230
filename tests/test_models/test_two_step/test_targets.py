"""Targets of a step against a brute-force assignment."""

import pytest
import torch
from mmengine.structures import InstanceData

from mmsrn.models.two_step import StepAssigner
from mmsrn.utils import register_all_modules

register_all_modules()
BACKGROUND = 3
META = dict(img_shape=(100, 100))


def assigner(**kwargs):
    cfg = dict(
        type='MaxIoUAssigner',
        pos_iou_thr=0.7,
        neg_iou_thr=0.3,
        min_pos_iou=0.3,
        ignore_iof_thr=0.5,
    )
    return dict(assigner=dict(cfg, **kwargs))


def make(cfg=None):
    return StepAssigner(cfg or assigner(), BACKGROUND, context=None)


def faces(*boxes, labels=None):
    return InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float).reshape(-1, 4),
        labels=torch.tensor(labels or [0] * len(boxes), dtype=torch.long),
    )


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    inter = max(w, 0) * max(h, 0)
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return inter / (area - inter)


def brute_force(priors, gts, labels, pos, neg, low):
    """The rules of the specification, one prior and one face at a time."""
    ious = [[iou(p, g) for g in gts] for p in priors]
    out, match = [], []
    for row in ious:
        best = max(range(len(gts)), key=lambda g: row[g])
        is_pos = row[best] >= pos
        out.append(
            labels[best] if is_pos else BACKGROUND if row[best] < neg else -1
        )
        match.append(best if is_pos else None)
    for g in range(len(gts)):  # best anchor of each face is positive
        top = max(row[g] for row in ious)
        for p, row in enumerate(ious):
            if row[g] == top >= low:
                out[p], match[p] = labels[g], g
    return out, match


@pytest.mark.parametrize('seed', range(5))
def test_brute_force(seed):
    gen = torch.Generator().manual_seed(seed)

    def boxes(n):
        start = 60 * torch.rand(n, 2, generator=gen)
        return torch.cat(
            [start, start + 5 + 35 * torch.rand(n, 2, generator=gen)], 1
        )

    priors, gts = boxes(300), boxes(4)
    labels = [0, 1, 2, 0]
    targets = make()(
        priors[None],
        torch.ones(1, 300, dtype=torch.bool),
        [300],
        [faces(*gts.tolist(), labels=labels)],
        [META],
    )
    expected, match = brute_force(
        priors.tolist(), gts.tolist(), labels, 0.7, 0.3, 0.3
    )
    assert targets.labels[0].tolist() == expected
    positive = [i for i, m in enumerate(match) if m is not None]
    assert positive, 'a case without positives tests nothing'
    assert targets.pos_inds[1].tolist() == positive
    torch.testing.assert_close(
        targets.pos_bboxes, gts[[match[i] for i in positive]]
    )


PRIORS = torch.tensor(
    [
        [0.0, 0.0, 10.0, 10.0],
        [1.0, 0.0, 11.0, 10.0],
        [50.0, 50.0, 60.0, 60.0],
        [80.0, 80.0, 120.0, 120.0],
    ]
)
VALID = torch.ones(1, 4, dtype=torch.bool)


def labels_of(gts, ignored=None, valid=VALID, cfg=None):
    batch = PRIORS[None], valid, [2, 2], [gts], [META]
    if ignored is not None:
        batch += ([ignored],)
    return make(cfg)(*batch).labels[0].tolist()


def test_no_faces():
    targets = make()(PRIORS[None], VALID, [4], [faces()], [META])
    assert targets.labels[0].tolist() == [BACKGROUND] * 4
    assert targets.pos_bboxes.shape == (0, 4)


def test_ignored_faces():
    gt = faces([50, 50, 60, 60], labels=[1])
    ignored = faces([0, 0, 10, 10])
    assert labels_of(gt, ignored) == [-1, -1, 1, BACKGROUND]


ATSS = dict(type='ATSSAssigner', topk=2, ignore_iof_thr=0.5)


@pytest.mark.parametrize(
    'cfg',
    [
        assigner(ignore_wrt_candidates=True),
        assigner(ignore_wrt_candidates=False),
        dict(assigner=ATSS),
    ],
)
def test_all_faces_ignored(cfg):
    """mmdet alone would call every prior a negative here."""
    out = labels_of(faces(), faces([0, 0, 10, 10]), cfg=cfg)
    assert out == [-1, -1, BACKGROUND, BACKGROUND]


def test_padding_and_border():
    valid = torch.tensor([[True, False, True, True]])
    assert labels_of(faces(), valid=valid)[1] == -1
    cfg = dict(assigner(), allowed_border=0)
    assert labels_of(faces(), cfg=cfg) == [BACKGROUND] * 3 + [-1]


def test_images_have_their_own_priors():
    gts = faces([0, 0, 10, 10])
    priors = torch.stack([PRIORS, PRIORS.flip(0)])
    targets = make()(priors, VALID.repeat(2, 1), [4], [gts, gts], [META] * 2)
    assert (targets.labels[0] == targets.labels[1].flip(0)).all()
    images, inds = targets.pos_inds
    assert images.tolist() == [0, 0, 1, 1]
    assert inds.tolist() == [0, 1, 2, 3]


def test_assigner_that_goes_by_level():
    cfg = dict(assigner=dict(type='ATSSAssigner', topk=2))
    gts = faces([0, 0, 10, 10])
    assert labels_of(gts, cfg=cfg)[0] == 0


def test_sampler():
    cfg = dict(
        assigner(),
        sampler=dict(
            type='RandomSampler',
            num=3,
            pos_fraction=0.5,
            add_gt_as_proposals=False,
        ),
    )
    out = labels_of(faces([0, 0, 10, 10]), cfg=cfg)
    assert sorted(out) == [-1, 0, 0, 3] or sorted(out) == [-1, 0, 3, 3]


@pytest.mark.parametrize('kwargs', [{}, dict(add_gt_as_proposals=True)])
def test_sampler_that_adds_ground_truth(kwargs):
    """Its indices would point beside the priors."""
    sampler = dict(type='RandomSampler', num=3, pos_fraction=0.5, **kwargs)
    with pytest.raises(ValueError, match='add_gt_as_proposals=False'):
        make(dict(assigner(), sampler=sampler))


def test_no_assigner():
    with pytest.raises(KeyError, match='assigner'):
        make(dict(sampler=None))


@pytest.mark.parametrize(
    'key, value', [('asigner', 1), ('pos_weight', 3), ('debug', True)]
)
def test_unknown_key(key, value):
    with pytest.raises(ValueError, match=f"no use for '{key}'.*assigner"):
        make(dict(assigner(), **{key: value}))


def test_neutral_keys_of_mmdet():
    make(dict(assigner(), pos_weight=-1, debug=False))
