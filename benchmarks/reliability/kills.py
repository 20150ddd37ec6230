"""Commands that are killed at random points, and started again."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from mmsrn.utils.atomic_file import is_partial

__all__ = ['COMMANDS', 'draw_photos', 'kill_and_resume', 'run']

ROOT = Path(__file__).resolve().parents[2]
DEMO = 'configs/demo/srn_r18-thin_fpn_1xb8-40e_synthetic.py'
_EPOCHS = 3


def run(*args: object, **options) -> subprocess.Popen:
    """Start a command of this repository, in a group of its own."""
    env = os.environ | dict(PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    options = (
        dict(
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=env,
            start_new_session=True,
            text=True,
        )
        | options
    )
    command = [sys.executable, '-W', 'ignore', *map(str, args)]
    return subprocess.Popen(command, **options)


def draw_photos(folder: Path, number: int, size: tuple[int, int]) -> Path:
    """Draw noise, in folders and formats."""
    rng = np.random.default_rng(0)
    for i in range(number):
        path = folder / f'{i % 3}/{i}.{("jpg", "png")[i % 2]}'
        path.parent.mkdir(parents=True, exist_ok=True)
        photo = rng.integers(0, 256, (*size[::-1], 3), np.uint8)
        cv2.imwrite(str(path), cv2.GaussianBlur(photo, (0, 0), 4))
    return folder


def _draw_faces(folder: Path, number: int) -> None:
    """Draw a set in WIDER FACE's layout, with five photos to test on."""
    from demo.synthetic_faces import write_synthetic_wider_face

    size = (224, 224)
    write_synthetic_wider_face(
        folder, number, 5, size=size, seed=3, progress=False
    )


class Detect:
    """``mmsrn detect`` with pictures, json and csv."""

    def prepare(self, folder: Path) -> None:
        draw_photos(folder / 'in', 12, (320, 240))

    def command(self, folder: Path, out: Path) -> list:
        return [
            *('-m', 'mmsrn', 'detect', folder / 'in', '--backend', 'onnx'),
            *('--score-thr', '0.05', '--out', out / 'pictures'),
            *('--json', out / 'faces.json', '--csv', out / 'faces.csv'),
        ]

    def result(self, out: Path) -> dict:
        found = {
            str(x.relative_to(out)): x.read_bytes()
            for x in out.rglob('*.*g')
            if not is_partial(x.name)
        }
        for path in out.glob('faces.*'):
            with path.open(newline='') as file:
                if path.suffix == '.csv':
                    found[path.name] = list(csv.reader(file))
                else:
                    records = json.load(file)
                    found[path.name] = [x | dict(timing=0) for x in records]
        return found


class Enhance(Detect):
    """``mmsrn enhance`` with two processes."""

    def command(self, folder: Path, out: Path) -> list:
        return [
            *('-m', 'mmsrn', 'enhance', folder / 'in', out / 'copy'),
            *('--method', 'msrcr', '--workers', '2'),
        ]


class PseudoLabel:
    """``pseudo_label.py`` with two processes, on drawn faces."""

    def prepare(self, folder: Path) -> None:
        _draw_faces(folder / 'data', 12)

    def command(self, folder: Path, out: Path) -> list:
        out.mkdir(exist_ok=True)
        photos = folder / 'data/WIDER_train/images'
        teacher = ROOT / 'mmsrn/zoo/srn_mobilenetv2.onnx'
        tool = ROOT / 'tools/dataset_converters/pseudo_label.py'
        return [
            *(tool, photos, '--out', out / 'faces.txt'),
            *('--teacher', teacher, '--sure', '0.2', '--unsure', '0.1'),
            *('--workers', '2'),
        ]

    def result(self, out: Path) -> dict:
        names = 'faces.txt', 'faces.txt.jpg'
        return {x: (out / x).read_bytes() for x in names if (out / x).exists()}


class Train:
    """A training of three short epochs; ``--resume`` from the start."""

    def prepare(self, folder: Path) -> None:
        from mmengine.config import Config

        _draw_faces(folder / 'data', 8)
        cfg = Config.fromfile(ROOT / DEMO)
        cfg.merge_from_dict(
            {
                f'{x}_dataloader.{key}': value
                for x in ('train', 'val', 'test')
                for key, value in (
                    ('dataset.data_root', f'{folder}/data/'),
                    ('num_workers', 0),
                    ('persistent_workers', False),
                )
            }
        )
        cfg.merge_from_dict(
            {
                'train_cfg.max_epochs': _EPOCHS,
                'train_cfg.val_interval': 1000,
                'default_hooks.checkpoint.interval': 1,
                'default_hooks.checkpoint.max_keep_ckpts': -1,
                'train_dataloader.batch_size': 4,
                'randomness': dict(seed=1),
            }
        )
        cfg.dump(folder / 'config.py')

    def command(self, folder: Path, out: Path) -> list:
        config = folder / 'config.py'
        return [ROOT / 'tools/train.py', config, '--work-dir', out, '--resume']

    def result(self, out: Path) -> dict:
        import torch

        found = {}
        for path in out.glob('epoch_*.pth'):
            state = torch.load(path, 'cpu', weights_only=False)['state_dict']
            found[path.name] = {
                k: v.numpy().tobytes() for k, v in state.items()
            }
        return found


class Test(Train):
    """``tools/test.py --resume``, image by image."""

    def prepare(self, folder: Path) -> None:
        super().prepare(folder)
        tool, config = ROOT / 'tools/train.py', folder / 'config.py'
        run(tool, config, '--work-dir', folder / 'trained').wait()

    def command(self, folder: Path, out: Path) -> list:
        weights = folder / f'trained/epoch_{_EPOCHS}.pth'
        tool, config = ROOT / 'tools/test.py', folder / 'config.py'
        return [tool, config, weights, '--work-dir', out, '--resume']

    def result(self, out: Path) -> dict:
        found = [json.loads(x.read_text()) for x in out.glob('2*/2*.json')]
        return {k: v for x in found for k, v in x.items() if 'time' not in k}


COMMANDS = {
    'detect --out --json --csv': Detect(),
    'enhance, 2 processes': Enhance(),
    'pseudo_label.py, 2 processes': PseudoLabel(),
    'tools/train.py --resume': Train(),
    'tools/test.py --resume': Test(),
}


def kill_and_resume(
    name: str, kills: int, seed: int, folder: Path
) -> Iterator[str]:
    """Kill a command at random points, each time from the start.

    All points are after the first file has appeared: before, there is nothing
    to lose.

    Args:
        name (str): Key of :data:`COMMANDS`.
        kills (int): How often.
        seed (int): Of the points.
        folder (Path): For files.

    Yields:
        str: What went wrong; nothing where all is well.
    """
    job, rng = COMMANDS[name], random.Random(seed)
    job.prepare(folder)
    process = _begin(job, folder, folder / 'whole')
    start = time.monotonic()
    if process.wait() != 0:
        yield f'{name}: ends with an error'
        return
    seconds = time.monotonic() - start
    expected = job.result(folder / 'whole')
    for i in range(kills):
        out = folder / f'out{i}'
        process = _begin(job, folder, out)
        time.sleep(rng.random() * seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        where = job.result, out, expected, f'{name} {i}'
        yield from _differences(*where, 'after the kill')
        if run(*job.command(folder, out)).wait() != 0:
            yield f'{name} {i}: cannot be started again'
        yield from _differences(*where, 'at the end')
        left = [x for x in out.rglob('.*') if is_partial(x.name)]
        if left:
            yield f'{name} {i}: leaves {left[0].name}'


def _begin(job: Detect | Train, folder: Path, out: Path) -> subprocess.Popen:
    """Start a command, and wait for its first file."""
    process = run(*job.command(folder, out))
    while process.poll() is None:
        if any(x.is_file() for x in out.rglob('*')):
            break
        time.sleep(0.01)
    return process


def _differences(
    result: Callable, out: Path, expected: dict, name: str, when: str
) -> Iterator[str]:
    try:
        found = result(out)
    except Exception as error:  # a file that is half-written
        yield f'{name}: {when} {type(error).__name__}: {error}'
        return
    wrong = [k for k, v in found.items() if v != expected.get(k)]
    if when == 'at the end':
        wrong += sorted(expected.keys() - found.keys())
    if wrong:
        yield f'{name}: {when} other than expected: {", ".join(wrong[:3])}'
