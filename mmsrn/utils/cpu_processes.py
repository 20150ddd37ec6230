"""Several processes on machines without accelerator."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config


def start_cpu_processes(cfg: Config | None = None) -> None:
    """Join the processes of ``torchrun`` or of Slurm's ``srun``.

    mmengine would select a GPU, whatever the backend.

    Args:
        cfg (Config, optional): The complete config, whose ``launcher`` may be
            ``'slurm'``; changed in place so that its model is wrapped for a
            CPU.
    """
    import torch.distributed as dist

    if cfg is not None and cfg.launcher == 'slurm':
        _take_variables_of_slurm()
    dist.init_process_group('gloo')
    if cfg is not None:
        cfg.setdefault(
            'model_wrapper_cfg',
            {'type': 'MMDistributedDataParallel', 'device_ids': None},
        )


def _take_variables_of_slurm() -> None:
    """Say in torch's variables what Slurm says in its own."""
    found = os.environ
    for name, theirs in (
        ('RANK', 'PROCID'),
        ('WORLD_SIZE', 'NTASKS'),
        ('LOCAL_RANK', 'LOCALID'),
    ):
        found[name] = found[f'SLURM_{theirs}']
    if 'MASTER_ADDR' not in found:
        hosts = subprocess.check_output(
            ['scontrol', 'show', 'hostnames', found['SLURM_NODELIST']],
            text=True,
        )
        found['MASTER_ADDR'] = hosts.split()[0]
    found.setdefault('MASTER_PORT', '29500')


def leave_cpu_processes() -> None:
    """End this process, successfully, together with the others.

    Does nothing where gloo does not connect the processes.  gloo has no
    reliable end: its threads may outlive the interpreter, which aborts the
    process after all its work (pytorch/pytorch#179291), and a process that
    still closes its connections may wait forever for one that is gone.  So
    all meet at the store, where no connection between them is in use, and
    end without closing anything.  Call it last: nothing runs after it.
    """
    import torch.distributed as dist

    if not dist.is_initialized() or dist.get_backend() != 'gloo':
        return
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # The only way to a store that others than torchrun's agent may host.
    store = dist.distributed_c10d._get_default_store()
    rank, others = dist.get_rank(), range(1, dist.get_world_size())
    store.set(f'mmsrn_done_{rank}', '')
    store.wait([f'mmsrn_done_{x}' for x in (0, *others)])
    # The first process may host the store, so it leaves last.
    if rank:
        store.set(f'mmsrn_left_{rank}', '')
    elif others:
        store.wait([f'mmsrn_left_{x}' for x in others])
    os._exit(0)
