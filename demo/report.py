"""Pictures and report of the demo (see run_demo.py)."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import mmengine
import numpy as np
import torch
from mmdet.evaluation.functional import eval_map
from mmdet.structures.bbox import get_box_tensor
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner

from mmsrn.utils.atomic_file import atomic_file
from mmsrn.visualization import (
    HtmlReport,
    LevelSelection,
    count_stc,
    draw_detections,
    draw_iou_shift,
    draw_losses,
    draw_pr_curves,
    draw_stc,
    draw_str,
    load_scalars,
    match_detections,
    measure_str,
    read_selection,
)

# Face sizes sqrt(w * h) in pixels, as the parts of the report's table.
SIZES = ((0, 16), (16, 24), (24, 48), (48, 96), (96, 1000))
SCORE_THR = 0.3  # of the drawn detections
NUM_PICTURES = 8


@dataclass
class Outcome:
    """What the demo has to show.

    Attributes:
        runner: Runner with the trained model and the test set.
        cfg: Its config.
        metrics: What the test printed.
        results: File of ``DumpResults``.
        num_train: Training images.
        times: Seconds of each part.
        note: What was reused from an earlier run, if anything.
    """

    runner: Runner
    cfg: Config
    metrics: dict
    results: Path
    num_train: int
    times: dict[str, float]
    note: str


@dataclass
class Sample:
    """One test image: detections, ground truth and both steps of SRN."""

    name: str
    image: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    faces: np.ndarray
    ignored: np.ndarray
    levels: list[LevelSelection]

    @property
    def annotated(self) -> np.ndarray:
        """All annotated faces, ignored ones included, (k, 4)."""
        return np.vstack([self.faces, self.ignored])

    def errors(self) -> int:
        """Missed faces and false detections from ``SCORE_THR`` on."""
        boxes = self.boxes[self.scores >= SCORE_THR]
        verdict, found = match_detections(boxes, self.faces, self.ignored)
        return int((~found).sum() + (verdict < 0).sum())


def write_report(folder: Path, outcome: Outcome) -> tuple[Path, str]:
    """Draw all pictures and write ``report.html`` and ``metrics.json``.

    Args:
        folder: Where to write.
        outcome: What to show.

    Returns:
        The report's path and a short summary for the terminal.
    """
    begin = time.monotonic()
    samples = _collect(outcome)
    by_size, curves = _average_precisions(samples)
    ap = float(outcome.metrics['pascal_voc/mAP'])
    report = HtmlReport(folder / 'report.html', 'mmsrn demo: synthetic faces')
    report.text(
        'A small Selective Refinement Network (SRN), trained from scratch on '
        'procedurally drawn faces and tested on held-out drawings. All '
        'images are synthetic: the numbers show that the code works, not '
        'how good a face detector is.'
    )
    report.section('Result')
    report.table(
        ['measure', 'value'],
        [
            ['VOC AP at IoU 0.5 (area mode)', ap],
            ['validation images', len(samples)],
            ['faces that count', sum(len(x.faces) for x in samples)],
        ],
    )
    report.text('By face size sqrt(w * h):')
    report.table(['size in pixels', 'faces', 'AP at IoU 0.5'], by_size)
    report.picture(
        'pr_curve.png',
        draw_pr_curves(curves, 'Synthetic validation set, IoU 0.5'),
        'Precision and recall on the held-out synthetic images.',
    )
    _training(report, outcome)
    _detections(report, samples)
    stc, ious = _selection(report, samples)

    outcome.times['pictures'] = time.monotonic() - begin
    _setup(report, outcome, folder)
    path = report.save()
    numbers = {
        'ap50': ap,
        'ap50_by_size': {str(name): value for name, _, value in by_size},
        'stc': stc,
        'str_mean_iou': ious,
        'seconds': {k: round(v, 1) for k, v in outcome.times.items()},
    }
    with atomic_file(folder / 'metrics.json') as partial:
        partial.write_text(json.dumps(numbers, indent=2) + '\n')
    lines = [f'AP at IoU 0.5 on held-out synthetic images: {ap:.3f}']
    lines += [
        f'  faces of {name} px: {value:.3f} ({count} faces)'
        for name, count, value in by_size
    ]
    lines.append(
        'Seconds: '
        + ', '.join(f'{k} {v:.0f}' for k, v in outcome.times.items())
        + (f' ({outcome.note})' if outcome.note else '')
    )
    return path, '\n'.join(lines)


@torch.no_grad()
def _collect(outcome: Outcome) -> list[Sample]:
    """Run the network once more and keep what the pictures need."""
    model = outcome.runner.model.eval()
    dataset = outcome.runner.test_dataloader.dataset
    samples = []
    for i, result in enumerate(mmengine.load(outcome.results)):
        data = dataset[i]
        batch = model.data_preprocessor(pseudo_collate([data]), False)
        outputs = model.bbox_head(model.extract_feat(batch['inputs']))
        faces, ignored = (
            get_box_tensor(result[key]['bboxes']).numpy().reshape(-1, 4)
            for key in ('gt_instances', 'ignored_instances')
        )
        pred = result['pred_instances']
        samples.append(
            Sample(
                name=Path(result['img_path']).name,
                image=np.ascontiguousarray(
                    data['inputs'].permute(1, 2, 0).numpy()
                ),
                boxes=pred['bboxes'].numpy(),
                scores=pred['scores'].numpy(),
                faces=faces,
                ignored=ignored,
                levels=read_selection(model.bbox_head, outputs),
            )
        )
    return samples


def _average_precisions(samples: list[Sample]) -> tuple[list, dict]:
    """Rows of the table by size, and the curves."""
    detections = [
        [np.column_stack([x.boxes, x.scores]).astype(np.float32)]
        for x in samples
    ]
    truth = [
        {
            'bboxes': x.faces,
            'labels': np.zeros(len(x.faces), int),
            'bboxes_ignore': x.ignored,
            'labels_ignore': np.zeros(len(x.ignored), int),
        }
        for x in samples
    ]

    def evaluate(ranges):
        # As VOCMetric does: sizes count the last pixel.
        return eval_map(
            detections,
            truth,
            scale_ranges=ranges,
            iou_thr=0.5,
            logger='silent',
            nproc=1,
            use_legacy_coordinate=True,
        )[1][0]

    whole = evaluate(None)
    curves = {'all faces': (whole['recall'], whole['precision'], whole['ap'])}
    parts = evaluate(list(SIZES))
    rows = []
    for i, (low, high) in enumerate(SIZES):
        name = f'{low}-{high}' if high < 1000 else f'over {low}'
        count, ap = int(parts['num_gts'][i]), float(parts['ap'][i])
        rows.append([name, count, ap])
        if count:
            curves[f'{name} px'] = (
                parts['recall'][i],
                parts['precision'][i],
                ap,
            )
    return rows, curves


def _training(report: HtmlReport, outcome: Outcome) -> None:
    report.section('Training')
    train, val = load_scalars(outcome.cfg.work_dir)
    report.picture(
        'curves.png',
        draw_losses(train, {k: v for k, v in val.items() if 'mAP' in k}),
        'Losses of both steps, effect of the selection, and validation AP '
        'during training.',
    )


def _detections(report: HtmlReport, samples: list[Sample]) -> None:
    report.section('Detections')
    report.text(
        f'Detections with a score of at least {SCORE_THR} and the ground '
        'truth. Green: true positive. Orange corners: missed face. Red: '
        'false positive. Grey: detection on an ignored face (hardly '
        'visible). The first images of the validation split:'
    )

    def draw(sample: Sample, name: str) -> tuple[str, np.ndarray, str]:
        picture = draw_detections(
            sample.image,
            sample.boxes,
            sample.scores,
            sample.faces,
            sample.ignored,
            SCORE_THR,
        )
        return f'{name}.jpg', picture, sample.name

    first = samples[:NUM_PICTURES]
    report.row(draw(x, f'detections_{i}') for i, x in enumerate(first))
    rest = sorted(
        samples[NUM_PICTURES:], key=lambda x: x.errors(), reverse=True
    )
    if rest:
        report.text('The images with the most errors:')
        report.row(draw(x, f'errors_{i}') for i, x in enumerate(rest[:4]))


def _selection(report: HtmlReport, samples: list[Sample]) -> tuple[dict, dict]:
    report.section('What STC removed')
    total: dict[str, dict[str, int]] = {}
    for sample in samples:
        for name, counts in count_stc(sample.levels, sample.annotated).items():
            into = total.setdefault(name, dict.fromkeys(counts, 0))
            for key, value in counts.items():
                into[key] += value
    report.text(
        'Selective two-step classification removes an anchor of P2, P3 or P4 '
        'if its first-step face probability is below 0.01. Counts over all '
        'validation images (negatives: IoU below 0.4 with every face; '
        'positives: 0.5 or more with one):'
    )
    report.table(
        ['level', 'negatives', 'removed', 'share', 'positives', 'lost'],
        [
            [
                name,
                f'{x["negatives"]:,}',
                f'{x["removed"]:,}',
                f'{x["removed"] / max(x["negatives"], 1):.2%}',
                f'{x["positives"]:,}',
                f'{x["lost"]:,}',
            ]
            for name, x in total.items()
        ],
    )
    busiest = sorted(samples, key=lambda x: len(x.faces), reverse=True)
    for i, sample in enumerate(busiest[:2]):
        report.picture(
            f'stc_{i}.png',
            draw_stc(sample.image, sample.levels, sample.annotated),
            f'{sample.name}: yellow cells pass the first step; white: faces.',
        )
    report.section('How STR moved the anchors')
    ious = np.vstack([measure_str(x.levels, x.annotated) for x in samples])
    report.text(
        'Selective two-step regression: on P5, P6 and P7, the first step '
        'moves the anchors and the second step regresses from the moved '
        'anchors.'
    )
    report.picture(
        'str_iou.png',
        draw_iou_shift(ious),
        'IoU with the face, for all anchors that the first step moved onto a '
        'face (IoU of at least 0.5), over all validation images.',
    )

    def large(sample: Sample) -> int:
        sizes = np.sqrt((sample.faces[:, 2:] - sample.faces[:, :2]).prod(1))
        return int((sizes > 50).sum())

    drawn = 0
    for sample in sorted(samples, key=large, reverse=True):
        figure = draw_str(sample.image, sample.levels, sample.faces)
        if figure is None or drawn == 3:
            break
        report.picture(f'str_{drawn}.png', figure, sample.name)
        drawn += 1
    names = ('anchor', 'moved', 'final')
    means = ious.mean(0).tolist() if len(ious) else [0.0] * 3
    return total, dict(zip(names, means))


def _setup(report: HtmlReport, outcome: Outcome, folder: Path) -> None:
    report.section('Set-up')
    cfg = outcome.cfg
    model = outcome.runner.model
    rows = [
        ['parameters', f'{sum(p.numel() for p in model.parameters()):,}'],
        ['epochs', cfg.train_cfg.max_epochs],
        ['training images', outcome.num_train],
        ['seed', cfg.randomness.seed],
        ['torch', torch.__version__],
        ['threads', torch.get_num_threads()],
        ['cores', os.cpu_count()],
        ['machine', platform.machine()],
    ]
    rows += [[f'seconds: {k}', f'{v:.0f}'] for k, v in outcome.times.items()]
    report.table(['', ''], rows)
    if outcome.note:
        report.text(f'Training: {outcome.note}.')
    report.text(
        'The set is in the WIDER FACE folder layout in '
        f'{os.path.relpath(cfg.test_dataloader.dataset.data_root, folder)}; '
        'logs and weights are in '
        f'{os.path.relpath(cfg.work_dir, folder)}.'
    )
    report.code(cfg.pretty_text, 'Configuration')
