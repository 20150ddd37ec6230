"""A set and a config so small that whole trainings fit into a test."""

import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from demo.synthetic_faces import write_synthetic_wider_face

DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
SIDE = 224
EPOCHS = 100  # to know eight images by heart
PATIENCE = 900  # seconds; many times what any one process needs


@pytest.fixture(scope='session')
def eight_images(tmp_path_factory):
    """Synthetic set of 8 training and 5 validation images."""
    folder = tmp_path_factory.mktemp('eight') / 'data'
    write_synthetic_wider_face(
        folder, 8, 5, size=(SIDE, SIDE), seed=3, progress=False
    )
    return folder


@pytest.fixture(scope='session')
def make_config(root, eight_images):
    """Function that writes a config of the demo's model on the 8 images."""

    def make(path, epochs, augment=False, **changes):
        cfg = Config.fromfile(root / DEMO)
        cfg.merge_from_dict(
            {
                f'{loader}_dataloader.dataset.data_root': f'{eight_images}/'
                for loader in ('train', 'val', 'test')
            }
        )
        if not augment:
            cfg.train_dataloader.dataset.pipeline = [
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations', with_bbox=True),
                dict(type='PackDetInputs'),
            ]
        cfg.train_dataloader.batch_size = 4
        cfg.train_cfg.max_epochs = epochs
        cfg.train_cfg.val_interval = 1000
        cfg.param_scheduler[1].T_max = epochs
        cfg.default_hooks.checkpoint.interval = 1
        cfg.randomness = dict(seed=1)
        cfg.merge_from_dict(changes)
        cfg.dump(path)
        return path

    return make


@pytest.fixture(scope='session')
def free_port():
    """Function that returns a port nothing listens on."""

    def find():
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            return free.getsockname()[1]

    return find


@pytest.fixture(scope='session')
def finish(root):
    """Function that runs a command in the repository, within bounds.

    Processes that wait for each other would else wait for hours.
    """

    def start(command, **env):
        with subprocess.Popen(
            [str(x) for x in command],
            cwd=root,
            env={**os.environ, 'OMP_NUM_THREADS': '1', **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                out, _ = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.terminate()  # the launcher ends its processes
                try:
                    out, _ = process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    out = '(no output: it had to be killed)'
                pytest.fail(f'{command} hangs:\n{out}')
        return subprocess.CompletedProcess(command, process.returncode, out)

    return start


@pytest.fixture(scope='session')
def run(root, finish, free_port):
    """Function that runs a tool and returns the finished process.

    With this repository, even if another copy of it is the installed one.  Of
    several machines, which are addresses of this one, it returns the outputs
    of all.
    """

    def start(*args, check=True, processes=None, machines=1, path=''):
        commands = [[sys.executable, *args]]
        if processes:
            # The address, not --standalone: that asks for the host's name,
            # which no server may know.
            torchrun = [sys.executable, '-m', 'torch.distributed.run']
            torchrun += [f'--nproc-per-node={processes // machines}']
            torchrun += [f'--nnodes={machines}', '--master-addr=127.0.0.1']
            torchrun += [f'--master-port={free_port()}']
            commands = [
                [*torchrun, *rank_and_address, *args]
                for rank_and_address in (
                    (f'--node-rank={i}', f'--local-addr=127.0.0.{i + 1}')
                    for i in range(machines)
                )
            ]
        path = f'{path}{os.pathsep}{root}'
        with ThreadPoolExecutor(machines) as pool:
            ends = [*pool.map(lambda x: finish(x, PYTHONPATH=path), commands)]
        text = ''.join(x.stdout for x in ends)
        done = max(ends, key=lambda x: abs(x.returncode))
        if check and done.returncode:
            pytest.fail(f'{args} ended with {done.returncode}:\n{text}')
        return subprocess.CompletedProcess(args, done.returncode, text)

    return start


@pytest.fixture(scope='session')
def weights(root, tmp_path_factory):
    """A checkpoint of the demo's model, untrained."""
    from mmdet.registry import MODELS

    from mmsrn.testing.models import load_model_cfg

    torch.manual_seed(0)
    model = MODELS.build(load_model_cfg(root / DEMO))
    model.init_weights()
    path = tmp_path_factory.mktemp('untrained') / 'weights.pth'
    torch.save({'state_dict': model.state_dict()}, path)
    return path


@dataclass
class Trained:
    """A model that knows the eight images by heart."""

    config: Path
    checkpoint: Path
    ap50: float


@pytest.fixture(scope='session')
def trained(run, make_config, tmp_path_factory):
    """Train from scratch on the 8 images and test on the same."""
    folder = tmp_path_factory.mktemp('overfit')
    same = 'wider_face_split/wider_face_train_bbx_gt.txt'
    config = make_config(
        folder / 'config.py',
        epochs=EPOCHS,
        **{
            # Without norm, which keeps from learning by heart; the demo's
            # rate is for that and for batches of eight.
            'model.neck.norm_cfg': None,
            'model.bbox_head.norm_cfg': None,
            'optim_wrapper.optimizer.lr': 0.002,
            'default_hooks.checkpoint.interval': EPOCHS,
        },
        **{
            f'{loader}_dataloader.dataset.{key}': value
            for loader in ('val', 'test')
            for key, value in (
                ('ann_file', same),
                ('data_prefix.img', 'WIDER_train/images/'),
            )
        },
    )
    run('tools/train.py', config, '--work-dir', folder)
    checkpoint = folder / f'epoch_{EPOCHS}.pth'
    out = run('tools/test.py', config, checkpoint, '--work-dir', folder)
    return Trained(config, checkpoint, ap50(out.stdout))


def ap50(text):
    """AP at IoU 0.5 that the last test printed."""
    return float(re.findall(r'pascal_voc/mAP: ([\d.]+)', text)[-1])
