"""Checkpoints that do not fit are refused, those that do are not."""

from argparse import Namespace
from collections import OrderedDict

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.dataset import pseudo_collate
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel, ExponentialMovingAverage
from mmengine.runner import CheckpointLoader, Runner
from safetensors.torch import save_file
from torch import nn

from mmsrn.testing.models import load_model_cfg
from mmsrn.utils.checkpoint import (
    CheckpointError,
    classes_of,
    load_weights,
    read_checkpoint,
)

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'


def network(classes=1):
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).append(
        nn.Linear(4, classes)
    )


@pytest.fixture
def file(tmp_path):
    return tmp_path / 'net.pth'


def test_weights_arrive(file):
    torch.save({'state_dict': network().state_dict()}, file)
    saved = read_checkpoint(str(file))
    model = network()
    load_weights(model, saved)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, saved['state_dict'][name])


def test_forms_that_mmengine_takes():
    """Bare, of a wrapper, and older than the counters of batch norm."""
    weights = network().state_dict()
    load_weights(network(), weights)
    load_weights(network(), {f'module.{k}': v for k, v in weights.items()})
    del weights['1.num_batches_tracked']
    load_weights(network(), {'state_dict': weights})


def test_moving_average(file):
    """What EMAHook saves: the average as state_dict, the rest beside it."""
    model = network()
    average = ExponentialMovingAverage(model, update_buffers=True)
    average.update_parameters(model)
    torch.save(
        {
            'state_dict': average.module.state_dict(),
            'ema_state_dict': average.state_dict(),
        },
        file,
    )
    load_weights(network(), read_checkpoint(str(file)))


def test_wrapper_of_test_time_augmentation(root):
    cfg = load_model_cfg(root / DEMO)
    weights = MODELS.build(cfg).state_dict()
    model = MODELS.build(dict(type='DetTTAModel', module=cfg))
    load_weights(model, {'state_dict': weights})
    # And of several processes around it.
    load_weights(nn.DataParallel(model), {'state_dict': weights})


@pytest.mark.parametrize(
    'change, reason',
    [
        (lambda x: x.pop('2.bias'), 'missing keys in source state_dict: 2.b'),
        (lambda x: x.update(a=torch.ones(1)), 'unexpected key in source'),
        (lambda x: x.update(network(2).state_dict()), 'size mismatch for 2.'),
        (lambda x: x.clear(), 'missing keys'),
    ],
)
def test_weights_of_another_model(change, reason):
    weights = network().state_dict()
    change(weights)
    with pytest.raises(ValueError, match=reason) as raised:
        load_weights(network(), {'state_dict': weights})
    assert '\n' not in str(raised.value) and len(str(raised.value)) < 310


def test_something_else_under_the_name():
    for wrong in ('text', [1], {1: 2}):
        with pytest.raises(ValueError):
            load_weights(network(), {'state_dict': wrong})


@pytest.mark.parametrize('content', [b'', b'no checkpoint', b'PK\x03\x04'])
def test_file_of_another_kind(file, content, capsys):
    file.write_bytes(content)
    with pytest.raises(ValueError, match='net.pth cannot be read') as raised:
        read_checkpoint(str(file))
    message = str(raised.value)
    assert '\n' not in message and message[-1] not in ': '
    assert capsys.readouterr().out == ''


def test_truncated_file(file):
    torch.save({'state_dict': network().state_dict()}, file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match='net.pth cannot be read'):
        read_checkpoint(str(file))


def test_other_objects(file):
    with pytest.raises(ValueError, match='cannot be read'):
        read_checkpoint(str(file))
    torch.save([1, 2], file)
    with pytest.raises(ValueError, match='a list instead of named weights'):
        read_checkpoint(str(file))


def test_weights_in_a_safetensors_file(tmp_path):
    """Stored in half precision, loaded in single, by mmengine as well."""
    weights = network().half().state_dict()
    path = tmp_path / 'net.safetensors'
    save_file(weights, path)
    saved = read_checkpoint(str(path))
    assert saved['state_dict']['0.weight'].dtype == torch.float32
    for model in (network(), network()):
        load_weights(model, saved)
        assert torch.equal(model[0].weight, weights['0.weight'].float())
        counter = '1.num_batches_tracked'
        assert model.state_dict()[counter].dtype == torch.int64
        saved = CheckpointLoader.load_checkpoint(str(path), None)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match='net.safetensors cannot be read'):
        read_checkpoint(str(path))


def test_other_paths_are_read_as_ever():
    find = CheckpointLoader._get_checkpoint_loader
    for path in ('a.pth', '.safetensors/a.pth', 'https://x/a.safetensors'):
        assert find(path).__name__ != 'load_from_safetensors'


def layouts():
    """Checkpoints as programs of several years leave them."""
    weights = network().state_dict()
    history = HistoryBuffer([0.5, 0.25], [1, 1])
    hub = dict(
        log_scalars=OrderedDict({'train/loss': history}),
        runtime_info=OrderedDict(best=np.float64(0.5), iter=2),
        resumed_keys=OrderedDict({'train/loss': True}),
    )
    meta = dict(
        cfg="model = dict(type='SRN')",
        dataset_meta=dict(classes=('face',), palette=[(220, 20, 60)]),
        epoch=np.int64(2).item(),
        iter=2,
        mmengine_version='0.7.0',
        seed=np.int32(3),
    )
    zoo = dict(
        env_info='sys.platform: linux',
        config='model = dict()',
        CLASSES=('face', 'person'),
        epoch=12,
        hook_msgs={},
    )
    yield 'bare', weights
    yield 'tensors alone', dict(weights)
    yield 'mmengine', dict(meta=meta, state_dict=weights, message_hub=hub)
    yield 'mmdet 2', dict(meta=zoo, state_dict=weights, optimizer={})
    yield 'other', dict(state_dict=weights, args=Namespace(lr=1), epoch=3)


@pytest.mark.parametrize('of_today', [True, False])
@pytest.mark.parametrize('content', [x for _, x in layouts()])
def test_layouts(file, content, of_today):
    torch.save(content, file, _use_new_zipfile_serialization=of_today)
    saved = read_checkpoint(str(file))
    model = network()
    load_weights(model, saved)
    for name, tensor in content.get('state_dict', content).items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_names_of_classes():
    names = [classes_of(x) for _, x in layouts()]
    assert names == [None, None, ['face'], ['face', 'person'], None]
    for wrong in (3, [], [1], {'face': 1}, ['face', None]):
        meta = dict(dataset_meta=dict(classes=wrong))
        assert classes_of(dict(meta=meta)) is None
    assert classes_of(dict(meta=dict(CLASSES='face'))) == ['face']


@pytest.mark.parametrize(
    'content',
    [
        dict(state_dict=[1]),
        dict(state_dict={1: torch.ones(1)}),
        dict(state_dict={}, meta='text'),
        {1: torch.ones(1)},
    ],
)
def test_weights_without_names(file, content):
    torch.save(content, file)
    with pytest.raises(CheckpointError, match='instead of named weights'):
        read_checkpoint(str(file))


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.full((3,), float(index)))


class Tiny(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.layer(torch.stack(inputs)).square().mean())


def assert_same(found, wanted):
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        found, wanted = [*found.values()], [*wanted.values()]
    if isinstance(wanted, HistoryBuffer):
        found, wanted = [*found.data], [*wanted.data]
    if isinstance(wanted, (list, tuple)):
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, torch.Tensor):
        assert found.dtype == wanted.dtype and torch.equal(found, wanted)
    elif isinstance(wanted, np.ndarray):
        np.testing.assert_array_equal(found, wanted)
    else:
        assert found == wanted


def test_what_mmengine_saves_in_training(tmp_path):
    """All of it, for a training that goes on."""
    runner = Runner(
        model=Tiny(),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            dataset=Numbers(),
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_size=2,
            collate_fn=pseudo_collate,
        ),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01)),
        param_scheduler=dict(type='CosineAnnealingLR', T_max=4),
        custom_hooks=[dict(type='EMAHook')],
        experiment_name=tmp_path.name,
        default_scope='mmengine',
    )
    runner.train()
    path = tmp_path / 'epoch_2.pth'
    found = read_checkpoint(str(path))
    assert_same(found, torch.load(path, weights_only=False))
    assert found['meta']['epoch'] == 2
    for key in ('optimizer', 'param_schedulers', 'ema_state_dict'):
        assert found[key]
    log = found['message_hub']['log_scalars']['train/loss']
    assert isinstance(log, HistoryBuffer) and len(log.data[0]) == 4


def test_mmdet_calls_faces_faces(root):
    """The weights that ship tell mmdet of their class."""
    from mmdet.apis import init_detector

    from mmsrn.utils import register_all_modules
    from mmsrn.zoo import find_model, list_models

    register_all_modules()
    name = 'srn_mobilenetv2'
    model = init_detector(
        str(root / list_models()[name]['config']),
        str(find_model(name, 'torch')),
        device='cpu',
    )
    assert model.dataset_meta['classes'] == ('face',)


def test_weights_of_a_training_that_diverged():
    weights = network().state_dict()
    name = next(iter(weights))
    weights[name] = weights[name] * float('nan')
    with pytest.raises(ValueError, match=f'{name} holds NaN'):
        load_weights(network(), weights)
