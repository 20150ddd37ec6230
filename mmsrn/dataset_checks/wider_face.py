"""What can be wrong with the annotations of a copy of WIDER FACE."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mmsrn.evaluation.readers import FaceImage

from .images import Problem, Size, look_up

#: Images and faces of the published splits.
PUBLISHED = {'train': (12_880, 159_424), 'val': (3_226, 39_708)}


def check_counts(
    split: str, images: list[FaceImage], path: Path
) -> Iterator[Problem]:
    """Compare the numbers of images and faces with the published ones.

    Args:
        split (str): Name of the split.
        images (list[FaceImage]): Its annotations.
        path (Path): Their file.

    Yields:
        Problem: For each number that differs.
    """
    if split not in PUBLISHED:
        return
    found = len(images), sum(len(image.faces) for image in images)
    for what, ours, theirs in zip(
        ('images', 'faces'), found, PUBLISHED[split]
    ):
        if ours != theirs:
            yield Problem(
                'counts other than published',
                str(path),
                f'{ours:,} {what}, published {theirs:,} ({ours - theirs:+,})',
            )


def check_boxes(
    images: Iterable[FaceImage], sizes: dict[str, Size]
) -> Iterator[Problem]:
    """Find boxes that reach beyond their image.

    Boxes without area are not looked at: the published set has some, and
    training leaves them out.

    Args:
        images (Iterable[FaceImage]): Annotations.
        sizes (dict[str, tuple[int, int]]): Width and height by name, as far
            as they are known.

    Yields:
        Problem: For each such box.
    """
    for image in images:
        size = look_up(sizes, image.name)
        for number, (x, y, w, h, *_) in enumerate(image.faces):
            if w <= 0 or h <= 0:
                continue
            inside = x >= 0 and y >= 0
            if size is not None:
                inside &= x + w <= size[0] and y + h <= size[1]
            if not inside:
                of = f'{size[0]}x{size[1]}' if size else 'unknown size'
                # Below the name stands the count, then the faces.
                yield Problem(
                    'boxes beyond the image',
                    image.name,
                    f'line {image.line + 2 + number}: x {x}, y {y}, w {w}, '
                    f'h {h}; image of {of}',
                )
