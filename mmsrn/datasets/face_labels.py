"""What annotations of any origin have in common: classes, boxes, remarks."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from mmengine.logging import print_log

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.image_header import ImageHeader

__all__ = [
    'ClassMap',
    'Remarks',
    'check_stated_sizes',
    'place_boxes',
    'refuse_shares',
]

_SHOWN = 3
# Pixels that boxes may reach over the image without a remark, as they do in
# sets whose tools disagree on whether the first pixel is 0 or 1.
_ROUNDING = 1
# Pixels, or share of the image's side, beyond which box or image is wrong.
_FEW, _FEW_SHARE = 5, 0.1
# A centre and a side in shares of the image add up to no more.
_MOST_SHARE = 2


class Remarks:
    """What was mended in annotations or looks wrong, told in few lines."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = defaultdict(list)

    def add(self, what: str, where: str) -> None:
        """Note a thing.

        Args:
            what (str): What it is, plural, and what becomes of it.
            where (str): Image, or file and line.
        """
        self._places[what].append(where)

    def tell(self, source: str) -> None:
        """Log a warning of each kind of thing.

        Args:
            source (str): The annotations.
        """
        for what, places in self._places.items():
            named = list(dict.fromkeys(places))
            more = ', ...' if len(named) > _SHOWN else ''
            print_log(
                f'{source}: {what}: {len(places):,} '
                f'({", ".join(named[:_SHOWN])}{more})',
                'current',
                logging.WARNING,
            )


class ClassMap:
    """Folds the class names of annotations into those of the detector.

    Args:
        names (Mapping[str, str | None], optional): Name in the annotations to
            class, or to None: such objects are left out.  The key ``'*'``
            stands for every other name.
        classes (Sequence[str]): The classes, in the order of their labels.

    Attributes:
        found (Counter): How often each name was asked for.

    Raises:
        ValueError: If the classes are one text.
    """

    def __init__(
        self,
        names: Mapping[str, str | None] | None,
        classes: Sequence[str],
    ) -> None:
        if isinstance(classes, str):
            raise ValueError(
                f"metainfo.classes is the text '{classes}', not a tuple of "
                f"names: one class needs a comma, classes=('{classes}',)"
            )
        self.names = dict(names or {})
        self.classes = tuple(classes)
        self.found: Counter[str] = Counter()
        self._by_case = {x.casefold(): x for x in reversed(self.classes)}

    def fold(self, name: str) -> str | None:
        """Find the class of a name.

        Args:
            name (str): As the annotations have it; empty if they know no
                classes, which is the class if there is only one.

        Returns:
            str, optional: One of the classes; ``Face`` is ``face`` if there is
            no other of that name.  None if the object is to be left out.

        Raises:
            ValueError: If it leads to none.
        """
        self.found[name] += 1
        mapped = self.names.get(name, self.names.get('*', name))
        if mapped is None:
            return None
        if not name and not mapped and len(self.classes) == 1:
            return self.classes[0]
        if mapped not in self.classes:
            known = self._by_case.get(str(mapped).strip().casefold())
            if known is None:
                raise ValueError(
                    f'class {mapped!r} is not one of {self.classes}; fold it '
                    'into one of them with class_map, such as '
                    f"class_map={{'{name}': '{self.classes[0]}'}}, or leave "
                    f"it out: class_map={{'{name}': None}}"
                )
            return known
        return mapped

    def label(self, name: str) -> int | None:
        """Find the label of a name; see :meth:`fold`."""
        folded = self.fold(name)
        return None if folded is None else self.classes.index(folded)


def check_stated_sizes(
    stated: Mapping[str, tuple[int, int]],
    headers: Mapping[str, ImageHeader],
    source: str,
) -> set[str]:
    """Compare sizes that annotations state with those of the images.

    Args:
        stated (Mapping[str, tuple[int, int]]): Width and height by image, of
            those that have boxes, as far as they are stated.
        headers (Mapping[str, ImageHeader]): Of the same images and others.
        source (str): The annotations.

    Returns:
        set[str]: Images of another size; a warning names the first of them.

    Raises:
        AnnotationError: If they are more than half of the images.
    """
    other = {k for k, size in stated.items() if headers[k].size != size}
    if not other:
        return other
    # Stored on its side, and stated so: labelled without a look at EXIF.
    unturned = {
        k for k in other if stated[k] == (headers[k].width, headers[k].height)
    }
    told = [k for k in stated if k in (unturned or other)]
    shown = '; '.join(
        f'{k}: {stated[k][0]} x {stated[k][1]} stated, '
        f'{headers[k].size[0]} x {headers[k].size[1]} found'
        for k in told[:_SHOWN]
    )
    text = (
        f'{source}: {len(other):,} of {len(stated):,} images have another '
        f'size than the annotations say ({shown}): their boxes may lie beside '
        'the faces'
    )
    if unturned:
        # Turned upside down, and so of the size that is stated.
        more = sum(headers[k].orientation in (2, 3, 4) for k in stated)
        text += (
            f'; {len(unturned):,} are turned by EXIF, which the annotations '
            'do not know'
            + (f', and maybe {more:,} more of the same size' if more else '')
            + ': save these images without the EXIF orientation'
        )
    if 2 * len(other) > len(stated):
        raise AnnotationError(
            f'{text}. Label these images, or leave the sizes out of the '
            'annotations if the boxes are right'
        )
    print_log(text, 'current', logging.WARNING)
    return other


def refuse_shares(boxes: Iterable[Sequence[float]], source: str) -> None:
    """Refuse a set whose boxes are shares of the image, and not pixels.

    Args:
        boxes (Iterable[Sequence[float]]): Corners of all objects; those
            without area do not count.
        source (str): The annotations.

    Raises:
        AnnotationError: If all boxes lie in the first pixels of their images.
    """
    # Lists of photos without faces have boxes of zeros.
    most = [
        max(map(abs, box))
        for box in boxes
        if box[0] < box[2] and box[1] < box[3]
    ]
    if most and max(most) <= _MOST_SHARE:
        raise AnnotationError(
            f'{source}: all {len(most):,} boxes are between 0 and '
            f'{max(most):g}, and seem to be shares of the image; multiply '
            'them by its width and height, or use YOLOFaceDataset for labels '
            'of YOLO'
        )


def place_boxes(
    instances: Sequence[dict],
    size: tuple[int, int],
    remarks: Remarks,
    where: str,
    trusted: bool = True,
    origin: int = 0,
) -> list[dict]:
    """Cut boxes to their image, and drop those without area.

    Args:
        instances (Sequence[dict]): All objects of an image, ``bbox`` being
            corners in pixels.
        size (tuple[int, int]): Its width and height.
        remarks (Remarks): Gets what was cut or dropped.
        where (str): The image, for these.
        trusted (bool): Whether the annotations state the true size; else no
            box is refused.
        origin (int): First pixel of the annotations, for messages.

    Returns:
        list[dict]: Those that stay.

    Raises:
        ValueError: If a box reaches far out of the image: box or image is
            wrong.
    """
    kept = []
    for number, instance in enumerate(instances, 1):
        x1, y1, x2, y2 = instance['bbox']
        if x2 < x1 or y2 < y1:
            remarks.add(
                'boxes with exchanged corners or a negative side are dropped',
                where,
            )
            continue
        if x1 == x2 or y1 == y2:
            remarks.add('boxes without area are dropped', where)
            continue
        box = [
            min(max(x, 0), end) for x, end in zip((x1, y1, x2, y2), size * 2)
        ]
        over = [abs(x - cut) for x, cut in zip((x1, y1, x2, y2), box)]
        inside = box[0] < box[2] and box[1] < box[3]
        few = [max(_FEW, _FEW_SHARE * side) for side in size] * 2
        if trusted and (
            any(x > most for x, most in zip(over, few))
            or (not inside and max(over) > _ROUNDING)
        ):
            raise ValueError(
                f'object {number}: its box '
                f'{[x + origin for x in (x1, y1, x2, y2)]} lies outside the '
                f'image, {size[0]} x {size[1]} pixels'
            )
        if max(over) > _ROUNDING:
            what = 'are cut' if inside else 'are dropped, all of them outside'
            remarks.add(f'boxes reach out of their image and {what}', where)
        if inside:
            kept.append(dict(instance, bbox=box))
    return kept
