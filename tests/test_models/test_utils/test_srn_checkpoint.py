"""Published names become ours, and nothing is lost without a word."""

import json
import os
import pickle
import re

import pytest
import torch
from mmdet.registry import MODELS

from mmsrn.models.layers import RFE
from mmsrn.models.utils.srn_checkpoint import (
    CheckpointError,
    convert_file,
    convert_state_dict,
    load_state_dict,
    published_names,
)
from mmsrn.testing.models import load_model_cfg

OFFICIAL = 'configs/srn/srn_r50_fpn_official-weights_widerface.py'
BASE, FEAT = 4, 8  # channels, in place of 64 and 256


def published_shapes(base=64, feat=256):
    """Names and shapes of the published network, from its description."""
    shapes = {}

    def conv(name, out, into, height, width=None, bias=True):
        shapes[f'{name}.weight'] = (out, into, height, width or height)
        if bias:
            shapes[f'{name}.bias'] = (out,)

    def norm(name, width):
        for kind in ('weight', 'bias', 'running_mean', 'running_var'):
            shapes[f'{name}.{kind}'] = (width,)
        shapes[f'{name}.num_batches_tracked'] = ()

    conv('conv1', base, 3, 7, bias=False)
    norm('bn1', base)
    into = base
    for layer, blocks in ((1, 3), (2, 4), (3, 6), (4, 3)):
        width = base * 2 ** (layer - 1)
        for i in range(blocks):
            block = f'layer{layer}.{i}'
            conv(f'{block}.conv1', width, into, 1, bias=False)
            conv(f'{block}.conv2', width, width, 3, bias=False)
            conv(f'{block}.conv3', 4 * width, width, 1, bias=False)
            for j, channels in ((1, width), (2, width), (3, 4 * width)):
                norm(f'{block}.bn{j}', channels)
            if i == 0:
                conv(f'{block}.downsample.0', 4 * width, into, 1, bias=False)
                norm(f'{block}.downsample.1', 4 * width)
            into = 4 * width
    conv('layer5', 4 * feat, into, 3)
    conv('layer6', feat, 4 * feat, 3)
    sources = dict(zip(range(2, 6), (4 * base * 2**i for i in range(4))))
    sources.update({6: 4 * feat, 7: feat})
    for level, channels in sources.items():
        if level < 6:
            conv(f'c{level}_lateral', feat, channels, 1)
        conv(f'c{level}_conv', feat, channels, 1)
        conv(f'p{level}_conv', feat, feat, 3)
    for subnet, outputs in (('cls_subnet', 2), ('box_subnet', 8)):
        conv(f'{subnet}.0', feat, feat, 3)
        narrow = feat // 4
        for i, strip in enumerate(((1, 5), (5, 1), (1, 3), (3, 1))):
            branch = f'{subnet}.2.branch{i}'
            conv(f'{branch}.0', narrow, feat, 1)
            conv(f'{branch}.2', narrow, narrow, *strip)
            conv(f'{branch}.4', narrow, narrow, 1)
        conv(f'{subnet}.2.cated_conv.0', feat, feat, 1)
        conv(f'{subnet}.3', feat, feat, 3)
        conv(f'{subnet}_pred', outputs, feat, 1)
    return shapes


@pytest.fixture(scope='module')
def source():
    """A narrow published network of random weights."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator)
        for name, shape in published_shapes(BASE, FEAT).items()
    }


@pytest.fixture
def narrow(root):
    """Our network of the same width."""
    cfg = load_model_cfg(root / OFFICIAL)
    cfg.backbone.update(base_channels=BASE, stem_channels=BASE)
    cfg.neck.update(
        in_channels=[4 * BASE * 2**i for i in range(4)], out_channels=FEAT
    )
    cfg.bbox_head.update(in_channels=FEAT, feat_channels=FEAT)
    return MODELS.build(cfg)


@pytest.fixture
def save(source, tmp_path):
    """Function that saves the published network, changed."""

    def write(change=lambda names: names, **extra):
        path = tmp_path / 'SRN.pth'
        wrapped = {f'module.{k}': v for k, v in source.items()}
        torch.save(dict(state_dict=change(wrapped), **extra), path)
        return path

    return write


def error_of(function, *args):
    with pytest.raises(CheckpointError) as caught:
        function(*args)
    return str(caught.value)


def test_description_is_the_reference(shared):
    keys = shared / 'golden/srn_official/keys.json'
    theirs = json.loads(keys.read_text())
    ours = {k: list(v) for k, v in published_shapes().items()}
    assert ours == theirs


def test_published_names():
    counters = '.num_batches_tracked'
    expected = [x for x in published_shapes() if not x.endswith(counters)]
    assert sorted(published_names()) == sorted(expected)


@pytest.mark.parametrize('wrapped', [True, False])
@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('counters', [True, False])
def test_every_kind_of_file(
    source, narrow, tmp_path, wrapped, prefix, counters
):
    tensors = {
        prefix + name: value
        for name, value in source.items()
        if counters or not name.endswith('.num_batches_tracked')
    }
    content = dict(state_dict=tensors, epoch=3) if wrapped else tensors
    torch.save(content, tmp_path / 'SRN.pth')
    assert convert_file(tmp_path / 'SRN.pth', tmp_path / 'new/srn.pth') == []
    converted = torch.load(tmp_path / 'new/srn.pth', weights_only=True)
    assert converted['meta'] == dict(source='SRN.pth')
    narrow.load_state_dict(converted['state_dict'], strict=True)
    # Every number arrives.
    total = sum(x.double().sum() for x in tensors.values())
    found = sum(x.double().sum() for x in converted['state_dict'].values())
    torch.testing.assert_close(found, total)


def test_whole_network(root):
    """Shapes too, at the published width."""
    source = {
        k: torch.empty(v, device='meta') for k, v in published_shapes().items()
    }
    converted, unmatched = convert_state_dict(source)
    assert unmatched == []
    with torch.device('meta'):
        model = MODELS.build(load_model_cfg(root / OFFICIAL))
    wanted = model.state_dict()
    assert {k: v.shape for k, v in converted.items()} == {
        k: v.shape for k, v in wanted.items()
    }


@pytest.mark.parametrize(
    'theirs, ours',
    [
        ('conv1.weight', 'backbone.conv1.weight'),
        ('layer3.5.bn2.running_var', 'backbone.layer3.5.bn2.running_var'),
        (
            'layer2.0.downsample.0.weight',
            'backbone.layer2.0.downsample.0.weight',
        ),
        ('layer5.bias', 'neck.extra_convs.0.conv.bias'),
        ('layer6.weight', 'neck.extra_convs.1.conv.weight'),
        ('c2_lateral.weight', 'neck.lateral_convs.0.conv.weight'),
        ('c5_lateral.bias', 'neck.lateral_convs.3.conv.bias'),
        ('c2_conv.bias', 'neck.first_step_convs.0.conv.bias'),
        ('c7_conv.weight', 'neck.first_step_convs.5.conv.weight'),
        ('p2_conv.weight', 'neck.fpn_convs.0.conv.weight'),
        ('p7_conv.bias', 'neck.fpn_convs.5.conv.bias'),
        ('cls_subnet.0.weight', 'bbox_head.cls_convs.0.conv.weight'),
        ('box_subnet.3.bias', 'bbox_head.reg_convs.2.conv.bias'),
        (
            'cls_subnet.2.branch3.2.weight',
            'bbox_head.cls_convs.1.strips.3.conv.weight',
        ),
        (
            'box_subnet.2.cated_conv.0.bias',
            'bbox_head.reg_convs.1.project.conv.bias',
        ),
        ('cls_subnet_pred.weight', 'bbox_head.conv_cls.weight'),
        ('box_subnet_pred.bias', 'bbox_head.conv_reg.bias'),
    ],
)
def test_places(source, theirs, ours):
    converted, _ = convert_state_dict(source)
    assert converted[ours] is source[theirs]


def test_rfe_computes_the_same(source):
    """The published block, branch by branch, against ours."""
    converted, _ = convert_state_dict(source)
    place = 'bbox_head.reg_convs.1.'
    block = RFE(FEAT)
    block.load_state_dict(
        {
            k.removeprefix(place): v
            for k, v in converted.items()
            if k.startswith(place)
        }
    )

    def conv(x, name):
        weight = source[f'box_subnet.2.{name}.weight']
        bias = source[f'box_subnet.2.{name}.bias']
        return torch.conv2d(x, weight, bias, padding='same').relu()

    x = torch.randn(1, FEAT, 6, 7, generator=torch.Generator().manual_seed(1))
    branches = []
    for i in range(4):
        y = x
        for j in (0, 2, 4):
            y = conv(y, f'branch{i}.{j}')
        branches.append(y)
    expected = x + conv(torch.cat(branches, 1), 'cated_conv.0')
    with torch.no_grad():
        torch.testing.assert_close(block(x), expected)


def test_unknown_names_are_returned(source):
    extra = ['fc.weight', 'module.layer4.3.conv1.weight', 'c2_conv.scale']
    extra += ['p8_conv.bias', 'c2_conv.num_batches_tracked', 'conv1.bias']
    padded = {**source, **{name: torch.zeros(1) for name in extra}}
    converted, unmatched = convert_state_dict(padded)
    assert unmatched == extra
    plain, _ = convert_state_dict(source)
    assert converted.keys() == plain.keys()


def test_missing_names_are_all_told(save, tmp_path):
    lost = ['bn1.running_mean', 'layer4.2.conv3.weight', 'c7_conv.bias']
    lost.append('cls_subnet.2.branch2.4.weight')

    def lose(names):
        kept = {
            k: v
            for k, v in names.items()
            if k.removeprefix('module.') not in lost
        }
        return dict(kept, **{'module.c8_conv.bias': torch.zeros(1)})

    path = save(lose)
    first, *lines = error_of(convert_file, path, tmp_path / 'b').splitlines()
    assert first.startswith(f'{path}: lacks 4 of the 365 tensors')
    assert sorted(x.split('missing: ')[1] for x in lines[:4]) == sorted(lost)
    assert lines[4:] == ['  not of SRN: module.c8_conv.bias']
    assert [x.name for x in tmp_path.iterdir()] == ['SRN.pth']


def test_another_network(tmp_path):
    path = tmp_path / 'other.pth'
    torch.save({f'fc{i}.weight': torch.zeros(1) for i in range(5)}, path)
    message = error_of(convert_file, path, tmp_path / 'b')
    assert message.startswith(f'{path}: none of its 5 tensors')
    assert 'fc0.weight, fc1.weight, fc2.weight)' in message


def test_branches_that_do_not_fit(source):
    name = 'cls_subnet.2.branch1.0.weight'
    message = error_of(convert_state_dict, {**source, name: torch.ones(2, 3)})
    assert message.startswith('bbox_head.cls_convs.1.reduce.conv.weight: ')
    lacking = {k: v for k, v in source.items() if k != name}
    message = error_of(convert_state_dict, lacking)
    assert 'the checkpoint has [0, 2, 3]' in message


class Bomb:
    """Runs a command where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize('zipped', [True, False])
def test_code_is_not_run(save, source, tmp_path, zipped):
    target = tmp_path / 'exploded'
    path = tmp_path / 'evil.pth'
    torch.save(
        dict(state_dict=source, epoch=Bomb(target)),
        path,
        _use_new_zipfile_serialization=zipped,
    )
    message = error_of(convert_file, path, tmp_path / 'b')
    assert message.startswith(f'{path}: not loaded, as it holds more than')
    assert 'mkdir' in message and '\n' not in message
    assert 'weights_only' not in message  # torch advises to load it unsafely
    assert [x.name for x in tmp_path.iterdir()] == ['evil.pth']
    torch.load(path, weights_only=False)
    assert target.is_dir()  # the bomb was a live one


def test_plain_pickle_is_not_run(tmp_path):
    path = tmp_path / 'evil.pkl'
    path.write_bytes(pickle.dumps(Bomb(tmp_path / 'exploded')))
    message = error_of(load_state_dict, path)
    assert message.startswith(f'{path}: not ')
    assert [x.name for x in tmp_path.iterdir()] == ['evil.pkl']


@pytest.mark.parametrize(
    'content',
    [
        b'version https://git-lfs.github.com/spec/v1\n',
        b'<!DOCTYPE html>\n<html>\n',
        b'hello\nworld',
        bytes(500),
        b'PK\x03\x04' + bytes(500),
    ],
)
def test_no_checkpoint(tmp_path, content):
    path = tmp_path / 'SRN.pth'
    path.write_bytes(content)
    message = error_of(load_state_dict, path)
    expected = r'not a checkpoint, or damaged \(\w+\); copy or download it'
    assert re.match(re.escape(f'{path}: ') + expected, message)
    assert '\n' not in message


@pytest.mark.parametrize('zipped', [True, False])
def test_truncated(source, tmp_path, zipped):
    path = tmp_path / 'SRN.pth'
    torch.save(source, path, _use_new_zipfile_serialization=zipped)
    assert load_state_dict(path).keys() == source.keys()
    path.write_bytes(path.read_bytes()[:-1000])
    assert 'not a checkpoint, or damaged' in error_of(load_state_dict, path)


def test_no_file(tmp_path):
    empty = tmp_path / 'empty.pth'
    empty.touch()
    assert f'{empty}: the file is empty; ' in error_of(load_state_dict, empty)
    assert 'no such file; give ' in error_of(load_state_dict, tmp_path / 'no')
    assert 'is a folder; give ' in error_of(load_state_dict, tmp_path)


@pytest.mark.parametrize(
    'content',
    [
        [torch.zeros(1)],
        torch.zeros(1),
        dict(state_dict=3),
        dict(state_dict={}),
        {1: torch.zeros(1)},
        dict(epoch=3),
    ],
)
def test_no_tensors_by_name(tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    message = error_of(load_state_dict, tmp_path / 'a.pth')
    assert 'holds no tensors by name; give ' in message


def test_failed_write_leaves_the_former_file(save, tmp_path, monkeypatch):
    src, dst = save(), tmp_path / 'out/srn.pth'
    dst.parent.mkdir()
    dst.write_text('former')

    def torn(content, path):
        path.write_text('half')
        raise RuntimeError('no space left')

    monkeypatch.setattr(torch, 'save', torn)
    message = error_of(convert_file, src, dst)
    assert message == f'{dst}: cannot be written: no space left'
    assert [x.name for x in dst.parent.iterdir()] == ['srn.pth']
    assert dst.read_text() == 'former'


def test_place_to_write_is_a_folder(save, tmp_path):
    dst = tmp_path / 'folder'
    dst.mkdir()
    assert 'cannot be written' in error_of(convert_file, save(), dst)
    assert {x.name for x in tmp_path.iterdir()} == {'SRN.pth', 'folder'}
