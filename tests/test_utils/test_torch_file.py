"""Files of torch.save: what was saved, or nothing."""

import argparse
import io
import pathlib
import zipfile
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer

from mmsrn.utils.pickled_objects import StandIn
from mmsrn.utils.torch_file import read_torch_file


def packed(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    file.seek(0)
    return file


@pytest.fixture(scope='module')
def content():
    """All that checkpoints hold."""
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)
    )
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    history = HistoryBuffer()
    for value in range(9):
        history.update(value / 3)
    base = torch.arange(12.0).view(3, 4)
    kinds = ('float64', 'half', 'bfloat16', 'bool', 'int64', 'int32', 'int16')
    kinds += ('int8', 'uint8', 'complex64', 'uint16')
    return dict(
        state_dict=network.state_dict(),
        optimizer=optimizer.state_dict(),
        log=OrderedDict(loss=history),
        turned=base.t(),
        part=base[1:, 2:],
        parameter=torch.nn.Parameter(base),
        expanded=torch.zeros(1).expand(5),
        empty=torch.empty(0, 4),
        scalar=torch.tensor(3.0),
        tensors={x: base.to(getattr(torch, x)) for x in kinds},
        arrays=[
            np.float64(2.5),
            np.arange(6).reshape(2, 3),
            np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            np.array([True, False]),
            np.zeros((0, 3), np.float32),
            np.arange(3, dtype='>i4'),
            np.str_('hé'),
        ],
        plain=(1, 2.5, None, True, 10**30, -7, b'ab\xff', 'é', {1, 2}),
        more=[frozenset('ab'), bytearray(b'x'), 1 + 2j, torch.Size([1, 2])],
        counted=[OrderedDict(a=1), torch.float32],
    )


def assert_same(found, wanted):
    assert type(found) is type(wanted) or isinstance(wanted, torch.Tensor)
    if isinstance(wanted, torch.Tensor):
        assert found.dtype == wanted.dtype
        assert found.shape == wanted.shape
        assert found.stride() == wanted.stride()
        assert torch.equal(found, wanted.detach())
    elif isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype
        assert found.flags['F_CONTIGUOUS'] == wanted.flags['F_CONTIGUOUS']
        np.testing.assert_array_equal(found, wanted)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        assert_same(list(found.values()), list(wanted.values()))
    elif isinstance(wanted, (list, tuple)):
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, HistoryBuffer):
        for one, other in zip(found.data, wanted.data):
            assert_same(one, other)
        assert found.max_length == wanted.max_length
        assert found.mean() == wanted.mean()
    else:
        assert found == wanted


@pytest.mark.parametrize('protocol', [2, 4, 5])
@pytest.mark.parametrize('of_today', [True, False])
def test_what_was_saved(content, of_today, protocol):
    file = packed(
        content,
        _use_new_zipfile_serialization=of_today,
        pickle_protocol=protocol,
    )
    found = read_torch_file(file)
    assert_same(found, content)
    assert found['state_dict']._metadata == content['state_dict']._metadata
    # As in the file, two are parts of one memory.
    found['turned'][3, 2] = -1
    assert found['part'][1, 1] == found['parameter'][2, 3] == -1


def test_objects_become_plain(tmp_path):
    (tmp_path / 'own.py').write_text('a = 1')
    cfg = Config.fromfile(tmp_path / 'own.py')
    found = read_torch_file(
        packed(
            dict(
                config=ConfigDict(a=dict(b=1)),
                text=cfg,
                path=pathlib.Path('/a/b'),
                args=argparse.Namespace(lr=1),
                counter=Counter('aab'),
                default=defaultdict(int, a=1),
                device=torch.device('cpu'),
            )
        )
    )
    assert type(found['args']) is StandIn
    assert found['args'].state == dict(lr=1)
    del found['args']
    assert found == dict(
        config=dict(a=dict(b=1)),
        text=cfg.text,
        path='/a/b',
        counter=dict(a=2, b=1),
        default=dict(a=1),
        device='cpu:0',
    )


def repacked(change, content=None):
    """A file of a vector, with a change of one of its entries."""
    source = zipfile.ZipFile(packed(dict(a=torch.arange(4.0))))
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w') as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, change(name, data))
    file.seek(0)
    return file


NUMBER, SHAPE = b'K\x04tq\x07', b'K\x00K\x04\x85'


@pytest.mark.parametrize(
    'old, new, words',
    [
        (b'', b'', None),
        # More in memory, or in the tensor, than there is.
        (NUMBER, b'M\x00\x10tq\x07', 'the memory of a tensor has the'),
        (SHAPE, b'K\x00K\x05\x85', 'a tensor reaches beyond its memory'),
        (SHAPE, b'K\x01K\x04\x85', 'a tensor reaches beyond its memory'),
        (SHAPE, b'K\x00J\xff\xff\xff\xff\x85', 'a shape is invalid'),
        (SHAPE, b'J\xff\xff\xff\xffK\x04\x85', 'a shape is invalid'),
        # 4 TB by repetition.
        (SHAPE + b'q\x08K\x01', b'K\x00\x8a\x05\0\0\0\0\x01\x85q\x08K\x00',
         'a tensor of 4294967296 elements has 4'),
        (b'FloatStorage', b'QInt8Storage', 'it asks for torch.QInt8Storage'),
        (b'cpu', b'cup', None),
    ],
)  # fmt: skip
def test_forged_tensors(old, new, words):
    file = repacked(
        lambda name, data: (
            data.replace(old, new) if name.endswith('.pkl') else data
        )
    )
    if words is None:
        assert read_torch_file(file)['a'].tolist() == [0, 1, 2, 3]
        return
    with pytest.raises((TypeError, ValueError), match=words):
        read_torch_file(file)


def test_forged_entries():
    def cut(name, data):
        return data[:-4] if name.endswith('data/0') else data

    with pytest.raises(ValueError, match='memory of a tensor has the'):
        read_torch_file(repacked(cut))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as file:
        file.writestr('a/data.pkl', bytes(1 << 20))
    bomb.seek(0)
    with pytest.raises(ValueError, match='it is not packed as torch.save'):
        read_torch_file(bomb)
    other = io.BytesIO()
    with zipfile.ZipFile(other, 'w') as file:
        file.writestr('notes.txt', 'no weights')
    other.seek(0)
    with pytest.raises(ValueError, match='a zip file that torch.save did'):
        read_torch_file(other)


def test_old_file_that_asks_for_much():
    data = packed(
        torch.arange(4.0), _use_new_zipfile_serialization=False
    ).getvalue()
    number = b'K\x04N'  # in the pickle
    assert data.count(number) == 1
    much = data.replace(number, b'\x8a\x05\0\0\0\0\x10N')
    with pytest.raises(ValueError, match='is incomplete'):
        read_torch_file(io.BytesIO(much))
    with pytest.raises(ValueError, match='wrong size'):
        read_torch_file(io.BytesIO(data.replace(number, b'K\x05N')))


def test_damaged_files():
    """Any cut is an error, in any format; no flipped byte is a crash."""
    for of_today in (True, False):
        data = packed(
            dict(a=torch.arange(4.0), b=np.arange(3)),
            _use_new_zipfile_serialization=of_today,
        ).getvalue()
        for end in range(0, len(data) - 1, 29):
            with pytest.raises(Exception):  # noqa: B017
                read_torch_file(io.BytesIO(data[:end]))
        rng = np.random.default_rng(0)
        for _ in range(200):
            other = bytearray(data)
            other[rng.integers(len(data))] = rng.integers(256)
            try:
                read_torch_file(io.BytesIO(bytes(other)))
            except Exception as error:
                assert not isinstance(error, MemoryError)
