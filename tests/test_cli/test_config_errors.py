"""Exceptions that config and data are to blame for, and bugs."""

from types import SimpleNamespace

import pytest

import mmsrn.models  # noqa: F401
from mmsrn.cli.config_errors import one_line_errors


@pytest.fixture
def end(error_of):
    """Function that returns the line something ends with."""

    def call(function):
        with one_line_errors('own.py'):
            function()

    return lambda function: error_of(call, function)


@pytest.mark.parametrize(
    'model, reason',
    [
        (dict(type='Nonsense'), 'Nonsense is not in the mmdet::model regis'),
        (dict(type='RFE'), "missing 1 required positional argument: 'in_"),
        (dict(type='RFE', in_channels=8, a=1), "keyword argument 'a'"),
        (dict(type='RFE', in_channels=7), '7'),
        (dict(in_channels=8), 'must contain the key "type"'),
    ],
)
def test_model_that_cannot_be_built(end, model, reason, monkeypatch):
    from mmdet.registry import MODELS

    message = end(lambda: MODELS.build(model))
    assert message.startswith('own.py: ') and reason in message
    assert 'Please' not in message and 'MMSRN_TRACEBACK=1' in message
    monkeypatch.setenv('MMSRN_TRACEBACK', '1')
    with pytest.raises((KeyError, TypeError, ValueError)):
        end(lambda: MODELS.build(model))


def test_model_whose_first_weights_do_not_fit(end):
    from mmengine.runner import Runner

    class Model:
        def init_weights(self):
            raise ValueError('checkpoint a.pth holds no enhancer')

    runner = SimpleNamespace(model=Model())
    message = end(lambda: Runner._init_model_weights(runner))
    assert message.startswith('own.py: checkpoint a.pth holds no enhancer')


def raise_from(error):
    """Class of a part that has a bug."""

    class Part:
        def __init__(self):
            raise error

    return Part


@pytest.mark.parametrize(
    'error',
    [
        KeyError('a'),
        TypeError("'NoneType' object is not iterable"),
        AttributeError('a'),
        RuntimeError('CUDA out of memory'),
        AssertionError(),
        IndexError('list index out of range'),
    ],
)
def test_bugs_keep_their_traceback(error):
    from mmdet.registry import MODELS

    with pytest.raises(type(error)):
        with one_line_errors('own.py'):
            MODELS.build(dict(type=raise_from(error)))
    for bug in (error, ValueError('a'), OSError(2, 'a')):  # not in a part
        with pytest.raises(type(bug)):
            with one_line_errors('own.py'):
                raise bug


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize('size', [0, 500])
def test_damaged_image(end, tmp_path, workers, size):
    import cv2
    import numpy as np
    from mmcv.transforms import LoadImageFromFile
    from torch.utils.data import DataLoader

    image = tmp_path / 'image.jpg'
    cv2.imwrite(str(image), np.arange(12_000).reshape(40, 100, 3) % 256)
    load = LoadImageFromFile()

    class Images:
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return load(dict(img_path=str(image)))

    loader = DataLoader(Images(), num_workers=workers)
    list(loader)
    image.write_bytes(image.read_bytes()[:size])
    message = end(lambda: list(loader))
    assert message.startswith('own.py: an image cannot be read: ')
    assert 'tools/misc/verify_dataset.py' in message
    if size:
        assert str(image) in message


@pytest.mark.parametrize(
    'text, why',
    [
        (
            '[gloo/transport/tcp/pair.cc:537] Read error [10.0.0.2]:26853: '
            'Connection reset by peer. This is typically',
            'Connection reset by peer',
        ),
        (
            'NCCL error: remote process exited or there was a network error',
            'remote process exited',
        ),
    ],
)
def test_lost_process(end, text, why):
    def lose():
        raise RuntimeError(text)

    message = end(lose)
    assert f'another process of this job has ended ({why})' in message
    assert '--resume' in message and 'pair.cc' not in message


def test_connection_of_something_else(end):
    def lose():
        raise RuntimeError('Connection reset by peer')

    with pytest.raises(RuntimeError):
        end(lose)
