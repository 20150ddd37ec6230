"""What can be wrong with a copy of WIDER FACE, part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from rich.progress import track

from mmsrn.parsers import FaceImage

#: Images and faces of the published splits.
PUBLISHED = {'train': (12_880, 159_424), 'val': (3_226, 39_708)}
_ORIENTATION = 0x0112  # EXIF tag

Size = tuple[int, int]


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind (str): What kind of thing, plural.
        where (str): Name of the image or the file.
        what (str): Details.
    """

    kind: str
    where: str
    what: str


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


def read_images(
    folder: Path, images: list[FaceImage], workers: int
) -> tuple[dict[str, Size], list[Problem]]:
    """Decode all images.

    Args:
        folder (Path): Folder of the images.
        images (list[FaceImage]): Annotations of the split.
        workers (int): Threads; decoding runs in parallel in them.

    Returns:
        tuple[dict[str, tuple[int, int]], list[Problem]]: Width and height
        of each image that could be decoded, and the others.
    """
    names = [image.name for image in images]
    sizes, problems = {}, []
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(_decode, [folder / name for name in names])
        bar = track(found, f'Decoding {folder}', total=len(names))
        # The bar first: it ends only if it is asked after the last one.
        for result, name in zip(bar, names):
            if isinstance(result, Problem):
                problems.append(result._replace(where=name))
            else:
                sizes[name] = result
    return sizes, problems


def _decode(path: Path) -> Size | Problem:
    """Size as training sees it, or what is wrong."""
    try:
        with Image.open(path) as image:
            image.load()
            width, height = image.size
            if image.getexif().get(_ORIENTATION, 1) >= 5:
                width, height = height, width
            return width, height
    except FileNotFoundError:
        return Problem('missing images', '', f'{path} does not exist')
    except Exception as error:  # a damaged file may raise anything
        return Problem(
            'corrupt images', '', f'{type(error).__name__}: {error}'
        )


def check_sizes(
    sizes: dict[str, Size], table: dict[str, Size], path: Path
) -> Iterator[Problem]:
    """Compare the images with a table of their sizes.

    Args:
        sizes (dict[str, tuple[int, int]]): Widths and heights as decoded.
        table (dict[str, tuple[int, int]]): What the table says; names with
            or without event and suffix.
        path (Path): File of the table.

    Yields:
        Problem: For each image whose size differs.
    """
    for name, size in sizes.items():
        said = look_up(table, name)
        if said not in (None, size):
            yield Problem(
                'size mismatches',
                name,
                f'the image has {size[0]}x{size[1]}, {path.name} says '
                f'{said[0]}x{said[1]}',
            )


def look_up(table: dict[str, Size], name: str) -> Size | None:
    """Return the size of an image that is in the table by either name."""
    return table.get(name, table.get(Path(name).stem))


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
