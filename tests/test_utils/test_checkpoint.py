"""Checkpoints that do not fit are refused, those that do are not."""

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.model import ExponentialMovingAverage
from mmengine.runner import CheckpointLoader
from safetensors.torch import save_file
from torch import nn

from mmsrn.testing.models import load_model_cfg
from mmsrn.utils.checkpoint import load_weights, read_checkpoint

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
    with pytest.raises(ValueError, match='no weights but a list'):
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
