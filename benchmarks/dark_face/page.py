"""The page of experiments on dark photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmsrn.evaluation.report import pr_figure
from mmsrn.visualization import ComparedDetections, HtmlReport

from .experiments import Experiment

HEAD = (
    'experiment',
    'training dataset',
    'testing dataset',
    'protocol',
    'AP, %',
)
SCORE_THR = 0.3
NUM_PICTURES = 6


def table(experiments: Sequence[Experiment]) -> list[list[str]]:
    """Fill the table."""
    return [
        [
            x.name,
            x.train_set,
            x.test_set.name,
            x.result.tested,
            f'{100 * x.ap:.2f}',
        ]
        for x in experiments
    ]


def choose(
    before: Mapping[str, ComparedDetections],
    after: Mapping[str, ComparedDetections],
    number: int,
) -> list[str]:
    """Choose images to show."""

    def gain(name: str) -> int:
        return before[name].hits - after[name].hits

    def errors(name: str) -> int:
        return -after[name].misses - after[name].false

    chosen = sorted(after, key=gain)[: (number + 1) // 2]
    chosen += [x for x in sorted(after, key=errors) if x not in chosen]
    return chosen[:number]


def write_page(path: Path, experiments: Sequence[Experiment]) -> Path:
    """Write the page and its pictures."""
    first, last = experiments[0], experiments[-1]
    report = HtmlReport(path, 'Faces in the dark')
    report.table(HEAD, table(experiments))
    (curve,) = first.result.evaluation.curves.values()
    report.text(
        'AP as the published tool of DARK FACE computes it, of '
        f'{len(first.test_set.photos):,} images with {curve.num_faces:,} '
        'faces.'
    )
    report.picture('pr.png', pr_figure([x.result for x in experiments]))
    report.section('Test images')
    report.text(
        'Each as the pipeline hands it on, with detections of a score of at '
        f'least {SCORE_THR:g}. Green: found face. Orange corners: missed '
        'face. Red: false detection. First the images where '
        f'{last.name} finds most more faces than {first.name}, then those '
        'where it makes the most errors.'
    )
    found = [x.found(SCORE_THR) for x in experiments]
    for name in choose(found[0], found[-1], NUM_PICTURES):
        raw = first.test_set.read_raw(name)
        pictures = [(f'test/{name}.jpg', raw, name)]
        for experiment, of_images in zip(experiments, found):
            picture = of_images[name].draw(experiment.test_set.read(name))
            caption = f'{experiment.name}: {of_images[name]}'
            file = f'test/{name}_{experiment.name}.jpg'
            pictures.append((file, picture, caption))
        report.row(pictures)
    return report.save()
