"""Checkpoints are whole, and stay where they are saved."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmdet.registry import HOOKS
from mmengine.fileio import get_file_backend
from mmengine.logging import MessageHub
from mmengine.runner import save_checkpoint

import mmsrn.engine  # noqa: F401  registers the hook
from mmsrn.utils.atomic_file import is_partial


def make(**settings):
    return HOOKS.build(dict(type='AtomicCheckpointHook', **settings))


def test_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / 'new/epoch_1.pth'
    backend_args = make().backend_args
    save_checkpoint(dict(a=1), str(path), backend_args=backend_args)
    whole = path.read_bytes()
    seen = []

    def fail(file, data):
        with open(file, 'wb') as half:
            half.write(data[:10])
        seen.extend(x.name for x in path.parent.iterdir())
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'write_bytes', fail)
    with pytest.raises(OSError, match='No space'):
        save_checkpoint(dict(a=2), str(path), backend_args=backend_args)
    assert sorted(map(is_partial, seen)) == [False, True]
    assert [x.name for x in path.parent.iterdir()] == ['epoch_1.pth']
    assert path.read_bytes() == whole


def test_other_ways_to_write():
    assert make(backend_args=dict(backend='local')).backend_args == dict(
        backend='local'
    )
    backend = get_file_backend('a', backend_args=make().backend_args)
    assert type(backend).__name__ == 'AtomicBackend'


@pytest.mark.parametrize(
    'keys', [['best_ckpt'], ['best_ckpt_a/hard', 'best_ckpt_a/easy']]
)
def test_best_checkpoint_of_a_copied_folder(tmp_path, request, keys):
    """That of the original is not removed when a better one is found."""
    name = request.node.name.replace('/', '_')
    original, copy = tmp_path / 'original', tmp_path / 'copy'
    hub = MessageHub.get_instance(name)
    for folder in (original, copy):
        folder.mkdir()
        (folder / 'best.pth').touch()
    for key in keys:
        hub.update_info(key, str(original / 'best.pth'))
    hook = make(
        save_best=[x.removeprefix('best_ckpt_') for x in keys]
        if len(keys) > 1
        else 'a/hard',
        rule='greater',
    )
    lines = []
    runner = SimpleNamespace(
        work_dir=str(copy),
        message_hub=hub,
        logger=SimpleNamespace(info=lines.append),
    )
    hook.before_train(runner)
    for key in keys:
        assert hub.get_info(key) == str(copy / 'best.pth')
    paths = (
        [hook.best_ckpt_path]
        if len(keys) == 1
        else [*hook.best_ckpt_path_dict.values()]
    )
    assert set(paths) == {str(copy / 'best.pth')}
