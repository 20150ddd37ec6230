import itertools

import numpy as np
import pytest
import torch

from mmsrn.models.utils.channel_pruning import (
    ChannelPruner,
    choose_channels,
    refit,
)
from mmsrn.models.utils.dead_channels import last_convs

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
    # A large predictor must not decide alone.
    two = (two[0], two[1], two[2] * 100)
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


def test_refit_is_weighted_least_squares():
    rows, weights, matrix = problem()
    keep = [0, 2, 3]
    found = refit(moments(rows, weights), torch.from_numpy(matrix), keep)
    wanted = lost(rows, weights, matrix, keep)[1]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-3, atol=1e-3)


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
    for _, predictors in last_convs(head):
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
    for layer, predictors in last_convs(head):
        assert not layer.conv.weight[[1, 6]].any()
        assert not layer.conv.bias[[1, 6]].any()
        assert layer.conv.weight.flatten(1).any(1).sum() == 6
        for predictor in predictors:
            assert not predictor.weight[:, [1, 6]].any()
    for one, other in zip(before, after, strict=True):
        assert (one - other).std() < 0.02 * one.std()


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
    for layer, predictors in last_convs(head):
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
