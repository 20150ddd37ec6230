"""Processes that end together, whatever each of them still held."""

import os
import socket
import subprocess
import sys

import pytest
from mmengine.config import Config

from mmsrn.utils.cpu_processes import (
    leave_cpu_processes,
    start_cpu_processes,
)

# One that is late, work in flight until the end, and a model in a cycle.
SCRIPT = """
import sys, time
import torch
import torch.distributed as dist
from mmsrn.utils.cpu_processes import *

start_cpu_processes()
rank = dist.get_rank()
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 3))
model.me = [model]
if rank == int(sys.argv[1]):
    time.sleep(0.5)
total = torch.ones(1)
dist.all_reduce(total)
sys.stdout.write(f'{rank} of {int(total)}|')
leave_cpu_processes()
sys.stdout.write('never')
"""


@pytest.mark.slow
@pytest.mark.parametrize('late', [0, 1])
def test_all_end_well(root, tmp_path, late):
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = [sys.executable, '-m', 'torch.distributed.run']
    command += ['--nproc-per-node=3', '--master-addr=127.0.0.1']
    command += [f'--master-port={port}', str(script), str(late)]
    env = dict(os.environ, PYTHONPATH=str(root), OMP_NUM_THREADS='1')
    done = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split('|')) == {'0 of 3', '1 of 3', '2 of 3', ''}


def test_without_a_group():
    """A run of one process goes on."""
    leave_cpu_processes()


@pytest.mark.parametrize('given', [None, '10.0.0.9'])
def test_variables_of_slurm(tmp_path, monkeypatch, given):
    """The first host is the master, unless the user names one."""
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text(
        '#!/bin/sh\n'
        '[ "$*" = "show hostnames n[1-2]" ] && printf "n1\\nn2\\n"\n'
    )
    scontrol.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}{os.pathsep}{os.environ["PATH"]}')
    for name, value in dict(
        PROCID='3', NTASKS='4', LOCALID='1', NODELIST='n[1-2]'
    ).items():
        monkeypatch.setenv(f'SLURM_{name}', value)
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_PORT'):
        monkeypatch.setenv(name, '')  # to be restored afterwards
    monkeypatch.delenv('MASTER_PORT')
    monkeypatch.setenv('MASTER_ADDR', given or '')
    if given is None:
        monkeypatch.delenv('MASTER_ADDR')
    backends = []
    monkeypatch.setattr(
        'torch.distributed.init_process_group', backends.append
    )
    start_cpu_processes(Config(dict(launcher='slurm')))
    assert backends == ['gloo']
    found = {x: os.environ[x] for x in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')}
    assert found == dict(RANK='3', WORLD_SIZE='4', LOCAL_RANK='1')
    assert os.environ['MASTER_ADDR'] == (given or 'n1')
    assert os.environ['MASTER_PORT'] == '29500'
