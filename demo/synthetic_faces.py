"""A drawn mini benchmark in the folder layout of WIDER FACE.

Nothing in it is a photograph.  The set is small and easy next to a real one:
it shows that the code works, not how good a detector is.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from demo.drawn_faces import SCENES, draw_scene

VERSION = 3  # of the drawing; sets of another version are drawn again
MARKER = 'synthetic_wider_face.json'


def write_synthetic_wider_face(
    root: str | Path,
    num_train: int = 300,
    num_val: int = 60,
    size: tuple[int, int] = (320, 400),
    seed: int = 0,
    progress: bool = True,
) -> bool:
    """Draw a synthetic set in the folder layout of WIDER FACE.

    Writes ``WIDER_{train,val}/images/<event>/<name>.jpg`` and
    ``wider_face_split/wider_face_{train,val}_bbx_gt.txt``. The images of a
    split depend on the seed alone, so a larger set starts with the smaller
    one. Work goes to a temporary folder that is renamed at the end: ``root``
    is either absent or complete.

    Args:
        root (str | Path): Folder to make. A complete set with the same
            parameters is kept; another synthetic set is replaced; anything
            else there is an error.
        num_train (int): Number of training images.
        num_val (int): Number of validation images.
        size (tuple[int, int]): Smallest and largest side of an image in
            pixels.
        seed (int): Seed of the whole set.
        progress (bool): Show a progress bar.

    Returns:
        bool: True if the set was drawn, False if it was there already.

    Raises:
        FileExistsError: If ``root`` holds something else.
        ValueError: If ``size`` is no range.
    """
    if not 0 < size[0] <= size[1]:
        raise ValueError(
            f'size={size}: give the smallest side first, then the largest'
        )
    root = Path(root)
    params = {
        'version': VERSION,
        'num_train': num_train,
        'num_val': num_val,
        'size': list(size),
        'seed': seed,
    }
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        marker = root / MARKER
        if not marker.is_file():
            raise FileExistsError(
                f'{root} exists but holds no synthetic data set; choose '
                'another folder or remove it'
            )
        if json.loads(marker.read_text()) == params:
            return False
    root.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(prefix=f'.{root.name}-', dir=root.parent))
    try:
        jobs = [(0, 'train', i) for i in range(num_train)]
        jobs += [(1, 'val', i) for i in range(num_val)]
        lines: dict[str, dict[str, list[str]]] = {'train': {}, 'val': {}}
        for number, split, i in track(
            jobs, 'Drawing synthetic faces', disable=not progress
        ):
            rng = np.random.default_rng([seed, number, i])
            name, text = _write_image(temp, split, i, size, rng)
            lines[split][name] = text
        folder = temp / 'wider_face_split'
        folder.mkdir()
        for split, by_name in lines.items():
            text = ''.join(
                f'{line}\n'
                for name in sorted(by_name)
                for line in (name, *by_name[name])
            )
            (folder / f'wider_face_{split}_bbx_gt.txt').write_text(text)
        (temp / MARKER).write_text(json.dumps(params, indent=2) + '\n')
        temp.chmod(0o755)
        if root.exists():
            shutil.rmtree(root)
        os.replace(temp, root)
    except BaseException:
        shutil.rmtree(temp, ignore_errors=True)
        raise
    return True


def _write_image(
    root: Path,
    split: str,
    index: int,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[str, list[str]]:
    """Draw and save one image; returns its name and annotation lines."""
    shape = tuple(int(v) for v in rng.integers(size[0], size[1] + 1, 2))
    event = int(rng.integers(len(SCENES)))
    kind = [*SCENES][event]
    image, boxes, attributes = draw_scene(rng, shape, kind)
    name = f'{event}--{kind}/{event}_{kind}_{index:05d}.jpg'
    path = root / f'WIDER_{split}' / 'images' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    quality = int(rng.integers(80, 96))
    done = cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise OSError(f'could not write {path}')
    rows = np.hstack([boxes.astype(np.int64), attributes])
    # An image without faces has one all-zero line, as in WIDER FACE.
    lines = [' '.join(map(str, row)) for row in rows] or [' '.join('0' * 10)]
    return name, [str(len(rows)), *lines]
