"""Accuracy of a run, by COCO's rules for who found whom."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .runs import Run

#: Heights of faces, in pixels of what the detector sees: from, below.
BANDS = ((0, 16), (16, 32), (32, 64), (64, 128), (128, 1e9))
#: Detections of a photo that count: the last for all, the first for AP, as in
#: COCO's own summary, which ``tools/test.py`` prints.
_MOST = [100, 300, 1000]
_IOUS = np.linspace(0.5, 0.95, 10)


@dataclass
class Curve:
    """Hits and false alarms as the score falls.

    Attributes:
        scores (np.ndarray): Falling, each once, (n,).
        hits (np.ndarray): Faces found by detections of this score or more,
            (n,).
        false (np.ndarray): Such detections that found none, doubles
            included, (n,).
        num_faces (int): Faces that count.
    """

    scores: np.ndarray
    hits: np.ndarray
    false: np.ndarray
    num_faces: int

    @classmethod
    def of(
        cls, scores: np.ndarray, is_hit: np.ndarray, num_faces: int
    ) -> Curve:
        """Make a curve.

        Args:
            scores (np.ndarray): Of detections that count, (n,).
            is_hit (np.ndarray): Whether they found a face, (n,) bool.
            num_faces (int): Faces that count.

        Returns:
            Curve: The curve.
        """
        order = np.argsort(-scores, kind='stable')
        scores, is_hit = scores[order], is_hit[order]
        # Detections of one score come together.
        last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]
        hits, false = is_hit.cumsum()[last], (~is_hit).cumsum()[last]
        return cls(scores[last], hits, false, num_faces)

    def at_score(self, score: float) -> tuple[float, int]:
        """Look a score up.

        Args:
            score (float): The least score of a detection.

        Returns:
            tuple[float, int]: Recall in [0, 1], and number of false alarms.
        """
        kept = int((self.scores >= score).sum())
        if not kept:
            return 0.0, 0
        return self.hits[kept - 1] / self.num_faces, int(self.false[kept - 1])

    def score_at(self, false: float) -> float:
        """Find the least score that lets few false alarms pass.

        Args:
            false (float): Most false alarms.

        Returns:
            float: The score; infinite if even the best one lets more pass.
        """
        kept = int((self.false <= false).sum())
        return float(self.scores[kept - 1]) if kept else np.inf

    def best_f1(self) -> tuple[float | None, float]:
        """Find the score at which precision and recall are in balance.

        Returns:
            tuple[float | None, float]: The score, None if no face was found;
            and F1 there, in [0, 1].
        """
        if not self.hits.any():
            return None, 0.0
        f1 = 2 * self.hits / (self.hits + self.false + self.num_faces)
        best = int(f1.argmax())
        return float(self.scores[best]), float(f1[best])


def measure(
    run: Run, scale: int | str, levels: Sequence[float]
) -> dict[str, Any]:
    """Measure a run over a set with faces.

    AP, AP50 and AP75 are those of pycocotools' summary, which
    ``tools/test.py`` prints too: AP, the mean over overlaps of .50 to .95, is
    of the best 100 detections of a photo, all else of the best 1,000.
    Everything else is at an overlap of 0.5. The bands' recall is at the scores
    that give the whole set its false alarms.

    Args:
        run (Run): The run.
        scale (int | str): Longer side of what the detector saw, for the
            heights of faces, or ``'original'``.
        levels (Sequence[float]): False alarms a photo at which recall is
            read.

    Returns:
        dict[str, Any]: ``AP``, ``AP50``, ``AP75``; by level ``recall`` and
        ``score``; at the default score ``default_score``,
        ``default_recall`` and ``default_false``, alarms a photo;
        ``best_score`` and ``best_f1``; the medians of ``seconds`` and
        ``cpu_seconds``; and ``heights``, a dict for each band that has faces:
        ``band``, ``faces``, ``AP50`` and ``recall`` by level.
    """
    factors = [1 if scale == 'original' else scale / x for x in run.sides]
    truth, found = _as_coco(run, factors)
    whole = _evaluate(truth, found, _IOUS, {'all': (0, 1e9)})
    bands = _evaluate(truth, found, _IOUS[:1], {str(x): x for x in BANDS})
    with contextlib.redirect_stdout(io.StringIO()):
        whole.summarize()
    ap, ap50, ap75 = map(float, whole.stats[:3])
    curve, finders, heights = _read_matches(whole, truth)
    scores = [curve.score_at(x * len(run.photos)) for x in levels]
    default = run.contestant.score_thr
    recall, false = curve.at_score(default)
    best_score, best_f1 = curve.best_f1()
    by_height = []
    for index, (low, high) in enumerate(BANDS):
        inside = finders[(heights >= low) & (heights < high)]
        if len(inside):
            by_height.append(
                dict(
                    band=f'{low}-{high}' if high < 1e9 else f'{low}+',
                    faces=len(inside),
                    AP50=float(
                        bands.eval['precision'][0, :, 0, index, -1].mean()
                    ),
                    recall=[float((inside >= x).mean()) for x in scores],
                )
            )
    return dict(
        AP=ap,
        AP50=ap50,
        AP75=ap75,
        recall=[float(curve.at_score(x)[0]) for x in scores],
        score=[x if np.isfinite(x) else None for x in scores],
        default_score=default,
        default_recall=float(recall),
        default_false=false / len(run.photos),
        best_score=best_score,
        best_f1=best_f1,
        seconds=float(np.median(run.seconds)),
        cpu_seconds=float(np.median(run.cpu_seconds)),
        heights=by_height,
    )


def count_false_alarms(run: Run) -> dict[str, Any]:
    """Count what a run found on photos without faces.

    Args:
        run (Run): The run.

    Returns:
        dict[str, Any]: ``default_score``; ``alarms`` of this score or more,
        and how many ``photos`` have one; and ``highest``, the best score of
        each photo and its name, falling.
    """
    score = run.contestant.score_thr
    alarms = [int((x >= score).sum()) for x in run.scores]
    best = [
        (float(x.max(initial=0)), photo.path.name)
        for x, photo in zip(run.scores, run.photos)
    ]
    return dict(
        default_score=score,
        alarms=sum(alarms),
        photos=sum(x > 0 for x in alarms),
        highest=sorted(best, reverse=True),
    )


def _as_coco(run: Run, factors: list[float]) -> tuple[Any, Any]:
    """Give labels and detections to pycocotools, heights as their areas."""
    truth, found = [], []
    for image, (photo, boxes, scores, factor) in enumerate(
        zip(run.photos, run.boxes, run.scores, factors)
    ):
        for group, ignored in ((photo.faces, 0), (photo.ignored, 1)):
            truth += _annotations(image, group, factor, iscrowd=ignored)
        for box, score in zip(boxes, scores):
            found += _annotations(
                image, box[None], factor, score=float(score), iscrowd=0
            )
    return tuple(_index(x, len(run.photos)) for x in (truth, found))


def _annotations(
    image: int, boxes: np.ndarray, factor: float, **values: Any
) -> list[dict]:
    return [
        dict(
            image_id=image,
            category_id=1,
            bbox=[x1, y1, x2 - x1, y2 - y1],
            area=(y2 - y1) * factor,
            **values,
        )
        for x1, y1, x2, y2 in boxes.astype(float).tolist()
    ]


def _index(annotations: list[dict], num_images: int) -> Any:
    from pycocotools.coco import COCO

    for number, item in enumerate(annotations, 1):  # 0 would be no match
        item['id'] = number
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = dict(
            images=[dict(id=i) for i in range(num_images)],
            categories=[dict(id=1)],
            annotations=annotations,
        )
        coco.createIndex()
    return coco


def _evaluate(
    truth: Any, found: Any, ious: np.ndarray, bands: dict[str, tuple]
) -> Any:
    from pycocotools.cocoeval import COCOeval

    result = COCOeval(truth, found, 'bbox')
    result.params.iouThrs = ious
    result.params.maxDets = _MOST
    # pycocotools counts the upper end in.
    ranges = [(a, np.nextafter(b, 0)) for a, b in bands.values()]
    result.params.areaRng, result.params.areaRngLbl = ranges, [*bands]
    with contextlib.redirect_stdout(io.StringIO()):
        result.evaluate()
        result.accumulate()
    return result


def _read_matches(
    result: Any, truth: Any
) -> tuple[Curve, np.ndarray, np.ndarray]:
    """Read the matches at an overlap of 0.5.

    Returns:
        tuple[Curve, np.ndarray, np.ndarray]: The curve; the score of the
        detection that found each face, minus infinity if none did; and the
        height of each face.
    """
    scores, is_hit, finders, heights = [], [], [], []
    for photo in filter(None, result.evalImgs):
        counts = ~photo['dtIgnore'][0].astype(bool)
        of_photo = np.array(photo['dtScores'], float)
        scores.append(of_photo[counts])
        is_hit.append(photo['dtMatches'][0][counts] > 0)
        score_of = dict(zip(photo['dtIds'], of_photo))
        for face, finder, ignored in zip(
            photo['gtIds'], photo['gtMatches'][0], photo['gtIgnore']
        ):
            if not ignored:
                finders.append(score_of.get(int(finder), -np.inf))
                heights.append(truth.anns[face]['area'])
    curve = Curve.of(
        np.concatenate(scores), np.concatenate(is_hit), len(finders)
    )
    return curve, np.array(finders), np.array(heights)
