#!/usr/bin/env python3
"""Test exported detectors on the test data of a config.

The pipeline and the evaluator are those of the config, and the detections are
what mmsrn.apis finds with the files. tools/test.py gives the same numbers for
a checkpoint.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.utils.launch import (  # noqa: E402
    add_cfg_options,
    check_config,
    check_data,
    check_parts,
    fail,
    one_line_errors,
    positive,
    read_config,
    require_mmdet,
)
from mmsrn.utils.output_file import write_json  # noqa: E402

require_mmdet(ROOT)

CONFIG = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
EXAMPLES = f"""
examples:
  %(prog)s {CONFIG} srn.onnx srn_fp16.onnx srn_int8.onnx --json ap.json
  %(prog)s {CONFIG} srn.onnx \\
      --cfg-options test_dataloader.dataset.indices=60  # the first 60 photos
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('models', nargs='+', metavar='model.onnx')
    parser.add_argument(
        '--threads', type=positive, help='threads (default: all cores)'
    )
    parser.add_argument('--json', metavar='FILE', help='write the numbers')
    add_cfg_options(parser)
    return parser


def main(argv: list[str] | None = None) -> None:
    """Test.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    check_config(parser, args.config, ROOT)
    from mmsrn.apis.backends.onnx_backend import OnnxBackend

    try:
        backends = {x: OnnxBackend(x, args.threads) for x in args.models}
    except (ImportError, ValueError) as error:
        fail(parser, str(error))
    cfg = read_config(parser, args.config, args.cfg_options)
    parts = ('test_dataloader', 'test_evaluator')
    check_parts(parser, cfg, args.config, parts)
    check_data(parser, cfg, ('test',))
    with one_line_errors(parser, args.config):
        dataset, evaluators = _prepare(cfg, args.models)
        seconds = _detect(dataset, backends, evaluators)
        results = {}
        for path, evaluator in evaluators.items():
            print(f'{path}: {backends[path].facts.precision}')
            results[path] = dict(
                evaluator.evaluate(len(dataset)),
                photos=len(dataset),
                seconds_per_photo=seconds[path] / len(dataset),
            )
    _print_table(results)
    write_json(parser, args.json, results)


def _prepare(cfg, models):
    """The data set, and an evaluator for each model."""
    from mmdet.registry import DATASETS
    from mmengine.evaluator import Evaluator
    from mmengine.registry import init_default_scope

    init_default_scope('mmdet')
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    evaluators = {path: Evaluator(cfg.test_evaluator) for path in models}
    for evaluator in evaluators.values():
        evaluator.dataset_meta = dataset.metainfo
    return dataset, evaluators


def _detect(dataset, backends, evaluators) -> dict[str, float]:
    """Let all models detect in all photos; how long each took."""
    from rich.progress import track

    seconds = dict.fromkeys(backends, 0.0)
    for i in track(range(len(dataset)), 'Detecting'):
        data = dataset[i]
        image = data['inputs'].permute(1, 2, 0).contiguous().numpy()
        for path, backend in backends.items():
            start = time.perf_counter()
            (faces,) = backend.predict([image])
            seconds[path] += time.perf_counter() - start
            sample = _sample(data['data_samples'], faces)
            evaluators[path].process([sample])
    return seconds


def _sample(truth, faces):
    """Faces in pixels of the original photo, as mmdet's detectors give."""
    import torch
    from mmengine.structures import InstanceData

    width, height = truth.scale_factor
    faces = torch.from_numpy(faces)
    sample = truth.clone()
    sample.pred_instances = InstanceData(
        bboxes=faces[:, :4] / faces.new_tensor([width, height] * 2),
        scores=faces[:, 4],
        labels=torch.zeros(len(faces), dtype=torch.long),
    )
    return sample


def _print_table(results: dict) -> None:
    """Print all numbers, a row for each model."""
    names = list(next(iter(results.values())))
    print(f'| model | {" | ".join(names)} |')
    print('| --- ' * (len(names) + 1) + '|')
    for path, numbers in results.items():
        cells = [f'{numbers[x]:.4g}' for x in names]
        print(f'| {Path(path).name} | {" | ".join(cells)} |')


if __name__ == '__main__':
    main()
