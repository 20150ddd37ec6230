import logging
from types import SimpleNamespace

import pytest
import torch
from mmdet.registry import HOOKS, MODELS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmsrn.testing.models import load_model_cfg, random_batch


class Photos(Dataset):
    """Five images, which counts how often one is asked for."""

    asked = 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        self.asked += 1
        batch = random_batch(1, size=(64, 96), seed=index)
        return {key: value[0] for key, value in batch.items()}


@pytest.fixture
def runner(root):
    torch.manual_seed(0)
    name = 'srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
    model = MODELS.build(load_model_cfg(root / 'configs/srn' / name))
    model.init_weights()
    torch.nn.init.normal_(model.bbox_head.conv_cls.weight, std=0.1)
    photos = Photos()
    loader = dict(
        dataset=photos,
        batch_size=2,
        num_workers=0,
        sampler=dict(type='InfiniteSampler'),
        collate_fn=dict(type='pseudo_collate'),
    )
    cfg = dict(loader, dataset=dict(type='of another process'))
    built = Runner.build_dataloader(loader, seed=0)
    built.dataset.asked = 0
    return SimpleNamespace(
        model=model.train(),
        cfg=SimpleNamespace(train_dataloader=cfg),
        train_dataloader=built,
        build_dataloader=Runner.build_dataloader,
        seed=0,
        iter=0,
        logger=logging.getLogger('mmsrn-test'),
    )


def make(**settings):
    return HOOKS.build(dict(type='ChannelPruningHook', **settings))


def alive(model):
    head = model.bbox_head
    return [
        int(x[-1].conv.weight.flatten(1).any(1).sum())
        for x in (head.cls_convs, head.reg_convs)
    ]


@pytest.mark.parametrize('wrapped', [False, True])
def test_prunes_weights_that_a_training_starts_from(runner, wrapped):
    model = runner.model
    if wrapped:
        runner.model = torch.nn.DataParallel(model)
    statistics = model.backbone.conv1.bn.running_mean.clone()
    parameters = list(model.parameters())
    make(channels=24, batches=2).before_train(runner)
    assert alive(model) == [24, 24]
    assert model.training
    assert model.backbone.conv1.bn.running_mean.equal(statistics)
    # The optimizer holds these objects.
    assert all(
        a is b for a, b in zip(parameters, model.parameters(), strict=True)
    )
    assert all(x.requires_grad for x in parameters)


def test_looks_at_that_many_batches(runner, monkeypatch):
    seen = []
    prepare = runner.model.data_preprocessor.forward

    def count(data, *args):
        seen.append(len(data['inputs']))
        return prepare(data, *args)

    monkeypatch.setattr(runner.model.data_preprocessor, 'forward', count)
    make(channels=24, batches=3).before_train(runner)
    assert seen == [2, 2, 2]


def test_the_training_starts_where_its_loader_is(runner):
    """An iterator of ``InfiniteSampler`` ends those that follow."""
    make(channels=24, batches=2).before_train(runner)
    assert runner.train_dataloader.dataset.asked == 0
    batches = iter(runner.train_dataloader)
    assert len(next(batches)['inputs']) == 2
    assert runner.train_dataloader.dataset.asked == 2


def test_leaves_a_resumed_training_alone(runner):
    runner.iter = 20
    make(channels=24).before_train(runner)
    assert alive(runner.model) == [64, 64]


@pytest.mark.parametrize('name', ['channels', 'batches'])
@pytest.mark.parametrize('value', [0, -1, 2.5, '24'])
def test_refuses_other_numbers(name, value):
    with pytest.raises(ValueError, match=f'{name} must be a positive integer'):
        make(**dict(dict(channels=24), **{name: value}))


def test_refuses_other_models(runner):
    runner.model = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match='prunes an SRNHead, not a Linear'):
        make(channels=24).before_train(runner)
    runner.model.bbox_head = torch.nn.ReLU()
    with pytest.raises(ValueError, match='not a ReLU'):
        make(channels=24).before_train(runner)
