"""What can be wrong with the images of a set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from rich.progress import track

from mmsrn.utils.image_files import read_image

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


def read_images(
    folder: Path, names: Sequence[str], workers: int
) -> tuple[dict[str, Size], list[Problem]]:
    """Decode images.

    Args:
        folder (Path): Folder of the images.
        names (Sequence[str]): Their paths below it.
        workers (int): Threads; decoding runs in parallel in them.

    Returns:
        tuple[dict[str, tuple[int, int]], list[Problem]]: Width and height
        of each image that could be decoded, and the others.
    """
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
        height, width = read_image(path).shape[:2]
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
