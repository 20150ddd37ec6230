"""The scripts that start several processes."""

import sys

import pytest

LOG = {'default_hooks.logger.interval': 1}


@pytest.mark.slow
def test_dist_train(root, finish, free_port, make_config, tmp_path):
    config = make_config(tmp_path / 'config.py', epochs=1, **LOG)
    done = finish(
        ['bash', root / 'tools/dist_train.sh', config, '2']
        + ['--work-dir', tmp_path / 'run', '--cfg-options', 'val_cfg=None']
        + ['val_dataloader=None', 'val_evaluator=None'],
        PYTHON=sys.executable,
        PORT=str(free_port()),
        CUDA_VISIBLE_DEVICES='',
    )
    assert done.returncode == 0, done.stdout
    # Eight images in batches of four: one step of both processes.
    assert '[1][1/1]' in done.stdout
    assert (tmp_path / 'run/epoch_1.pth').is_file()
