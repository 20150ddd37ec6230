import logging
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.datasets.samplers import AspectRatioBatchSampler
from mmdet.registry import HOOKS
from mmengine.dataset import DefaultSampler
from torch.utils.data import DataLoader


@pytest.fixture
def runner():
    """As mmengine leaves it when a resumed run has got its seed back."""
    data = list(range(32))
    loader = DataLoader(
        data,
        sampler=DefaultSampler(data, seed=99),
        worker_init_fn=print,
    )
    logger = logging.getLogger('mmsrn-test')
    return SimpleNamespace(
        train_dataloader=loader, seed=7, epoch=3, logger=logger
    )


@pytest.fixture
def hook():
    return HOOKS.build(dict(type='EpochSeedHook'))


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_random_numbers_depend_on_seed_and_epoch_alone(hook, runner):
    hook.before_train_epoch(runner)
    first = draws()
    draws()
    hook.before_train_epoch(runner)
    assert draws() == first
    runner.epoch += 1
    hook.before_train_epoch(runner)
    assert not set(draws()) & set(first)
    runner.epoch -= 1
    runner.seed += 1
    hook.before_train_epoch(runner)
    assert not set(draws()) & set(first)


def test_order_of_a_resumed_run_is_that_of_its_seed(hook, runner):
    sampler = runner.train_dataloader.sampler
    want = list(DefaultSampler(list(range(32)), seed=7))
    assert list(sampler) != want
    hook.before_train(runner)
    assert list(sampler) == want
    assert runner.train_dataloader.worker_init_fn is None


class Images(list):
    def get_data_info(self, index):
        return dict(width=1 + index % 2, height=2)


def test_order_of_batches_by_aspect_ratio(hook, runner):
    """There the loader's own sampler is one that nobody asks."""

    def batches(seed):
        data = Images(range(32))
        return AspectRatioBatchSampler(DefaultSampler(data, seed=seed), 4)

    loader = DataLoader(Images(range(32)), batch_sampler=batches(99))
    runner.train_dataloader = loader
    want = list(batches(7))
    assert list(loader.batch_sampler) != want
    hook.before_train(runner)
    assert list(loader.batch_sampler) == want


def test_warns_of_workers_that_outlive_an_epoch(hook, runner, caplog):
    hook.before_train(runner)
    assert not caplog.records
    runner.train_dataloader = DataLoader(
        [0],
        sampler=DefaultSampler([0]),
        num_workers=1,
        persistent_workers=True,
    )
    hook.before_train(runner)
    assert 'persistent_workers=False' in caplog.text
