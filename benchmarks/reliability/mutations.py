"""Files with seeded damage, given to everything that reads files."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import random
import re
import resource
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from mmsrn.utils.opencv_log import set_log_level

__all__ = ['TARGETS', 'mutate', 'run_target']

#: A worker that says nothing for so long hangs.
_PATIENCE = 60
#: More than it has at its start, in bytes.
_MEMORY = 2 << 30
_TRUTH = '0--P/a.jpg\n2\n10 20 30 40 0 0 0 0 0 0\n70 70 20 20 0 0 0 0 0 0\n'
_BOXES = np.array([[10, 20, 40, 60, 0.9], [70, 70, 90, 90, 0.5]])
_XML = (
    '<annotation><filename>a.png</filename><size><width>120</width><height>'
    '100</height><depth>3</depth></size><object><name>face</name><difficult>0'
    '</difficult><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60'
    '</ymax></bndbox></object></annotation>'
)
_WORDS = [b'nan', b'-1', b'1e999', b'9' * 400, b'\x00', b'\xff\xfe', b'..']
_WORDS += [b'null', b'{}', b'[]', b'"', b'\n\n', b'&x;', b'0', b' ', b'-']

_VALUES = [b'1e400', b'-0.0', b'1.9', b'true', b'""', b'face', b'512.0', b'7']
_ODD = [
    *(None, 0, -1, 1e400, 'a', '', [], {}, (1, 2), True, b'x', 1 + 2j),
    *(np.zeros((2, 5)), np.zeros(0), np.full((2, 4), np.nan), np.zeros(3)),
    *(np.array([None, {}], object), np.zeros((2, 4), complex)),
    *(np.array(['a', 'b']), np.zeros((2, 2, 2)), np.full(2, 1 << 62)),
]

#: Reads a file, and raises what its user may see.
Reader = Callable[[Path], object]


def _eval(kind: str, name: str, given: str = 'pred') -> Reader:
    """``mmsrn eval`` of a folder in which one file is damaged."""

    def read(path: Path) -> None:
        from mmsrn.cli.main import main

        folder = path.parent
        shutil.copy(path, folder / name)
        gt = folder / ('gt.txt' if kind == 'widerface' else 'labels')
        args = ['eval', kind, str(folder / given), '--gt', str(gt)]
        errors = io.StringIO()
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(errors),
        ):
            try:
                main(args)
            except SystemExit as ended:
                lines = errors.getvalue().splitlines()
                raise ValueError(lines[-1]) from ended

    return read


def _photo(path: Path) -> None:
    from mmsrn.apis.photos import open_photo

    photo, _ = open_photo(path, str(path))
    assert photo.dtype == np.uint8 and photo.ndim == 3


def _dataset(kind: str, ann_file: str) -> Reader:
    def read(path: Path) -> None:
        from mmsrn import datasets

        folder = path.parent
        shutil.copy(path, folder / ann_file)
        given = 'list.txt' if kind == 'VOCFaceDataset' else ann_file
        prefix = dict(img='images', sub_data_root='')
        found = getattr(datasets, kind)(
            data_root=str(folder), ann_file=given, data_prefix=prefix,
            pipeline=[],
        )  # fmt: skip
        boxes = [y['bbox'] for x in found for y in x['instances']]
        assert np.isfinite(np.array(boxes, float)).all()

    return read


def _model(path: Path) -> None:
    from mmsrn import FaceDetector

    FaceDetector(path)


def _video(path: Path) -> None:
    from mmsrn.video import VideoReader

    with VideoReader(path) as video:
        assert all(x.image.ndim == 3 for x in video)


def _seeds(folder: Path) -> dict[str, bytes]:
    """Small whole files of every kind; and what lies beside them."""
    photo = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8),
        *((0, 0), 3),
    )
    for name in ('images', 'annotations'):
        (folder / name).mkdir()
    cv2.imwrite(str(folder / 'images/a.png'), photo)
    (folder / 'list.txt').write_text('a\n')
    (folder / 'gt.txt').write_text(_TRUTH)
    for name in ('pred/0--P', 'labels', 'dark'):
        (folder / name).mkdir(parents=True)
    text = 'a\n2\n10 20 30 40 0.9\n70 70 20 20 0.5\n'
    (folder / 'pred/0--P/a.txt').write_text(text)
    (folder / 'labels/1.txt').write_text('1\n10 20 40 60\n')
    (folder / 'dark/1.txt').write_text('10 20 40 60 0.9\n')
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('0--P/a.txt', text)
    dump = [
        dict(
            img_path='data/0--P/a.jpg', img_id=1, ori_shape=(100, 120),
            pred_instances=dict(
                bboxes=_BOXES[:, :4].astype(np.float32),
                scores=_BOXES[:, 4].astype(np.float32),
                labels=np.zeros(2, np.int64),
            ),
        )
    ]  # fmt: skip
    coco = dict(
        images=[dict(id=1, file_name='a.png', width=120, height=100)],
        categories=[dict(id=1, name='face')],
        annotations=[
            dict(id=1, image_id=1, category_id=1, bbox=[10, 20, 30, 40],
                 area=1200, iscrowd=0),
        ],
    )  # fmt: skip
    results = [
        dict(image_id='0--P/a', category_id=1, bbox=[10, 20, 30, 40], score=x)
        for x in (0.9, 0.5)
    ]
    zoo = Path(__file__).parents[2] / 'mmsrn/zoo'
    seeds = {
        'annotations, WIDER FACE': _TRUTH.encode(),
        'annotations, VOC': _XML.encode(),
        'annotations, COCO': json.dumps(coco).encode(),
        'labels, DARK FACE': b'1\n10 20 40 60\n',
        'results, text': text.encode(),
        'results, zip': packed.getvalue(),
        'results, mmdet dump': pickle.dumps(dump, 4),
        'results, COCO json': json.dumps(results).encode(),
        'model, ONNX': (zoo / 'srn_mobilenetv2.onnx').read_bytes(),
        'model, safetensors': (
            zoo / 'srn_mobilenetv2.safetensors'
        ).read_bytes(),
        'video, AVI': _film(folder / 'a.avi', 'MJPG', photo),
        'video, MP4': _film(folder / 'a.mp4', 'mp4v', photo),
    }
    for suffix in ('jpg', 'png', 'webp', 'tif', 'bmp', 'avif', 'gif'):
        data = cv2.imencode(f'.{suffix}', photo)[1].tobytes()
        seeds[f'photo, {suffix.upper()}'] = data
    return seeds


def _film(path: Path, codec: str, photo: np.ndarray) -> bytes:
    code = cv2.VideoWriter_fourcc(*codec)
    writer = cv2.VideoWriter(str(path), code, 25, photo.shape[1::-1])
    for i in range(5):
        writer.write(np.roll(photo, 5 * i, 1))
    writer.release()
    return path.read_bytes()


#: Kind of file to what reads it, the suffix, and the share of all cases.
TARGETS: dict[str, tuple[Reader, str, float]] = {
    'annotations, WIDER FACE': (_eval('widerface', 'gt.txt'), '.txt', 2),
    'annotations, VOC': (
        _dataset('VOCFaceDataset', 'annotations/a.xml'), '.xml', 2,
    ),
    'annotations, COCO': (_dataset('CocoFaceDataset', 'a.json'), '.json', 2),
    'labels, DARK FACE': (
        _eval('darkface', 'labels/1.txt', 'dark'), '.txt', 1,
    ),
    'results, text': (_eval('widerface', 'pred/0--P/a.txt'), '.txt', 2),
    'results, zip': (_eval('widerface', 'a.zip', 'a.zip'), '.zip', 2),
    'results, mmdet dump': (_eval('widerface', 'a.pkl', 'a.pkl'), '.pkl', 3),
    'results, COCO json': (_eval('widerface', 'r.json', 'r.json'), '.json', 2),
    'model, ONNX': (_model, '.onnx', 0.1),
    'model, safetensors': (_model, '.safetensors', 0.1),
    'video, AVI': (_video, '.avi', 0.5),
    'video, MP4': (_video, '.mp4', 0.5),
    **{
        f'photo, {x.upper()}': (_photo, f'.{x}', 1)
        for x in ('jpg', 'png', 'webp', 'tif', 'bmp', 'avif', 'gif')
    },
}  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Damage a file: bytes, words, cuts, repetitions, exchanged parts.

    Of half the files of text, of dumps and of zips only a value is another
    one, so that they can still be read as such.

    Args:
        data (bytes): The whole file; of a large one the first 4 KiB, where
            its header is, get most of it.
        rng (random.Random): What decides.

    Returns:
        bytes: The damaged one.
    """
    if rng.random() < 0.5 and (other := _other_value(data, rng)) is not None:
        return other
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        end = max(len(out), 1)
        if rng.random() < 0.8:
            end = min(end, 4096)
        at = rng.randrange(end)
        kind = rng.randrange(6)
        if kind == 0 and out:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            length = rng.choice((0, 1, 3, 8))
            out[at : at + length] = rng.choice(_WORDS)
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + rng.choice((1, 2, 16, 200))]
        elif kind == 4:
            part = out[at : at + rng.choice((1, 8, 64))]
            out[at:at] = part * rng.choice((1, 2, 50))
        else:
            other = rng.randrange(end)
            out[at : at + 4], out[other : other + 4] = (
                out[other : other + 4],
                out[at : at + 4],
            )
    return bytes(out)


def _other_value(data: bytes, rng: random.Random) -> bytes | None:
    """Exchange a value, if the file has values that are known here."""
    if data.startswith(b'PK'):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = archive.namelist()
            text = _other_value(archive.read(name), rng)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, 'w') as archive:
            archive.writestr(name, text)
        return packed.getvalue()
    if data.startswith(b'\x80'):
        dump = pickle.loads(data)
        image = dump[0]
        for _ in range(rng.choice((1, 1, 2))):
            place = rng.choice((image, image['pred_instances']))
            place[rng.choice(sorted(place))] = rng.choice(_ODD)
            found = image.get('pred_instances')
            if not (isinstance(found, dict) and found):
                break
        return pickle.dumps(dump, 4)
    if not data.isascii():
        return None
    parts = re.split(rb'([-\w.]+)', data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(1, len(parts), 2)
        other = parts[rng.randrange(1, len(parts), 2)]
        parts[at] = rng.choice((*_WORDS, *_VALUES, other))
    return b''.join(parts)


def _outcome(read: Reader, path: Path) -> str:
    try:
        read(path)
    except (ValueError, OSError) as error:
        text = str(error)
        if isinstance(error, UnicodeError) or not text or '\n' in text:
            return f'fault: {type(error).__name__}: {text[:80]!r}'
        return 'refused'
    except BaseException as error:
        from mmsrn.utils.errors import UserError

        if isinstance(error, UserError) and '\n' not in str(error):
            return 'refused'
        return f'fault: {type(error).__name__}: {str(error)[:80]!r}'
    return 'read'


def _work(name: str, seed: int, start: int, stop: int, folder, pipe) -> None:
    read, suffix, _ = TARGETS[name]
    folder = Path(folder)
    data = _seeds(folder)[name]
    cv2.setNumThreads(1)
    set_log_level(0)
    path = folder / f'case{suffix}'
    path.write_bytes(data)
    with open(os.devnull, 'w') as null:  # libraries say much
        for stream in (1, 2):
            os.dup2(null.fileno(), stream)
    whole = _outcome(read, path)  # now all is imported
    pipe.send((-1, whole))
    if whole != 'read':
        return
    used = int(Path('/proc/self/statm').read_text().split()[0]) * 4096
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY,) * 2)
    for i in range(start, stop):
        path.write_bytes(mutate(data, random.Random(f'{seed} {name} {i}')))
        pipe.send((i, _outcome(read, path)))
        for left in folder.glob('*.csv'):  # sizes that were kept
            left.unlink()


def run_target(
    name: str, count: int, seed: int, folder: Path
) -> tuple[Counter, list[str]]:
    """Let a process read damaged files, and another one if it dies.

    Args:
        name (str): Key of :data:`TARGETS`.
        count (int): Files.
        seed (int): Of the damage.
        folder (Path): For files.

    Returns:
        tuple[Counter, list[str]]: How many were read, refused in one line, or
        a fault; and the faults.
    """
    counts: Counter = Counter()
    faults, start = [], 0
    while start < count:
        here, there = get_context('spawn').Pipe(False)
        work = folder / f'{name}-{start}'.replace(' ', '').replace(',', '-')
        work.mkdir(parents=True)
        process = get_context('spawn').Process(
            target=_work, args=(name, seed, start, count, str(work), there)
        )
        process.start()
        there.close()
        died = 'hang'
        try:
            while here.poll(_PATIENCE):
                index, outcome = here.recv()
                if index < 0:
                    if outcome != 'read':
                        raise RuntimeError(f'{name}, whole: {outcome}')
                    continue
                start = index + 1
                counts[outcome.partition(':')[0]] += 1
                if outcome.startswith('fault'):
                    faults.append(f'{name} {start - 1}: {outcome}')
        except EOFError:
            died = 'end of the process'
        process.kill()
        process.join()
        shutil.rmtree(work, ignore_errors=True)
        if start < count:
            counts['fault'] += 1
            faults.append(f'{name} {start}: {died}')
            start += 1
    return counts, faults
