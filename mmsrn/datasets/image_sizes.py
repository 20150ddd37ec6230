"""Widths and heights of many images, read once."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.logging import print_log
from rich.progress import track

from mmsrn.evaluation.readers import AnnotationError
from mmsrn.utils.atomic_file import atomic_file
from mmsrn.utils.image_header import ImageHeader, read_header

Sizes = dict[str, tuple[int, int]]


def read_size_csv(path: str | Path) -> Sizes:
    """Read a table of image sizes.

    Args:
        path (str | Path): Lines of name, width, height.

    Returns:
        dict[str, tuple[int, int]]: Width and height in pixels by name.

    Raises:
        AnnotationError: If a line is malformed or the file is missing.
    """
    sizes = {}
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            for number, row in enumerate(csv.reader(file), 1):
                try:
                    name, width, height = row
                    sizes[name] = int(width), int(height)
                except ValueError:
                    raise AnnotationError(
                        f'{path}:{number}: expected name,width,height, found '
                        f'{",".join(row)!r}'
                    ) from None
    except FileNotFoundError:
        raise AnnotationError(f'{path}: no such file') from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f'{path}: not a table: {error}') from None
    return sizes


def _header(path: Path) -> ImageHeader:
    try:
        return read_header(path)
    except FileNotFoundError:
        raise AnnotationError(
            f'{path}: no such image, but the annotations name it; check '
            'data_root and data_prefix, or give image_sizes'
        ) from None
    except (OSError, ValueError) as error:
        raise AnnotationError(f'{path}: not a readable image: {error}') from (
            None
        )


def read_headers(folder: str | Path, names: list[str]) -> list[ImageHeader]:
    """Read the headers of images.

    Args:
        folder (str | Path): Folder of the images.
        names (list[str]): Their paths below it.

    Returns:
        list[ImageHeader]: In the order of the names.

    Raises:
        AnnotationError: If an image is missing or not readable.
    """
    folder = Path(folder)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(_header, [folder / name for name in names])
        bar = track(
            found,
            total=len(names),
            description='Image sizes',
            disable=len(names) < 500,
        )
        # The bar first: it ends only if it is asked after the last one.
        return [header for header, _ in zip(bar, names)]


def image_sizes(
    folder: str | Path, names: list[str], cache: str | Path | None = None
) -> Sizes:
    """Read the sizes of images from their headers, or from the cache.

    Args:
        folder (str | Path): Folder of the images.
        names (list[str]): Their paths below it.
        cache (str | Path, optional): Table to read if it has all the names
            and to write otherwise.

    Returns:
        dict[str, tuple[int, int]]: Width and height in pixels by name.

    Raises:
        AnnotationError: If an image is missing or not readable.
    """
    if cache is not None and Path(cache).is_file():
        try:
            sizes = read_size_csv(cache)
        except AnnotationError as error:
            print_log(f'{error}; reading the images anew', 'current', 30)
            sizes = {}
        if all(name in sizes for name in names):
            return sizes
    headers = read_headers(folder, names)
    sizes = {name: x.size for name, x in zip(names, headers)}
    if cache is not None:
        _write_cache(Path(cache), sizes)
    return sizes


def _write_cache(path: Path, sizes: Sizes) -> None:
    try:
        with (
            atomic_file(path) as partial,  # every rank may write
            open(partial, 'w', newline='', encoding='utf-8') as file,
        ):
            writer = csv.writer(file)
            writer.writerows((name, *size) for name, size in sizes.items())
    except OSError as error:
        print_log(
            f'{path}: cannot be written ({error}); image sizes will be read '
            'again next time',
            'current',
            30,
        )
