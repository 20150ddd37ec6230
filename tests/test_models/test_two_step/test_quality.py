"""Losses of overlaps inside STC, sample by sample."""

import math

import pytest
import torch

from mmsrn.utils import register_all_modules

register_all_modules()
CLASSES = 3
LEVEL = torch.tensor([True, True, True, True, False, False])


def cross_entropy(p, target):
    return -target * math.log(p) - (1 - target) * math.log(1 - p)


def quality_focal(p, target, beta=1.5):
    return abs(target - p) ** beta * cross_entropy(p, target)


def varifocal(p, target, alpha=0.6, gamma=1.5):
    if target > 0:
        return target * cross_entropy(p, target)
    return alpha * p**gamma * cross_entropy(p, 0)


LOSSES = [
    (dict(type='QualityFocalLoss', use_sigmoid=True, beta=1.5), quality_focal),
    (
        dict(type='VarifocalLoss', use_sigmoid=True, alpha=0.6, gamma=1.5),
        varifocal,
    ),
]


def draw(images=2):
    gen = torch.Generator().manual_seed(3)
    shape = (images, len(LEVEL))
    steps = []
    for _ in range(2):
        logits = torch.randn(*shape, CLASSES, generator=gen) - 2
        labels = torch.randint(-1, CLASSES + 1, shape, generator=gen)
        quality = torch.rand(shape, generator=gen)
        steps.append((logits, labels, quality))
    return steps


def run(loss, first, second):
    scores = first[0][:, LEVEL].sigmoid()
    return loss(
        first[0][:, LEVEL],
        first[1],
        scores,
        second[0],
        second[1],
        LEVEL,
        CLASSES,
        first[2],
        second[2],
    )


@pytest.mark.parametrize('cfg, by_hand', LOSSES, ids=['qfl', 'vfl'])
@pytest.mark.parametrize('per_image', [False, True])
def test_sums(stc, cfg, by_hand, per_image):
    theta = 0.7
    loss = stc(
        cfg,
        levels=(0,),
        theta=theta,
        first_step_weight=0.5,
        per_image=per_image,
    )
    first, second = draw()
    losses, selected = run(loss, first, second)
    dropped = 0
    for name, (logits, labels, quality), weight in (
        ('loss_cls_fs', first, 0.5),
        ('loss_cls_ss', second, 1.0),
    ):
        sums, counts = [0.0, 0.0], [0, 0]
        for b in range(2):
            for i in range(len(LEVEL)):
                label = labels[b, i].item()
                if name == 'loss_cls_fs' and not LEVEL[i]:
                    continue
                if name == 'loss_cls_ss' and LEVEL[i] and label == CLASSES:
                    easy = first[0][b, i].sigmoid().max() <= 1 - theta
                    dropped += easy
                    if easy:
                        assert not selected[b, i]
                        continue
                if label < 0:
                    continue
                counts[b] += label < CLASSES
                for c in range(CLASSES):
                    target = quality[b, i].item() if c == label else 0.0
                    p = logits[b, i, c].sigmoid().item()
                    sums[b] += by_hand(p, target)
        if per_image:
            expected = sum(s / max(n, 1) for s, n in zip(sums, counts)) / 2
        else:
            expected = sum(sums) / sum(counts)
        assert losses[name].item() == pytest.approx(
            weight * expected, rel=1e-4
        )
    assert dropped > 0


@pytest.mark.parametrize('cfg', [x for x, _ in LOSSES], ids=['qfl', 'vfl'])
def test_least_where_the_score_is_the_quality(stc, cfg):
    """Which is what such a loss is for."""
    loss = stc(cfg, levels=())
    quality = torch.tensor([[0.6]])
    logits = torch.linspace(-3, 3, 61).requires_grad_()
    for z in logits:
        losses, _ = loss(
            None,
            torch.zeros(1, 1, dtype=torch.long),
            None,
            z.reshape(1, 1, 1),
            torch.zeros(1, 1, dtype=torch.long),
            torch.tensor([False]),
            1,
            quality,
            quality,
        )
        losses['loss_cls_ss'].backward()
    best = math.log(0.6 / 0.4)
    assert (logits.grad[logits < best - 0.05] < 0).all()
    assert (logits.grad[logits > best + 0.05] > 0).all()


def test_without_a_quality(stc):
    loss = stc(LOSSES[0][0], levels=(0,))
    first, second = ((a, b, None) for a, b, _ in draw())
    with pytest.raises(ValueError, match='QualityFocalLoss.*first_extra'):
        run(loss, first, second)
