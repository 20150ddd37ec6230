"""Faults of the surroundings, names and bombs, and many at once."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from .kills import draw_photos, run


def surroundings(folder: Path) -> Iterator[tuple[str, str]]:
    """Full disks, closed pipes and signals: a status, at most one line.

    Yields:
        tuple[str, str]: A case, and what is wrong with it: mostly nothing.
    """
    draw_photos(folder / 'in', 40, (160, 120))
    (folder / 'file').touch()
    detect = '-m', 'mmsrn', 'detect', folder / 'in', '--backend', 'onnx'
    enhance = '-m', 'mmsrn', 'enhance', '--method', 'lime', '--workers', '1'
    enhance += (folder / 'in',)
    full, sink = open('/dev/full', 'w'), subprocess.DEVNULL
    cases = [
        ('json on a full disk', detect, ('--json', '/dev/full'), sink, 2),
        ('csv on a full disk', detect, ('--csv', '/dev/full'), sink, 2),
        ('stdout on a full disk', detect, (), full, 2),
        ('json to stdout on a full disk', detect, ('--json', '-'), full, 2),
        ('no folder to write to', detect, ('--out', folder / 'file'), sink, 2),
        ('nor below a file', detect, ('--json', folder / 'file/a'), sink, 2),
        ('one file for two', detect, ('--json', 'r', '--csv', 'r'), sink, 2),
        ('broken pipe', detect, (), subprocess.PIPE, 141),
        ('Ctrl-C, detect', detect, ('--out', folder / 'o1'), sink, 130),
        ('SIGTERM, detect', detect, ('--out', folder / 'o2'), sink, 143),
        ('Ctrl-C, enhance', enhance, (folder / 'o3',), sink, 2),
        ('SIGTERM, enhance', enhance, (folder / 'o4',), sink, 143),
    ]
    signals = {'Ctrl-C': signal.SIGINT, 'SIGTERM': signal.SIGTERM}
    for name, command, more, stdout, status in cases:
        process = run(*command, *more, stdout=stdout, stderr=subprocess.PIPE)
        if stdout == subprocess.PIPE:
            process.stdout.close()
        number = signals.get(name.partition(',')[0])
        while number and process.poll() is None:
            if any(x.suffix == '.png' for x in more[-1].rglob('*')):
                process.send_signal(number)
                break
            time.sleep(0.02)
        error = process.stderr.read()
        wrong = process.wait() != status or 'Traceback' in error
        if [x for x in folder.rglob('.*') if x.is_file()]:
            wrong = error = f'{error} leaves files'
        yield name, f'{process.returncode}: {error[-200:]}' if wrong else ''
    if not Path('/dev/full').is_char_device():
        yield '/dev/full', 'was replaced'


def bombs(folder: Path) -> Iterator[tuple[str, str]]:
    """Names that lead out, links that loop, and small files that are large.

    Yields:
        tuple[str, str]: A case, and what is wrong with it.
    """
    draw_photos(folder / 's/sub', 3, (160, 120))
    for link in ('s/1', 's/2', 's/sub/3'):
        os.symlink(folder / 's', folder / link)
    detect = '-m', 'mmsrn', 'detect', '--backend', 'onnx'
    evaluate = '-m', 'mmsrn', 'eval', 'widerface'
    (folder / 'gt.txt').write_text('0--P/a.jpg\n1\n1 2 3 4 0 0 0 0 0 0\n')
    gt = '--gt', folder / 'gt.txt'
    slip, bomb = folder / 'slip.zip', folder / 'bomb.zip'
    with zipfile.ZipFile(slip, 'w') as archive:
        archive.writestr('../../0--P/a.txt', 'a\n1\n1 2 3 4 0.5\n')
    with zipfile.ZipFile(bomb, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('0--P/a.txt', b'0' * (1 << 30))
    for name, size in (('wide', (1, 65535)), ('large', (20_000, 20_000))):
        data = io.BytesIO(cv2.imencode('.png', np.zeros(size, np.uint8))[1])
        (folder / f'{name}.png').write_bytes(data.getvalue())
    up = f'{folder}/s/sub/*/../../../up.png', '--out', folder / 'oo'
    (folder / 'up.png').write_bytes((folder / 's/sub/1/1.png').read_bytes())
    cases = [
        ('folder with links that loop', detect, (folder / 's',), 0),
        ('pattern with such', detect, (f'{folder}/s/**/*.jpg',), 0),
        ('pattern that leads out', detect, up, 0),
        ('zip slip', evaluate, (slip, *gt), None),
        ('zip bomb, 1 GiB', evaluate, (bomb, *gt), 2),
        ('65535 x 1 pixels', detect, (folder / 'wide.png',), None),
        ('20000 x 20000 pixels', detect, (folder / 'large.png',), 1),
    ]
    for name, command, more, status in cases:
        before = {x for x in folder.iterdir() if x.name != 'oo'}
        start = time.monotonic()
        process = run(*command, *more, stderr=subprocess.PIPE)
        error = process.stderr.read()
        _, code, usage = os.wait4(process.pid, 0)
        code, most = os.waitstatus_to_exitcode(code), usage.ru_maxrss >> 10
        wrong = 'Traceback' in error or code not in (status, status or 0, 1, 2)
        wrong |= status is not None and code != status
        wrong |= most > 2048 or time.monotonic() - start > 60
        wrong |= {x for x in folder.iterdir() if x.name != 'oo'} != before
        yield name, f'{code}, {most} MiB: {error[-200:]}' if wrong else ''


def flat_memory(folder: Path, photos: int) -> tuple[float, float]:
    """Detect in many photos.

    Args:
        folder (Path): For files.
        photos (int): How many.

    Returns:
        tuple[float, float]: MiB in use after a tenth of them, and at the end.
    """
    from mmsrn import FaceDetector

    draw_photos(folder / 'in', 20, (640, 480))
    paths = [x for x in sorted((folder / 'in').rglob('*.*')) if x.is_file()]
    detector = FaceDetector(backend='onnx', scale=320, enhance='auto')
    used = []
    for i, _ in enumerate(
        detector.stream(paths[j % 20] for j in range(photos))
    ):
        if i in (photos // 10, photos - 1):
            pages = int(Path('/proc/self/statm').read_text().split()[1])
            used.append(pages * 4096 / 2**20)
    return used[0], used[1]


def _boxes(backend: str, photo: np.ndarray) -> bytes:
    from mmsrn import FaceDetector

    detector = FaceDetector(backend=backend, score_thr=0.02)
    return detector.detect(photo).boxes.tobytes()


def at_once() -> Iterator[tuple[str, str]]:
    """Threads and processes find what one alone finds.

    Yields:
        tuple[str, str]: A case, and what is wrong with it.
    """
    from mmsrn import FaceDetector

    rng = np.random.default_rng(1)
    photos = [
        cv2.GaussianBlur(
            rng.integers(0, 256, (240, 320, 3), np.uint8), (0, 0), 4
        )
        for _ in range(8)
    ]
    for backend in ('onnx', 'torch'):
        detector = FaceDetector(backend=backend, score_thr=0.02)
        alone = [detector.detect(x).boxes.tobytes() for x in photos]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(detector.detect, photos * 4))
        same = [x.boxes.tobytes() for x in found] == alone * 4
        yield f'8 threads, {backend}', '' if same else 'boxes differ'
        with multiprocessing.get_context('spawn').Pool(2) as pool:
            jobs = [(backend, x) for x in photos]
            same = pool.starmap(_boxes, jobs) == alone
        yield f'spawned, {backend}', '' if same else 'boxes differ'
        if backend == 'onnx':  # PyTorch's own fault: told by an error
            with multiprocessing.get_context('fork').Pool(2) as pool:
                same = pool.starmap(_boxes, jobs) == alone
            yield 'forked, onnx', '' if same else 'boxes differ'
