"""The page of experiments on dark photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mmsrn.evaluation.report import pr_figure
from mmsrn.visualization import HtmlReport

from .experiments import Experiment, Found, read_photo
from .photos import PhotoDetector

HEAD = (
    'experiment',
    'training dataset',
    'testing dataset',
    'protocol',
    'AP, %',
)
_COLOURS = (
    'Green: found face. Orange corners: missed face. Red: false detection.'
)


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
    before: Mapping[str, Found], after: Mapping[str, Found], number: int
) -> list[str]:
    """Choose images to show."""

    def gain(name: str) -> int:
        return before[name].hits - after[name].hits

    def errors(name: str) -> int:
        return -after[name].misses - after[name].false

    chosen = sorted(after, key=gain)[: (number + 1) // 2]
    chosen += [x for x in sorted(after, key=errors) if x not in chosen]
    return chosen[:number]


def write_page(
    path: Path,
    experiments: Sequence[Experiment],
    number: int,
    score_thr: float,
    detector: PhotoDetector | None = None,
    photos: Iterable[Path] = (),
) -> Path:
    """Write the page and its pictures."""
    report = HtmlReport(path, 'Faces in the dark')
    report.table(HEAD, table(experiments))
    names = experiments[0].test_set.images
    (curve,) = experiments[0].result.evaluation.curves.values()
    report.text(
        'AP as the published tool of DARK FACE computes it, of '
        f'{len(names):,} images with {curve.num_faces:,} faces.'
    )
    report.picture('pr.png', pr_figure([x.result for x in experiments]))
    _test_images(report, experiments, number, score_thr)
    if detector is not None:
        report.section('Further photos')
        report.text(
            f'Detected by the detector of {experiments[-1].name}, score at '
            f'least {score_thr:g}. {_COLOURS} Where there are no labels, all '
            'detections are green.'
        )
        for photo in photos:
            report.row(
                (
                    f'photos/{photo.name}_{form}.jpg',
                    found.draw(image),
                    f'{photo.name}, {form}: {found}',
                )
                for form, image, found in detector(photo)
            )
    return report.save()


def _test_images(
    report: HtmlReport,
    experiments: Sequence[Experiment],
    number: int,
    score_thr: float,
) -> None:
    first, last = experiments[0], experiments[-1]
    found = [x.found(score_thr) for x in experiments]
    report.section('Test images')
    report.text(
        'Each as the pipeline hands it on, with detections of a score of at '
        f'least {score_thr:g}. {_COLOURS} First the images where {last.name} '
        f'finds most more faces than {first.name}, then those where it makes '
        'the most errors.'
    )
    for name in choose(found[0], found[-1], number):
        raw = read_photo(first.test_set.images[name])
        pictures = [(f'test/{name}.jpg', raw, name)]
        for experiment, of_images in zip(experiments, found):
            picture = of_images[name].draw(experiment.test_set.read(name))
            caption = f'{experiment.name}: {of_images[name]}'
            file = f'test/{name}_{experiment.name}.jpg'
            pictures.append((file, picture, caption))
        report.row(pictures)
