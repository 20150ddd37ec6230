"""The scripts that start several processes."""

import os
import sys

import pytest

LOG = {'default_hooks.logger.interval': 1}
# Stands in for Slurm on one node: its options, then the command.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do
    [[ $1 == --ntasks=* ]] && tasks=${1#*=}
    shift
done
export SLURM_NTASKS=$tasks SLURM_NODELIST=node1
for ((i = 0; i < tasks; i++)); do
    SLURM_PROCID=$i SLURM_LOCALID=$i "$@" &
    started+=($!)
done
for process in "${started[@]}"; do wait "$process" || exit; done
"""


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


@pytest.mark.slow
def test_slurm_train(root, finish, free_port, make_config, tmp_path):
    for name, text in (('srun', SRUN), ('scontrol', '#!/bin/sh\nexit 1\n')):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    config = make_config(tmp_path / 'config.py', epochs=1, **LOG)
    done = finish(
        ['bash', root / 'tools/slurm_train.sh', 'partition', 'faces', config]
        + [tmp_path / 'run', '--cfg-options', 'val_cfg=None']
        + ['val_dataloader=None', 'val_evaluator=None'],
        PYTHON=sys.executable,
        PATH=f'{tmp_path}:{os.environ["PATH"]}',
        GPUS='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(free_port()),
        CUDA_VISIBLE_DEVICES='',
    )
    assert done.returncode == 0, done.stdout
    assert '[1][1/1]' in done.stdout
    assert (tmp_path / 'run/epoch_1.pth').is_file()
