"""Shares of datasets: on average, in epochs, processes and resumptions."""

import numpy as np
import pytest
import torch
from mmdet.registry import DATA_SAMPLERS
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.runner import Runner

from mmsrn.utils import register_all_modules


@pytest.fixture(scope='module', autouse=True)
def registries():
    register_all_modules()


def numbers(size):
    dataset = BaseDataset(lazy_init=True, serialize_data=False)
    dataset.data_list = [dict(i=i) for i in range(size)]
    dataset._fully_initialized = True
    return dataset


@pytest.fixture
def both():
    """Datasets of 1200 and 300 images."""
    return ConcatDataset([numbers(1200), numbers(300)])


def sampler(dataset, ratio=(1, 1), **kwargs):
    kwargs = dict(seed=3, source_ratio=list(ratio), **kwargs)
    return DATA_SAMPLERS.build(
        dict(type='SourceRatioSampler', dataset=dataset, **kwargs)
    )


@pytest.mark.parametrize('ratio', [(1, 1), (3, 1), (0.2, 0.6), (4, 1)])
def test_shares(both, ratio):
    """Within four standard deviations, and alike within a dataset."""
    drawn = []
    mine = sampler(both, ratio)
    for epoch in range(20):
        mine.set_epoch(epoch)
        drawn += list(mine)
        assert len(drawn) == (epoch + 1) * len(both)
    drawn = np.array(drawn)
    share, n = ratio[0] / sum(ratio), len(drawn)
    first = (drawn < 1200).sum()
    assert abs(first - n * share) < 4 * np.sqrt(n * share * (1 - share))
    counts = np.bincount(drawn, minlength=1500)
    for part, expected in (
        (counts[:1200], n * share / 1200),
        (counts[1200:], n * (1 - share) / 300),
    ):
        # Poisson: variance as large as the mean.
        assert abs(part.mean() - expected) < 0.05 * expected
        assert 0.75 * expected < part.var() < 1.35 * expected


def test_same_after_a_resumption(both):
    """Seed and epoch say everything."""
    one = sampler(both)
    orders = []
    for epoch in range(3):
        one.set_epoch(epoch)
        orders.append(list(one))
    assert orders[0] != orders[1] != orders[2]
    torch.manual_seed(5)
    other = sampler(both)
    other.set_epoch(2)
    assert list(other) == orders[2]
    other.seed = 4  # as EpochSeedHook does
    assert list(other) != orders[2]


@pytest.mark.parametrize('ranks', [2, 3, 7])
def test_processes_share_one_order(both, ranks, monkeypatch):
    whole = list(sampler(both))
    parts = []
    for rank in range(ranks):
        monkeypatch.setattr(
            'mmdet.datasets.samplers.multi_data_sampler.get_dist_info',
            lambda rank=rank: (rank, ranks),
        )
        parts.append(list(sampler(both)))
        assert len(parts[-1]) == len(sampler(both)) == -(-1500 // ranks)
    order = [x for step in zip(*parts) for x in step]
    assert order[:1500] == whole
    assert order[1500:] == whole[: len(order) - 1500]


def test_in_a_loader(both):
    """As the runner builds it, seed included."""
    loader = Runner.build_dataloader(
        dict(
            batch_size=4,
            num_workers=0,
            sampler=dict(type='SourceRatioSampler', source_ratio=[1, 1]),
            collate_fn=dict(type='pseudo_collate'),
            dataset=both,
        ),
        seed=3,
    )
    assert list(loader.sampler) == list(sampler(both))
    assert len(loader) == 375


@pytest.mark.parametrize(
    'ratio, what',
    [
        ([1], 'must be 2 numbers above 0, one for each dataset, got [1]'),
        ([1, 1, 1], 'must be 2 numbers'),
        ([1, 0], 'above 0'),
        ([1, -1], 'above 0'),
        ([1, float('nan')], 'above 0'),
    ],
)
def test_wrong_ratio(both, ratio, what):
    with pytest.raises(ValueError) as info:
        sampler(both, ratio)
    assert what in str(info.value)


def test_wrong_dataset():
    with pytest.raises(ValueError, match='ConcatDataset, got BaseDataset'):
        sampler(numbers(3))
    with pytest.raises(ValueError, match=r'dataset 1 \(from 0\) is empty'):
        sampler(ConcatDataset([numbers(3), numbers(0)]))
