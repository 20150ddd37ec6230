"""What can be wrong with a copy of DARK FACE, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.progress import track

from mmsrn.evaluation.readers import (
    AnnotationError,
    label_files,
    parse_dark_face_label,
    read_dark_face_list,
    read_dark_face_names,
)
from mmsrn.evaluation.readers.dark_face_splits import (
    NUM_IMAGES,
    PUBLISHED_SPLITS,
    split_file,
)
from mmsrn.utils.text_data import decode_text

from .images import Problem, Size, read_images

#: Faces of all labelled images, and the size of these.
NUM_FACES = 43_849
IMAGE_SIZE: Size = (1080, 720)
# Tools disagree on whether the last pixel belongs to a box.
_TOLERANCE = 1

Faces = dict[str, np.ndarray]  # (k, 4) corners by name without suffix


def read_labels(folder: Path) -> tuple[Faces, list[Problem]]:
    """Read all label files, and go on after those that are malformed.

    Args:
        folder (Path): Folder of ``NAME.txt``.

    Returns:
        tuple[Faces, list[Problem]]: Of each image, and what is wrong.
    """
    faces, problems = {}, []
    try:
        paths = label_files(folder) if folder.is_dir() else []
    except AnnotationError as error:
        return {}, [Problem('unreadable files', folder.name, str(error))]
    for path in track(paths, f'Reading {folder}', disable=len(paths) < 500):
        if path.stem in faces:  # 1.txt and 1.TXT
            what = f'{path.stem} has another one'
            problems.append(Problem('doubled label files', path.name, what))
            continue
        try:
            data = path.read_bytes()
            faces[path.stem] = parse_dark_face_label(data, str(path))
        except (AnnotationError, OSError) as error:
            problems.append(Problem('unreadable files', path.name, str(error)))
    return faces, problems


def read_list(path: Path) -> tuple[list[str], Faces]:
    """Read a split list, with or without faces.

    Args:
        path (Path): The list.

    Returns:
        tuple[list[str], Faces]: Names without suffix; the faces, if listed.

    Raises:
        AnnotationError: If it is missing or malformed.
    """
    names = read_dark_face_names(path)
    lines = decode_text(Path(path).read_bytes()).splitlines()
    if all(len(line.split()) < 2 for line in lines):
        return names, {}
    truth = read_dark_face_list(path)
    return names, dict(zip(truth.names, truth.settings['ap'].faces))


def published_counts(path: Path) -> tuple[int, int] | None:
    """Images and faces of the published list of this name, if there is one."""
    for name, split in PUBLISHED_SPLITS.items():
        if path.name == split_file(name):
            return split.images, split.faces
    return None


def check_counts(
    where: str, names: Sequence[str], faces: Faces, published: tuple[int, int]
) -> Iterator[Problem]:
    """Compare the numbers of images and faces with the published ones.

    Args:
        where (str): What has them.
        names (Sequence[str]): Images.
        faces (dict[str, np.ndarray]): Their faces; empty if not known.
        published (tuple[int, int]): Images and faces as published.

    Yields:
        Problem: For each number that differs.
    """
    found = [len(names)]
    if faces:
        found.append(sum(map(len, faces.values())))
    for what, ours, theirs in zip(('images', 'faces'), found, published):
        if ours != theirs:
            yield Problem(
                'counts other than published',
                where,
                f'{ours:,} {what}, published {theirs:,} ({ours - theirs:+,})',
            )


def check_parts(lists: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Find images in both parts of a published division.

    Args:
        lists (Mapping[str, Sequence[str]]): Names by the file of their list.

    Yields:
        Problem: For each such image.
    """
    files = [split_file(name) for name in PUBLISHED_SPLITS]
    for one, other in zip(files[::2], files[1::2]):
        for name in sorted({*lists.get(one, ())} & {*lists.get(other, ())}):
            yield Problem(
                'images in both parts', name, f'stands in {one} and {other}'
            )


def check_agreement(
    file: str, listed: Faces, labelled: Faces
) -> Iterator[Problem]:
    """Compare the faces of a list with the label files.

    Args:
        file (str): Name of the list.
        listed (dict[str, np.ndarray]): Its faces.
        labelled (dict[str, np.ndarray]): Those of the label files.

    Yields:
        Problem: For each image that has others, or no label file.
    """
    for name, boxes in listed.items():
        if name not in labelled:
            yield Problem('missing labels', name, f'is in {file}')
            continue
        ours, theirs = _in_order(boxes), _in_order(labelled[name])
        if len(ours) != len(theirs):
            what = f'{len(ours)} faces, its label file {len(theirs)}'
        elif len(ours) and np.abs(ours - theirs).max() > _TOLERANCE:
            what = 'other boxes than its label file'
        else:
            continue
        yield Problem('lists other than labels', name, f'{file} has {what}')


def _in_order(boxes: np.ndarray) -> np.ndarray:
    """Boxes by left, then top, which no convention changes."""
    return boxes[np.lexsort((boxes[:, 1], boxes[:, 0]))]


def check_boxes(
    where: str, faces: Faces, sizes: Mapping[str, Size]
) -> Iterator[Problem]:
    """Find boxes that reach beyond their image.

    Args:
        where (str): Label folder or list.
        faces (dict[str, np.ndarray]): Corners by image.
        sizes (Mapping[str, tuple[int, int]]): Width and height by image, as
            far as they are known.

    Yields:
        Problem: For each such box.
    """
    for name, boxes in faces.items():
        size = sizes.get(name)
        for number, (x1, y1, x2, y2) in enumerate(boxes, 1):
            inside = x1 >= 0 and y1 >= 0
            if size is not None:
                inside &= x2 <= size[0] and y2 <= size[1]
            if not inside:
                of = f'{size[0]}x{size[1]}' if size else 'unknown size'
                yield Problem(
                    'boxes beyond the image',
                    name,
                    f'face {number} in {where}: x1 {x1:g}, y1 {y1:g}, '
                    f'x2 {x2:g}, y2 {y2:g}; image of {of}',
                )


def check_all_sizes(sizes: Mapping[str, Size]) -> Iterator[Problem]:
    """Find images of another size than the published ones have.

    Args:
        sizes (Mapping[str, tuple[int, int]]): Width and height by image.

    Yields:
        Problem: For each such image.
    """
    width, height = IMAGE_SIZE
    for name, size in sizes.items():
        if size != IMAGE_SIZE:
            what = f'{size[0]}x{size[1]}, published {width}x{height}'
            yield Problem('size mismatches', name, f'the image has {what}')


def check_dark_face(
    root: Path,
    splits: Sequence[str] | None = None,
    counts: bool = True,
    workers: int | None = None,
) -> list[Problem]:
    """Check a copy and print what is normal about it.

    Args:
        root (Path): Its folder, with ``image``, and ``label`` or lists
            ``split_*.txt``, or both.
        splits (Sequence[str], optional): Names of published splits whose
            lists must be there.  By default the lists that are there.
        counts (bool): Whether to compare numbers, and the size of images,
            with the published ones.
        workers (int, optional): Threads that decode the images; by default
            these are not looked at.

    Returns:
        list[Problem]: What is not.
    """
    labelled, problems = read_labels(root / 'label')
    sources = {}
    if labelled or problems:
        sources['label'] = labelled
        problems += _described(
            'label', list(labelled), labelled, (NUM_IMAGES, NUM_FACES), counts
        )
    files = sorted(root.glob('split_*.txt'))
    if splits is not None:
        files = [root / split_file(name) for name in splits]
    lists = {}
    for file in files:
        try:
            lists[file.name], faces = read_list(file)
        except AnnotationError as error:
            problems.append(Problem('unreadable files', file.name, str(error)))
            continue
        published = published_counts(file)
        problems += _described(
            file.name, lists[file.name], faces, published, counts
        )
        sources[file.name] = faces
        if labelled:
            problems += check_agreement(file.name, faces, labelled)
    problems += check_parts(lists)
    names = dict.fromkeys(x for part in lists.values() for x in part)
    names = sorted(dict.fromkeys((*labelled, *names)), key=_number)
    sizes = dict.fromkeys(names, IMAGE_SIZE) if counts else {}
    if workers is not None:
        decoded, damaged = _decode(root, names, workers)
        problems += damaged
        if splits is None:
            problems += _unknown_images(root / 'image', names)
        if counts:
            problems += check_all_sizes(decoded)
        sizes.update(decoded)
    for where, faces in sources.items():
        problems += check_boxes(where, faces, sizes)
    return problems


def _described(
    where: str,
    names: Sequence[str],
    faces: Faces,
    published: tuple[int, int] | None,
    counts: bool,
) -> Iterator[Problem]:
    """Print what a source has, and compare the numbers."""
    text = f'{where}: {len(names):,} images'
    if faces:
        text += f', {sum(map(len, faces.values())):,} faces'
    print(text)
    if counts and published is not None:
        yield from check_counts(where, names, faces, published)


def _decode(
    root: Path, names: Sequence[str], workers: int
) -> tuple[dict[str, Size], list[Problem]]:
    """Decode the images."""
    folder = root / 'image'
    if not folder.is_dir():
        near = sorted(root.glob('*/*.png'))
        hint = (
            f'rename {near[0].parent} to {folder}'
            if near
            else 'data/README.md shows the layout; --no-images checks the '
            'annotations alone'
        )
        return {}, [Problem('missing folders', str(folder), hint)]
    decoded, problems = read_images(
        folder, [f'{name}.png' for name in names], workers
    )
    return {Path(name).stem: size for name, size in decoded.items()}, problems


def _unknown_images(folder: Path, names: Sequence[str]) -> list[Problem]:
    """Find images that neither label files nor lists name."""
    unknown = {x.stem for x in folder.glob('[!.]*.png')} - {*names}
    return [
        Problem('images without labels', f'{name}.png', f'lies in {folder}')
        for name in sorted(unknown, key=_number)
    ]


def _number(name: str) -> tuple[int, str]:
    return (int(name), '') if name.isdecimal() else (-1, name)
