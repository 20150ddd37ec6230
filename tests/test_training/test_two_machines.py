"""Two machines train and test as one process; what is lost there goes on."""

import json
import time

import mmengine
import pytest
import torch

EPOCHS = 2  # of two steps
SLOWEST = 120  # seconds; torch itself would wait for half an hour

# Imported by the config of the training of which a process is to die, once.
KILLER = """
import os
import signal
from pathlib import Path

from mmdet.registry import HOOKS
from mmengine.hooks import Hook


@HOOKS.register_module()
class Killer(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        mark = Path(__file__).with_name('killed')
        if runner.iter == 3 and os.environ['RANK'] == '1':
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope='module')
def make(make_config):
    """Function that writes a config for so many processes, four images all."""

    def write(path, processes, **changes):
        return make_config(
            path,
            EPOCHS,
            **{
                'train_dataloader.batch_size': 4 // processes,
                # Each process has statistics of its own images.
                'model.backbone.norm_eval': True,
                # Adam would make whole steps of gradients near zero.
                'optim_wrapper.optimizer': dict(
                    _delete_=True, type='SGD', lr=0.01, momentum=0.9
                ),
            },
            **changes,
        )

    return write


@pytest.fixture(scope='module')
def deadly(make, tmp_path_factory):
    """Function that writes a config whose second process dies, once."""

    def write(folder):
        (folder / 'killer.py').write_text(KILLER)
        return make(
            folder / 'deadly.py',
            2,
            custom_imports=dict(imports=['mmsrn.models', 'killer']),
            custom_hooks=[dict(type='Killer')],
        )

    return write


@pytest.fixture(scope='module')
def train(run):
    """Function that trains in a folder; returns the process."""

    def start(config, folder, *args, **kwargs):
        if kwargs.get('processes'):
            args = (*args, '--launcher', 'pytorch')
        return run(
            *('tools/train.py', config, '--work-dir', folder, *args), **kwargs
        )

    return start


@pytest.fixture(scope='module')
def machines(make, train, tmp_path_factory):
    """Work folder of a training by a process on each of two machines."""
    folder = tmp_path_factory.mktemp('machines')
    config = make(folder / 'config.py', 2)
    train(config, folder, processes=2, machines=2)
    return folder


def state(folder, epoch=EPOCHS):
    path = folder / f'epoch_{epoch}.pth'
    return torch.load(path, weights_only=False)['state_dict']


@pytest.mark.slow
def test_weights(make, train, machines, tmp_path):
    """After four steps those of one process."""
    train(make(tmp_path / 'config.py', 1), tmp_path)
    one, earlier, two = state(tmp_path), state(tmp_path, 1), state(machines)
    moved = 0
    for name, value in one.items():
        learned = (value - earlier[name]).abs().max()
        worst = (value - two[name]).abs().max()
        assert worst <= 1e-2 * learned + 1e-8, f'{name}: {worst} of {learned}'
        moved += bool(learned > 1e-6)
    assert moved > 80


@pytest.mark.slow
def test_lost_process(deadly, train, machines, tmp_path):
    """The others end at once, with a line; then the training goes on."""
    kwargs = dict(processes=2, machines=2, path=str(tmp_path))
    config = deadly(tmp_path)
    done = train(config, tmp_path, check=False, **kwargs)
    waited = time.time() - (tmp_path / 'killed').stat().st_mtime
    assert done.returncode and waited < SLOWEST
    (line,) = [x for x in done.stdout.splitlines() if 'train.py: error' in x]
    assert 'another process of this job has ended' in line
    assert '--resume' in line and '[rank0]: Traceback' not in done.stdout
    assert not (tmp_path / 'epoch_2.pth').exists()
    out = train(config, tmp_path, '--resume', **kwargs).stdout
    assert 'resumed epoch: 1' in out
    for name, value in state(machines).items():
        assert torch.equal(state(tmp_path)[name], value), name


@pytest.mark.slow
def test_multi_scale_test(run, make, weights, tmp_path):
    """The same numbers, and the same results in the same order."""
    config = make(tmp_path / 'config.py', 1)
    found, numbers = [], []
    for processes in (None, 2):
        folder = tmp_path / str(processes)
        args = ['--tta', '--work-dir', folder, '--out', folder / 'out.pkl']
        several = dict(processes=2, machines=2) if processes else {}
        if processes:
            args += ['--launcher', 'pytorch']
        args += ['--cfg-options', 'tta_pipeline.2.max_size=300']
        run('tools/test.py', config, weights, *args, **several)
        found.append(mmengine.load(folder / 'out.pkl'))
        (log,) = folder.glob('*/*.json')
        numbers.append(json.loads(log.read_text()))
    one, two = found
    assert len(one) == 5
    assert [x['img_path'] for x in one] == [x['img_path'] for x in two]
    for mine, other in zip(one, two):
        for key, value in mine['pred_instances'].items():
            assert other['pred_instances'][key].equal(value)
    one, two = numbers
    assert one['pascal_voc/mAP'] == two['pascal_voc/mAP']
    assert one['protocol'] == two['protocol']
