"""Processes that end together, whatever each of them still held."""

import os
import socket
import subprocess
import sys

import pytest

from mmsrn.utils.cpu_processes import leave_cpu_processes

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
