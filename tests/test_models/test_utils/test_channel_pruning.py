import itertools

import numpy as np
import pytest
import torch

from mmsrn.models.utils.channel_pruning import (
    ChannelPruner,
    choose_channels,
    refit,
)
from mmsrn.models.utils.dead_channels import last_layers

from .test_dead_channels import small_head


def problem(seed=0, cells=400, channels=6, outputs=2, mixed=True):
    """Features, weights of cells, and the matrix of a predictor."""
    rng = np.random.default_rng(seed)
    features = np.abs(rng.normal(size=(cells, channels)))
    if mixed:
        features = features @ rng.uniform(0, 1, (channels, channels))
    rows = np.concatenate([features, np.ones((cells, 1))], axis=1)
    matrix = rng.normal(size=(channels + 1, outputs))
    return rows, rng.uniform(0, 1, cells), matrix


def moments(rows, weights):
    return torch.from_numpy(rows.T @ (rows * weights[:, None]))


def lost(rows, weights, matrix, keep):
    """Weighted squared error of numpy's least squares."""
    root = np.sqrt(weights)[:, None]
    chosen = rows[:, [*keep, rows.shape[1] - 1]] * root
    wanted = rows @ matrix * root
    fitted = np.linalg.lstsq(chosen, wanted, rcond=None)[0]
    return ((chosen @ fitted - wanted) ** 2).sum(), fitted


@pytest.mark.parametrize('seed', range(5))
def test_the_channel_that_goes_costs_least(seed):
    rows, weights, matrix = problem(seed)
    kept = choose_channels(
        [(moments(rows, weights), torch.from_numpy(matrix))], 5
    )
    costs = {
        keep: lost(rows, weights, matrix, keep)[0]
        for keep in itertools.combinations(range(6), 5)
    }
    assert tuple(kept) == min(costs, key=costs.get)


@pytest.mark.parametrize('seed', range(3))
def test_predictors_share_the_choice_by_their_variance(seed):
    one, two = problem(seed), problem(seed + 10)
    # A large predictor must not decide alone, and a bias not at all.
    two = (two[0], two[1], two[2] * 100)
    one[2][-1] = 1000
    given = [(moments(r, w), torch.from_numpy(m)) for r, w, m in (one, two)]
    costs = {}
    for keep in itertools.combinations(range(6), 5):
        costs[keep] = 0
        for rows, weights, matrix in (one, two):
            wanted = rows @ matrix
            mean = np.average(wanted, axis=0, weights=weights)
            total = (weights[:, None] * (wanted - mean) ** 2).sum()
            costs[keep] += lost(rows, weights, matrix, keep)[0] / total
    assert tuple(choose_channels(given, 5)) == min(costs, key=costs.get)


@pytest.mark.parametrize('size', [1e-3, 1, 1e3])
def test_refit_is_weighted_least_squares(size):
    rows, weights, matrix = problem()
    rows[:, :3] *= size
    keep = [0, 2, 3]
    found = refit(moments(rows, weights), torch.from_numpy(matrix), keep)
    wanted = lost(rows, weights, matrix, keep)[1]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_refit_with_all_channels_changes_nothing():
    rows, weights, matrix = problem()
    rows[:, 2] = 0  # one that is dead
    found = refit(
        moments(rows, weights), torch.from_numpy(matrix), list(range(6))
    )
    np.testing.assert_allclose(found.numpy(), matrix, rtol=1e-12)


def test_a_predictor_that_always_gives_the_same_does_not_count():
    rows, weights, matrix = problem()
    constant = np.zeros_like(matrix)
    constant[-1] = 3.3
    given = [(moments(rows, weights), torch.from_numpy(matrix))]
    more = [*given, (given[0][0], torch.from_numpy(constant))]
    assert choose_channels(more, 3) == choose_channels(given, 3)
    with pytest.raises(ValueError, match='give the same everywhere'):
        choose_channels(more[1:], 3)


def test_refuses_numbers_that_are_not_finite():
    rows, weights, matrix = problem()
    rows[7, 2] = np.nan
    with pytest.raises(ValueError, match='not finite'):
        choose_channels(
            [(moments(rows, weights), torch.from_numpy(matrix))], 3
        )


def test_channels_that_others_can_replace_go_first():
    rows, weights, matrix = problem(mixed=False)
    rows[:, 1] = 2 * rows[:, 4]
    keep = choose_channels(
        [(moments(rows, weights), torch.from_numpy(matrix))], 5
    )
    assert keep in ([0, 1, 2, 3, 5], [0, 2, 3, 4, 5])


def maps(seed, batch=2):
    rng = torch.Generator().manual_seed(seed)
    sizes = [(12, 14), (6, 7)] * 2
    return tuple(torch.randn(batch, 8, *x, generator=rng) for x in sizes)


def pruned(channels=5, **changes):
    head = small_head(refine_predictor=True, **changes)
    # Two channels that the predictors hardly see.
    for _, predictors in last_layers(head):
        for predictor in predictors:
            predictor.weight.data[:, [1, 6]] *= 1e-3
            predictor.bias.data -= 2
    before = [x for s in head(maps(3)) for x in s if x is not None]
    pruner = ChannelPruner(head, channels)
    for seed in range(2):
        pruner.observe(maps(seed))
    pruner.prune()
    after = [x for s in head(maps(3)) for x in s if x is not None]
    return head, before, after


def test_what_the_predictors_hardly_see_becomes_zero():
    head, before, after = pruned(6)
    for layer, predictors in last_layers(head):
        assert not layer.conv.weight[[1, 6]].any()
        assert not layer.conv.bias[[1, 6]].any()
        assert layer.conv.weight.flatten(1).any(1).sum() == 6
        for predictor in predictors:
            assert not predictor.weight[:, [1, 6]].any()
    for one, other in zip(before, after, strict=True):
        assert (one - other).square().mean().sqrt() < 0.02 * one.std()


def class_scores(head, raw, level):
    """Best score of each cell, by hand."""
    priors = head.num_base_priors
    logits = raw[:, :priors]
    if hasattr(head, 'num_backgrounds') and level == 0:
        others = raw[:, priors:].unflatten(1, (priors, -1))
        logits = logits - others.max(2).values
    return logits.sigmoid().max(1).values


def expected_moments(head, batches):
    """Cell by cell."""
    found = {}

    def add(predictor, subnet, maps, weights):
        features = subnet(maps).double().numpy()
        total = found.setdefault(predictor, np.zeros((9, 9)))
        for b, y, x in np.ndindex(*weights.shape):
            row = np.append(features[b, :, y, x], 1)
            total += float(weights[b, y, x]) * np.outer(row, row)

    steps = head.separate_cls
    cls_fs = head.cls_convs_fs if steps else head.cls_convs
    reg_fs = head.reg_convs_fs if steps else head.reg_convs
    conv_cls_fs = head.conv_cls_fs if steps else head.conv_cls
    conv_reg_fs = head.conv_reg_fs if steps else head.conv_reg
    for first0, first1, second0, second1 in batches:
        # STC on level 0.
        raw = conv_cls_fs(cls_fs(first0))
        weights = class_scores(head, raw, 0) + 0.001
        add(conv_cls_fs, cls_fs, first0, weights)
        for level, x in enumerate((second0, second1)):
            raw = head.conv_cls(head.cls_convs(x))
            scores = class_scores(head, raw, level)
            add(head.conv_cls, head.cls_convs, x, scores + 0.001)
            refined = level == 1 and head.refine_predictor
            predictor = head.conv_refine if refined else head.conv_reg
            add(predictor, head.reg_convs, x, scores)
        # STR on level 1: the scores are those of its second step.
        add(conv_reg_fs, reg_fs, first1, scores)
    return found


@pytest.mark.parametrize(
    'changes',
    [
        {},
        dict(refine_predictor=True),
        dict(separate_steps=True, refine_predictor=True),
        dict(type='MaxOutSRNHead'),
    ],
    ids=str,
)
def test_moments_are_those_of_all_cells(changes):
    head = small_head(**changes)
    batches = [maps(seed, 1) for seed in range(2)]
    pruner = ChannelPruner(head, 4)
    for batch in batches:
        pruner.observe(batch)
    with torch.no_grad():
        wanted = expected_moments(head, batches)
    assert wanted.keys() == pruner.moments.keys()
    for predictor, moments_ in wanted.items():
        found = pruner.moments[predictor].numpy()
        np.testing.assert_allclose(found, moments_, rtol=1e-4, atol=1e-6)


def test_needs_all_maps_and_a_batch():
    pruner = ChannelPruner(small_head(), 4)
    with pytest.raises(ValueError, match='no batch was observed'):
        pruner.prune()
    _, *rest = maps(0)
    with pytest.raises(ValueError, match='stc_levels'):
        pruner.observe((None, *rest))


def test_pruned_channels_stay_zero_in_training():
    head, *_ = pruned(4)
    head.train()
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.1)
    for seed in range(3):
        outputs = [x for s in head(maps(seed)) for x in s if x is not None]
        loss = sum(x.square().mean() for x in outputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for layer, predictors in last_layers(head):
        dead = ~layer.conv.weight.flatten(1).any(1)
        assert dead.sum() == 4
        assert not layer.conv.bias[dead].any()
        for predictor in predictors:
            assert not predictor.weight[:, dead].any()


@pytest.mark.parametrize('channels', [0, 8, 9])
def test_refuses_numbers_out_of_range(channels):
    with pytest.raises(ValueError, match='less than the 8 of the subnets'):
        ChannelPruner(small_head(), channels)


def test_refuses_heads_with_norms():
    head = small_head(norm_cfg=dict(type='GN', num_groups=2))
    with pytest.raises(ValueError, match='without a norm'):
        ChannelPruner(head, 4)
