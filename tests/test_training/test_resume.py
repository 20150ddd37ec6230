"""Killed and resumed trainings end as those that were not interrupted."""

import signal

import pytest
import torch

EPOCHS = 3
ITERATIONS = 2  # of an epoch

# Imported by the config of the training that is to die.
KILLER = """
import os
import signal

from mmdet.registry import HOOKS
from mmengine.hooks import Hook


@HOOKS.register_module()
class Killer(Hook):
    def __init__(self, iteration):
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def weights(folder):
    path = folder / f'epoch_{EPOCHS}.pth'
    return torch.load(path, weights_only=False)['state_dict']


@pytest.fixture(scope='module')
def make(make_config):
    """Function that writes a config with random augmentation in workers."""

    def write(path, **changes):
        changes['train_dataloader.num_workers'] = 2
        return make_config(path, EPOCHS, augment=True, **changes)

    return write


@pytest.fixture(scope='module')
def uninterrupted(run, make, tmp_path_factory):
    """Weights of a training that nothing happens to."""
    folder = tmp_path_factory.mktemp('uninterrupted')
    config = make(folder / 'config.py')
    run('tools/train.py', config, '--work-dir', folder)
    return weights(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    'iteration', [2 * ITERATIONS, 2 * ITERATIONS + 1], ids=['between', 'amid']
)
def test_killed_and_resumed(run, make, uninterrupted, tmp_path, iteration):
    (tmp_path / 'killer.py').write_text(KILLER)
    config = make(tmp_path / 'config.py')
    deadly = make(
        tmp_path / 'deadly.py',
        custom_imports=dict(imports=['mmsrn.models', 'killer']),
        custom_hooks=[dict(type='Killer', iteration=iteration)],
    )
    args = ('--work-dir', tmp_path)
    dead = run(
        'tools/train.py', deadly, *args, check=False, path=str(tmp_path)
    )
    assert dead.returncode == -signal.SIGKILL, dead.stdout
    assert (tmp_path / 'epoch_2.pth').is_file()
    assert not (tmp_path / 'epoch_3.pth').exists()
    out = run('tools/train.py', config, '--resume', *args).stdout
    assert 'resumed epoch: 2' in out
    ours = weights(tmp_path)
    assert ours.keys() == uninterrupted.keys()
    for name, value in uninterrupted.items():
        assert torch.equal(ours[name], value), name
