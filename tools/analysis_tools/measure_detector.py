#!/usr/bin/env python3
"""Measure a detector as its users meet it: AP by day and in the dark."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.cli.arguments import positive  # noqa: E402
from mmsrn.cli.launch import require_mmdet  # noqa: E402
from mmsrn.utils.errors import UserError, user_errors  # noqa: E402
from mmsrn.utils.output_file import output_file, write_json  # noqa: E402

EXAMPLES = """examples:
  %(prog)s configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py
  %(prog)s CONFIG a.onnx b.onnx c.safetensors --light day
  %(prog)s CONFIG srn_mobilenetv2 --enhance none auto --pictures failures
"""
#: COCO's, of boxes in the photo: under 32, to 96, over 96 pixels a side.
KEYS = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')
_PICTURES = 6


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description='Run FaceDetector over the test set of a config, as it '
        'is and in simulated dark, and print AP (COCO), by IoU and by size of '
        'the face, the score at which F1 is best, and seconds a photo.',
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config with a test_dataloader')
    parser.add_argument(
        'models',
        nargs='*',
        help='names of the zoo or files (default: the model that ships)',
    )
    parser.add_argument(
        '--backend',
        choices=('auto', 'torch', 'onnx'),
        default='auto',
        help='what runs names of the zoo (%(default)s)',
    )
    parser.add_argument(
        '--light',
        nargs='+',
        choices=('day', 'dark'),
        default=['day', 'dark'],
        help='photos as they are, and darkened (both)',
    )
    parser.add_argument(
        '--enhance',
        nargs='+',
        default=['none'],
        help='methods of FaceDetector (%(default)s)',
    )
    parser.add_argument(
        '--scale',
        nargs='+',
        default=[None],
        help="longer side, or 'original', or several at once as 640+960; each "
        "is measured (the model's own)",
    )
    parser.add_argument(
        '--limit', type=positive, help='only this many photos, the first ones'
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='of the darkness (%(default)s)'
    )
    parser.add_argument('--json', help='also write all numbers to this file')
    parser.add_argument(
        '--pictures',
        help=f'folder for the {_PICTURES} photos with most mistakes of each '
        'run, drawn as mmsrn.visualization.draw_detections does',
    )
    return parser


def quiet_mmdet() -> None:
    """Register everything, and let mmdet speak of errors alone."""
    from mmengine.logging import MMLogger
    from mmengine.registry import init_default_scope

    from mmsrn.utils import register_all_modules

    register_all_modules()
    init_default_scope('mmdet')
    MMLogger.get_current_instance().setLevel('ERROR')


def test_set(path: str) -> tuple[Any, Any]:
    """Read a config, and make its test set.

    Args:
        path (str): The config.

    Returns:
        tuple[Config, Dataset]: Both.

    Raises:
        ValueError: If one of it is not possible.
    """
    from mmdet.registry import DATASETS
    from mmengine.config import Config

    from mmsrn.utils.one_line import one_line

    try:
        config = Config.fromfile(path)
        return config, DATASETS.build(config.test_dataloader.dataset)
    except Exception as error:  # a config is code
        raise ValueError(f'{path}: {one_line(error)}') from error


def photos_of(dataset: Any, limit: int | None) -> Iterator[dict]:
    """Go through a dataset of mmdet.

    Args:
        dataset (Dataset): The dataset.
        limit (int, optional): Most photos.

    Yields:
        dict: Image as read, ``img``; ``img_id``, ``img_path`` and
        ``instances``.
    """
    from rich.progress import track

    from mmsrn.utils.image_files import read_image

    number = min(len(dataset), limit or len(dataset))
    for index in track(range(number), 'photos', transient=True):
        info = dataset.get_data_info(index)
        yield dict(info, img=read_image(Path(info['img_path'])))


def best_f1(
    photos: list[dict], iou_thr: float = 0.5
) -> dict[str, float | None]:
    """Find the score at which precision and recall are in balance.

    Args:
        photos (list[dict]): ``boxes``, ``scores`` by falling score, and
            ``faces`` and ``ignored``, (n, 4), of each.
        iou_thr (float): IoU of a face that was found.

    Returns:
        dict[str, float | None]: ``score_thr``, ``f1``, ``precision``,
        ``recall``; None if nothing was found.
    """
    from mmsrn.visualization import match_detections

    verdicts = [
        match_detections(x['boxes'], x['faces'], x['ignored'], iou_thr)[0]
        for x in photos
    ]
    verdicts = np.concatenate([np.zeros(0, int), *verdicts])
    scores = np.concatenate([np.zeros(0), *(x['scores'] for x in photos)])
    counts = verdicts != 0  # not on an ignored face
    hits, scores = verdicts[counts] == 1, scores[counts]
    order = np.argsort(-scores, kind='stable')
    found = np.cumsum(hits[order])
    faces = sum(len(x['faces']) for x in photos)
    if not found.any():
        return dict(score_thr=None, f1=None, precision=None, recall=None)
    precision = found / np.arange(1, len(found) + 1)
    recall = found / faces
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1.argmax())
    return dict(
        score_thr=float(scores[order][best]),
        f1=float(f1[best]),
        precision=float(precision[best]),
        recall=float(recall[best]),
    )


def measure(
    detector: Any,
    dataset: Any,
    evaluator: dict,
    limit: int | None,
    change: Callable[[np.ndarray, str], np.ndarray],
) -> tuple[dict, list[dict]]:
    """Run a detector over a dataset.

    Args:
        detector (FaceDetector): The detector, which reports all it finds.
        dataset (Dataset): Of mmdet.
        evaluator (dict): Config of a ``CocoMetric``.
        limit (int, optional): Most photos.
        change (Callable): Takes a photo and its name, and returns a photo.

    Returns:
        tuple[dict, list[dict]]: The numbers; of each photo ``name``,
        ``path``, ``boxes``, ``scores``, ``faces`` and ``ignored``.
    """
    import torch
    from mmdet.registry import METRICS

    metric = METRICS.build(evaluator)
    metric.dataset_meta = dataset.metainfo
    photos, seconds = [], []
    for info in photos_of(dataset, limit):
        name = Path(info['img_path']).name
        faces = detector.detect(change(info['img'], name))
        seconds.append(faces.timing['enhance'] + faces.timing['detect'])
        height, width = info['img'].shape[:2]
        sample = dict(
            img_id=info['img_id'],
            ori_shape=(height, width),
            instances=info['instances'],
            pred_instances=dict(
                bboxes=torch.from_numpy(faces.boxes),
                scores=torch.from_numpy(faces.scores),
                labels=torch.zeros(len(faces), dtype=torch.long),
            ),
        )
        metric.process({}, [sample])
        groups: tuple[list, list] = [], []
        for item in info['instances']:
            groups[bool(item['ignore_flag'])].append(item['bbox'])
        real, ignored = (np.array(x, float).reshape(-1, 4) for x in groups)
        photos.append(
            dict(
                name=name,
                path=info['img_path'],
                boxes=faces.boxes,
                scores=faces.scores,
                faces=real,
                ignored=ignored,
            )
        )
    # Its table would come between ours.
    with contextlib.redirect_stdout(io.StringIO()):
        found = metric.evaluate(len(photos))
    # Nothing at all if there was no detection.
    numbers = {key: float(found.get(f'coco/bbox_{key}', 0)) for key in KEYS}
    numbers |= best_f1(photos)
    numbers['seconds'] = float(np.median(seconds))
    numbers['photos'] = len(photos)
    return numbers, photos


def draw_worst(
    photos: list[dict],
    score_thr: float,
    change: Callable[[np.ndarray, str], np.ndarray],
    folder: Path,
) -> None:
    """Draw the photos with most false detections and missed faces.

    Args:
        photos (list[dict]): Of :func:`measure`.
        score_thr (float): Least score of a detection.
        change (Callable): As in :func:`measure`.
        folder (Path): Where to put them.
    """
    import cv2

    from mmsrn.utils.image_files import read_image
    from mmsrn.visualization import draw_detections, match_detections

    def mistakes(photo: dict) -> int:
        boxes = photo['boxes'][photo['scores'] >= score_thr]
        verdict, found = match_detections(
            boxes, photo['faces'], photo['ignored']
        )
        return int((verdict < 0).sum() + (~found).sum())

    worst = sorted(photos, key=mistakes, reverse=True)[:_PICTURES]
    for rank, photo in enumerate(worst):
        picture = draw_detections(
            change(read_image(Path(photo['path'])), photo['name']),
            photo['boxes'],
            photo['scores'],
            photo['faces'],
            photo['ignored'],
            score_thr=score_thr,
        )
        with output_file(folder / f'{rank}_{photo["name"]}') as file:
            cv2.imwrite(str(file), picture)


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Measure.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    require_mmdet()
    from mmsrn import FaceDetector
    from mmsrn.low_light import LowLightRanges, darken_named
    from mmsrn.zoo import DEFAULT_MODEL

    quiet_mmdet()
    try:
        config, dataset = test_set(args.config)
    except ValueError as error:
        raise UserError(str(error)) from error
    changes = dict(
        day=lambda photo, name: photo,
        dark=lambda photo, name: darken_named(
            photo, name, LowLightRanges(), args.seed
        ),
    )
    results = []
    print(
        f'{"model":28} {"scale":>8} {"light":5} {"enhance":10} '
        + ' '.join(f'{x:>6}' for x in KEYS)
        + '   score     F1  s/photo'
    )
    for model in args.models or [DEFAULT_MODEL]:
        try:
            detector = FaceDetector(model, backend=args.backend)
        except ValueError as error:
            raise UserError(str(error)) from error
        own_scale, score_thr = detector.scale, detector.score_thr
        detector.score_thr = 0
        for scale, light, method in product(
            args.scale, args.light, args.enhance
        ):
            detector.scale = own_scale if scale is None else _read_scale(scale)
            detector.enhance = method
            try:
                numbers, photos = measure(
                    detector,
                    dataset,
                    config.test_evaluator,
                    args.limit,
                    changes[light],
                )
            except ValueError as error:
                raise UserError(str(error)) from error
            run = dict(
                model=model, scale=detector.scale, light=light, enhance=method
            )
            results.append(dict(run, **numbers))
            print(_row(results[-1]), flush=True)
            if args.pictures:
                name = f'{Path(model).name}_{scale}_{light}_{method}'
                folder = Path(args.pictures, name)
                draw_worst(photos, score_thr, changes[light], folder)
    write_json(args.json, results)


def _read_scale(text: str) -> list[int | str]:
    return [int(x) if x.isdigit() else x for x in text.split('+')]


def _row(run: dict) -> str:
    scales = run['scale'] if isinstance(run['scale'], list) else [run['scale']]
    scale = '+'.join(str(x) for x in scales)
    numbers = ' '.join(f'{run[key]:6.3f}' for key in KEYS)
    best = ' '.join(
        ' none' if run[key] is None else f'{run[key]:6.3f}'
        for key in ('score_thr', 'f1')
    )
    return (
        f'{Path(run["model"]).name[-28:]:28} {scale:>8} '
        f'{run["light"]:5} {run["enhance"]:10} {numbers}  {best} '
        f'{run["seconds"]:8.3f}'
    )


if __name__ == '__main__':
    main()
