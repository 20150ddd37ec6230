"""STC against the paper's sums, term by term."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.models.two_step import STCGate, STCLoss
from mmsrn.utils import register_all_modules

register_all_modules()
FOCAL = dict(type='FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25)
LEVEL = torch.tensor([True, True, True, True, False, False])


def focal(logit, positive):
    p = 1 / (1 + math.exp(-logit))
    if positive:
        return -0.25 * (1 - p) ** 2 * math.log(p)
    return -0.75 * p**2 * math.log(1 - p)


def run(loss, first, labels1, second, labels2):
    """Images x priors of logits and labels, one class, background 1."""
    first, second = (
        torch.tensor(x, dtype=torch.float)[..., None] for x in (first, second)
    )
    first = first[:, LEVEL]
    return loss(
        first,
        torch.tensor(labels1),
        first.sigmoid(),
        second,
        torch.tensor(labels2),
        LEVEL,
        1,
    )


logit = st.floats(-6, 3, width=32)
case = st.tuples(
    logit, st.sampled_from([-1, 0, 1]), logit, st.sampled_from([-1, 0, 1])
)


@given(
    st.lists(st.lists(case, min_size=6, max_size=6), min_size=1, max_size=3),
    st.sampled_from([0.9, 0.99, 0.5]),
    st.booleans(),
    st.booleans(),
)
def test_equation(stc, images, theta, spare, all_levels):
    loss = stc(
        FOCAL,
        levels=(0,),
        theta=theta,
        spare_positives=spare,
        first_step_weight=0.5,
        count_all_levels=all_levels,
    )
    columns = [[[p[i] for p in image] for image in images] for i in range(4)]
    losses, selected = run(loss, *columns)

    sum1 = sum2 = n1 = n2 = 0
    for b, image in enumerate(images):
        for i, (s1, l1, s2, l2) in enumerate(image):
            on_level = bool(LEVEL[i])
            n1 += l1 == 0 and (on_level or all_levels)
            n2 += l2 == 0
            if on_level and l1 >= 0:
                sum1 += focal(s1, l1 == 0)
            # In the precision of the gate, which decides ties.
            passed = torch.tensor(s1).sigmoid().item() > 1 - theta
            keep = l2 >= 0 and (not on_level or passed or (spare and l2 == 0))
            assert bool(selected[b, i]) == keep
            if keep:
                sum2 += focal(s2, l2 == 0)
    expected = dict(
        loss_cls_fs=0.5 * sum1 / max(n1, 1), loss_cls_ss=sum2 / max(n2, 1)
    )
    assert losses.keys() == expected.keys()
    for key, value in expected.items():
        assert losses[key].item() == pytest.approx(value, rel=1e-3, abs=1e-5)


def test_gate_is_the_published_one():
    """Strictly more than 0.01, in float32, by the most likely class."""
    gate = STCGate(theta=0.99)
    scores = torch.tensor([[0.01], [0.0100001], [0.00999]])
    assert gate.passes(scores).tolist() == [False, True, False]
    assert gate.passes(torch.tensor([[0.001, 0.5, 0.001]])).all()


@pytest.mark.parametrize('use_sigmoid', [True, False])
def test_gate_of_many_classes(use_sigmoid):
    """A softmax has a background, whose confidence is 0.92 and 0.998 here."""
    gate = STCGate(theta=0.99, use_sigmoid=use_sigmoid)
    scores = torch.tensor([[0.008] * 10, [0.0002] * 10, [0.2] + [0.0] * 9])
    passed = gate.passes(scores).tolist()
    assert passed == [not use_sigmoid, False, True]


def test_no_gradient_through_the_gate(stc):
    loss = stc(FOCAL, levels=(0,))
    first = torch.full((1, 4, 1), -3.0, requires_grad=True)
    labels = torch.full((1, 6), 1)
    second = torch.zeros(1, 6, 1, requires_grad=True)
    losses, _ = loss(first, labels, first.sigmoid(), second, labels, LEVEL, 1)
    losses['loss_cls_ss'].backward()
    assert first.grad is None and (second.grad != 0).all()


def test_dropped_negatives_get_no_gradient(stc):
    loss = stc(FOCAL, levels=(0,))
    first = torch.tensor([-9.0, 0.0, -9.0, 0.0]).reshape(1, 4, 1)
    labels = torch.tensor([[1, 1, 0, 0, 1, -1]])
    second = torch.zeros(1, 6, 1, requires_grad=True)
    losses, _ = loss(first, labels, first.sigmoid(), second, labels, LEVEL, 1)
    losses['loss_cls_ss'].backward()
    # Easy negative, negative, two positives, other level, ignored.
    assert (second.grad[0, :, 0] != 0).tolist() == [0, 1, 1, 1, 1, 0]


def test_switched_off(stc):
    loss = stc(FOCAL, levels=())
    logits, labels = torch.zeros(1, 6, 1), torch.tensor([[0, 1, 1, 1, 1, -1]])
    losses, selected = loss(
        None, labels, None, logits, labels, torch.zeros(6).bool(), 1
    )
    assert list(losses) == ['loss_cls_ss']
    assert selected.tolist() == [[True] * 5 + [False]]


def test_nothing_selected_keeps_the_graph(stc):
    loss = stc(FOCAL, levels=(0,))
    logits = torch.full((1, 6, 1), -9.0, requires_grad=True)
    labels = torch.full((1, 6), -1)
    first = logits[:, LEVEL]
    losses, _ = loss(first, labels, first, logits, labels, LEVEL, 1)
    sum(losses.values()).backward()
    assert (logits.grad == 0).all()


def test_per_image_normaliser(stc):
    loss = stc(FOCAL, levels=(), per_image=True)
    logits = torch.zeros(2, 3, 1)
    labels = torch.tensor([[0, 0, 1], [1, 1, 1]])
    losses, _ = loss(
        None, labels, None, logits, labels, torch.zeros(3).bool(), 1
    )
    first = (2 * focal(0, True) + focal(0, False)) / 2
    second = 3 * focal(0, False) / 1
    expected = (first + second) / 2
    assert losses['loss_cls_ss'].item() == pytest.approx(expected)


@pytest.mark.parametrize('theta', [-0.1, 1.0])
def test_bad_theta(theta):
    with pytest.raises(ValueError, match='theta'):
        STCGate(theta=theta)


@pytest.mark.parametrize('kind', ['GHMC', 'EQLV2Loss'])
def test_a_loss_with_weights_of_its_own(kind):
    """The selection and the divisors would be lost without a word."""
    with pytest.raises(ValueError, match=f'loss_cls={kind} ignores the weig'):
        STCLoss(dict(type=kind))


@pytest.mark.parametrize('reduction', ['none', 'sum'])
def test_a_loss_without_a_divisor(reduction):
    with pytest.raises(
        ValueError, match=f"FocalLoss has reduction='{reduction}"
    ):
        STCLoss(dict(FOCAL, reduction=reduction))
