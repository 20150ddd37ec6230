"""Checkpoints are whole, and stay where they are saved."""

import builtins
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmdet.registry import HOOKS
from mmengine.fileio import get_file_backend
from mmengine.logging import MessageHub
from mmengine.runner import save_checkpoint

import mmsrn.engine  # noqa: F401  registers the hook
from mmsrn.cli.resume import last_checkpoint
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


class Killed(BaseException):
    """Ends a training where ``kill -9`` would."""


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Function that trains epochs, with the hook and no network.

    It ends before the given step on files, and returns how many there were.
    """
    steps = []

    def go_on():
        steps.append(None)
        if len(steps) > train.last:
            raise Killed

    def count(owner, name):
        real = getattr(owner, name)

        def step(*args, **kwargs):
            ours = str(tmp_path) in str(args[0])
            if ours:
                go_on()
            result = real(*args, **kwargs)
            if ours and name == 'open':
                go_on()  # the file is empty now
            return result

        monkeypatch.setattr(owner, name, step)

    for owner, name in (
        *((os, 'replace'), (os, 'remove'), (Path, 'write_bytes')),
        (builtins, 'open'),
    ):
        count(owner, name)

    def save(folder, filename, file_client_args, **settings):
        state = dict(name=filename, hub=dict(train.hub.runtime_info))
        path = os.path.join(folder, filename)
        data = json.dumps(state).encode()
        backend = get_file_backend(path, backend_args=settings['backend_args'])
        backend.put(data, path)

    def train(scores, start=0, state=None, last=10**6):
        steps.clear()
        train.last = last
        name = f'{tmp_path.name} {start} {last}'
        train.hub = MessageHub.get_instance(name)
        for key, value in (state or {}).items():
            train.hub.update_info(key, value)
        hook = make(
            interval=1, max_keep_ckpts=1, save_best='AP', rule='greater'
        )
        runner = SimpleNamespace(
            work_dir=str(tmp_path),
            message_hub=train.hub,
            logger=SimpleNamespace(info=str),
            save_checkpoint=save,
            epoch=start,
            iter=start,
        )
        hook.before_train(runner)
        for score in scores[start:]:
            hook.after_train_epoch(runner)
            runner.epoch += 1
            hook.after_val_epoch(runner, dict(AP=score))
        return len(steps)

    return train


def test_killed_at_every_step(train, tmp_path):
    """The last checkpoint and the best one are there, and whole."""
    scores = [0.1, 0.2, 0.3]
    number = train(scores)
    whole = {'best_AP_epoch_3.pth', 'epoch_3.pth', 'last_checkpoint'}
    assert {x.name for x in tmp_path.iterdir()} == whole
    assert number > 15
    for step in range(number):
        for file in tmp_path.iterdir():
            file.unlink()
        with pytest.raises(Killed):
            train(scores, last=step)
        train.last = 10**6
        found = last_checkpoint(tmp_path)
        names = {x.name for x in tmp_path.iterdir()}
        done, hub = 0, {}
        if found is not None:
            state = json.loads(Path(found).read_bytes())
            done = int(state['name'].removesuffix('.pth')[-1])
            hub = state['hub']
        # One epoch is lost at most, and no best checkpoint.
        assert hub.get('best_ckpt') is None or Path(hub['best_ckpt']).is_file()
        if done > 1:
            assert any(x.startswith('best_') for x in names), step
        train(scores, done, hub)
        names = {x.name for x in tmp_path.iterdir()}
        assert not [x for x in names if is_partial(x)]
        assert {'epoch_3.pth', 'last_checkpoint'} <= names, step
