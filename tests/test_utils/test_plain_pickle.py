"""Pickles: data alone, and nothing of them is run."""

import pickle
import pickletools
import struct
from pathlib import PurePosixPath

import numpy as np
import pytest

from mmsrn.utils import plain_pickle
from mmsrn.utils.pickled_arrays import plain_names
from mmsrn.utils.pickled_objects import StandIn
from mmsrn.utils.plain_pickle import read_pickle


def read(data):
    return read_pickle(data, plain_names())


PLAIN = [
    [1, 2.5, 'é', b'\xff', None, True, -(10**40)],
    {'a': (1, (2, (3, 4, 5, 6))), 'b': {}, 3: [], (1, 'x'): 0.5},
    [{1, 2}, frozenset('ab'), bytearray(b'xy'), set()],
    [[]] * 3,
]


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('content', PLAIN)
def test_plain_containers(content, protocol):
    assert read(pickle.dumps(content, protocol)) == content


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_arrays(protocol):
    for array in (
        np.arange(6, dtype='>i2').reshape(2, 3),
        np.asfortranarray(np.ones((2, 3), np.float16)),
        np.array([[True], [False]]),
        np.zeros((0, 4), np.float32),
        np.array(3.0),
    ):
        both = read(pickle.dumps([array, array], protocol))
        assert both[0] is both[1]
        assert both[0].dtype == array.dtype
        np.testing.assert_array_equal(both[0], array)
        both[0].setflags(write=True)
    for scalar in (np.float32(1.5), np.int64(-3), np.bool_(True)):
        found = read(pickle.dumps(scalar, protocol))
        assert found == scalar and type(found) is type(scalar)


def test_lists_that_hold_themselves():
    loop = []
    loop.append(loop)
    found = read(pickle.dumps(loop))
    assert found[0] is found


class Called:
    """Pickled as a call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def call_of(name, *args):
    """A pickle that calls what has a name, with protocol 2."""
    module, _, name = name.rpartition('.')
    data = pickle.dumps(args, 2)[2:-1]
    return b'\x80\x02c' + f'{module}\n{name}\n'.encode() + data + b'R.'


MEMORY = {'data': (4096, False), 'shape': (9,), 'typestr': '|u1'}
STATE = pickle.dumps({'x': 1}, 2)[2:-1]


@pytest.mark.parametrize(
    'data, words',
    [
        (call_of('os.system', 'true'), 'it asks for os.system, which'),
        (call_of('builtins.eval', '1'), 'it asks for builtins.eval'),
        (call_of('__builtin__.eval', '1'), 'it asks for builtins.eval'),
        (call_of('builtins.dict.fromkeys', 'a'), 'asks for builtins.dict.fro'),
        (b'ios\nsystem\n(.', 'the unusual operation INST'),
        (b'\x82\x01.', 'the unusual operation EXT1'),
        (b'Px\n.', 'the unusual operation PERSID'),
        (b'NQ.', 'it asks for what lies outside'),
        # Data that are called, filled or changed.
        (b']N\x85R.', 'a list is called'),
        (b'cnumpy\nndarray\nK\x05\x85\x85R.', 'a NoneType is called'),
        (b'NK\x01a.', 'a NoneType gets items'),
        (b'NK\x01K\x02s.', 'a NoneType gets keys'),
        (b'K\x01' + STATE + b'b.', 'a int gets a state'),
        # Structured, with objects: what they point to would be read.
        (call_of('numpy.dtype', 'V8', False, True), "of 'V8' instead of num"),
        (call_of('numpy.dtype', 'O', False, True), "of 'O' instead of num"),
        (call_of('numpy.dtype', 'f4,O', False, True), "of 'f4,O' instead"),
        (call_of('numpy.dtype', [('a', 'O')], 0, 1), ''),
        # Attributes of an allowed class.
        (
            call_of('pathlib.PurePath', 'a')[:-1] + STATE + b'b.',
            'a str gets a state',
        ),
        # Hashes that take for ever: of a pair of pairs of pairs ...
        (b'}K\x01' + b'2\x86' * 60 + b'Ns.', 'a tuple is a key'),
        (b'}\x8a\x08\0\0\0\0\0\0\0\x10Ns.', 'a int is a key'),
        (b'(]\x91.', 'a list is a key'),
        # 20 GB: of bytes, of memory for references, of zeros.
        (b'\x8e' + struct.pack('<Q', 20 << 30) + b'.', 'remain|expected'),
        (b'\x96' + struct.pack('<Q', 20 << 30) + b'.', 'remain|expected'),
        (b'Nr\xff\xff\xff\xff0j\xff\xff\xff\x7f.', ''),
        (call_of('builtins.bytearray', 20 << 30), 'bytes are invalid'),
        (call_of('_codecs.encode', 'x', 'zlib'), 'invalid bytes'),
        (b'.', ''),
        (b'K\x01', ''),
        (b'', ''),
    ],
)
def test_what_is_refused(data, words):
    with pytest.raises(Exception, match=words or None) as caught:
        read(data)
    assert isinstance(
        caught.value, (IndexError, KeyError, TypeError, ValueError)
    )


def forged_array(state):
    """An array with a state of its own."""
    array = pickle.dumps(np.arange(3.0), 2)
    start = [x[2] for x in pickletools.genops(array) if x[0].name == 'REDUCE']
    data = pickle.dumps(state, 2)[2:-1]
    return array[: start[0] + 1] + data + b'b.'


@pytest.mark.parametrize(
    'state',
    [
        None,
        {},
        (1, (3,)),
        (1, (3,), np.dtype('f8'), False, b'short'),
        (1, (1 << 40,), np.dtype('f8'), False, b''),
        (1, (-1,), np.dtype('f8'), False, bytes(8)),
        (1, ('3',), np.dtype('f8'), False, bytes(24)),
        (1, (0,) * 99, np.dtype('f8'), False, b''),
        (1, (1,), np.dtype('f8'), False, [object]),
        (1, (1,), None, False, bytes(8)),
    ],
    ids=range(10),
)
def test_forged_arrays(state):
    with pytest.raises(Exception) as caught:
        read(forged_array(state))
    assert isinstance(caught.value, (TypeError, ValueError))


def test_stand_ins_hold_data_alone():
    """Not even their attributes are such: they could tell of memory."""

    data = (
        b'\x80\x02cmmdet.structures\nDetDataSample\n)\x81'
        + pickle.dumps(dict(__array_interface__=MEMORY, tensor=3), 2)[2:-1]
        + b'b.'
    )
    found = read(data)
    assert type(found) is StandIn and found.state['tensor'] == 3
    assert not hasattr(found, '__array_interface__')
    assert not hasattr(found, '__dict__')
    assert np.asarray(found).dtype == object


def test_paths_are_text():
    for path in (PurePosixPath('/a', 'b.jpg'), PurePosixPath('c')):
        assert read(pickle.dumps(path)) == str(path)


def test_limit_of_parts(monkeypatch):
    monkeypatch.setattr(plain_pickle, 'MAX_OPERATIONS', 50)
    assert read(pickle.dumps([1] * 20)) == [1] * 20
    with pytest.raises(ValueError, match='more than 50 parts'):
        read(pickle.dumps([1] * 60))


def test_nothing_is_run(tmp_path):
    ran = tmp_path / 'ran'
    for depth in range(3):
        evil = Called(open, str(ran), 'w')
        for _ in range(depth):
            evil = [evil, {'a': evil}]
        data = pickle.dumps(evil)
        with pytest.raises(ValueError, match='it asks for'):
            read(data)
        assert not ran.exists()
    pickle.loads(data)  # so it would have been
    assert ran.exists()
