"""A training that is killed and resumed ends as one that was not."""

import signal

import pytest
import torch

EPOCHS = 3  # of two iterations

# Imported by the config of the training that is to die.
KILLER = """
import os
import signal

from mmdet.registry import HOOKS
from mmengine.hooks import Hook

replace = os.replace


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@HOOKS.register_module()
class Killer(Hook):
    def __init__(self, iteration=None, before=None, after=None):
        self.iteration = iteration

        def replace_or_die(source, target):
            name = os.path.basename(target)
            if name == before:
                die()
            replace(source, target)
            if name == after:
                die()

        os.replace = replace_or_die

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            die()
"""
#: Where it dies, one time after the other, and the epoch that is saved then
#: and known as the last: amid an epoch, while it saves, before it notes what
#: it has saved, and between epochs.
DEATHS = [
    (dict(iteration=1), 0),
    (dict(before='epoch_1.pth'), 0),
    (dict(after='epoch_1.pth'), 0),
    (dict(iteration=2), 1),
    (dict(iteration=3), 1),
    (dict(after='epoch_2.pth'), 1),
    (dict(iteration=5), 2),
    (dict(before='epoch_3.pth'), 2),
]


def weights(folder, epoch):
    path = folder / f'epoch_{epoch}.pth'
    return torch.load(path, weights_only=False)['state_dict']


@pytest.fixture(scope='module')
def make(make_config):
    """Function that writes a config with random augmentation in workers."""

    def write(path, **changes):
        changes['train_dataloader.num_workers'] = 2
        changes['default_hooks.checkpoint.max_keep_ckpts'] = -1
        return make_config(path, EPOCHS, augment=True, **changes)

    return write


@pytest.mark.slow
def test_killed_and_resumed(run, make, tmp_path):
    config = make(tmp_path / 'config.py')
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    run('tools/train.py', config, '--work-dir', whole)
    (tmp_path / 'killer.py').write_text(KILLER)
    resume = ('--resume', '--work-dir', cut)
    for i, (death, epoch) in enumerate(DEATHS):
        deadly = make(
            tmp_path / f'deadly{i}.py',
            custom_imports=dict(imports=['mmsrn.models', 'killer']),
            custom_hooks=[dict(type='Killer', **death)],
        )
        dead = run(
            *('tools/train.py', deadly, *resume),
            check=False,
            path=str(tmp_path),
        )
        assert dead.returncode == -signal.SIGKILL, dead.stdout
        noted = cut / 'last_checkpoint'
        last = noted.read_text()[-5] if noted.exists() else '0'
        assert last == str(epoch), death
    out = run('tools/train.py', config, *resume).stdout
    assert 'resumed epoch: 2' in out
    assert not [x for x in cut.glob('.*') if x.is_file()]
    for epoch in range(1, EPOCHS + 1):
        ours, expected = weights(cut, epoch), weights(whole, epoch)
        assert ours.keys() == expected.keys()
        for name, value in expected.items():
            assert torch.equal(ours[name], value), (epoch, name)
