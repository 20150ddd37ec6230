"""The scripts that start several processes."""

import os
import socket
import subprocess
import sys

import pytest

LOG = {'default_hooks.logger.interval': 1}


@pytest.mark.slow
def test_dist_train(root, make_config, tmp_path):
    config = make_config(tmp_path / 'config.py', epochs=1, **LOG)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    done = subprocess.run(
        ['bash', root / 'tools/dist_train.sh', config, '2']
        + ['--work-dir', tmp_path / 'run', '--cfg-options', 'val_cfg=None']
        + ['val_dataloader=None', 'val_evaluator=None'],
        env={
            **os.environ,
            'PYTHON': sys.executable,
            'PORT': str(port),
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '',
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    # Eight images in batches of four: one step of both processes.
    assert '[1][1/1]' in done.stdout
    assert (tmp_path / 'run/epoch_1.pth').is_file()
