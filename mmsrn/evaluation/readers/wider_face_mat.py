"""Ground truth of the WIDER FACE evaluation (``wider_*_val.mat``)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np

from mmsrn.evaluation.matlab import to_corners
from mmsrn.structures.face_set import (
    ATTRIBUTE_NAMES,
    FaceSet,
    FaceSetting,
)

from .errors import AnnotationError

__all__ = ['SETTINGS', 'find_wider_face_mat', 'read_wider_face_mat']

SETTINGS = ('easy', 'medium', 'hard')
_MAIN = 'wider_face_val.mat'
# Of all boxes as int32, x y w h: the version of github
# biubug6/Pytorch_Retinaface. The older one (github sfzhang15/SFD) has the
# same lists of faces that count.
_NEW_BOXES = 'c960c35b8a288ee6'
_LISTS = '066b9b53cdd54819'


def find_wider_face_mat(folder: str | Path) -> Path | None:
    """Find the folder of the four files, itself or ``ground_truth`` in it.

    Args:
        folder (str | Path): Where to look.

    Returns:
        Path, optional: The folder; None if the files are not there.
    """
    for place in (Path(folder), Path(folder, 'ground_truth')):
        if (place / _MAIN).is_file():
            return place
    return None


def read_wider_face_mat(folder: str | Path) -> FaceSet:
    """Read the published ground truth of WIDER FACE val.

    As in the published tool, each setting is evaluated with the boxes of its
    own file and in the arithmetic of their class.

    Args:
        folder (str | Path): Folder of ``wider_face_val.mat`` and
            ``wider_{easy,medium,hard}_val.mat``, or the one above
            ``ground_truth``.

    Returns:
        FaceSet: Settings ``easy``, ``medium`` and ``hard``.

    Raises:
        AnnotationError: If a file is missing or malformed.
    """
    found = find_wider_face_mat(folder)
    if found is None:
        raise AnnotationError(
            f'{Path(folder) / _MAIN}: no such file; data/README.md says where '
            'the ground truth of WIDER FACE comes from'
        )
    main = _File(found / _MAIN)
    faces = main.faces()
    settings = {}
    lists = []
    for name in SETTINGS:
        file = _File(found / f'wider_{name}_val.mat')
        if file.names() != main.names():
            raise AnnotationError(
                f'{file.path}: its images are not those of {main.path}; take '
                'all four files from one version'
            )
        own = faces
        if 'face_bbx_list' in file.content:
            own = file.faces()
            if [len(x) for x in own] != [len(x) for x in faces]:
                raise AnnotationError(
                    f'{file.path}: has not as many boxes as {main.path}; '
                    'take all four files from one version'
                )
            if all(map(np.array_equal, own, faces)):
                own = faces  # one object, to be matched once
        counting = file.counting()
        lists += counting
        settings[name] = FaceSetting(own, file.flags(counting, own))
    return FaceSet(
        main.names(),
        settings,
        main.attributes(sum(map(len, faces))),
        _version(main, lists),
    )


def _version(main: _File, lists: list[np.ndarray]) -> str:
    if _digest(lists) != _LISTS:
        return 'in the layout of WIDER FACE val, not a published version'
    if _digest(main.boxes()) == _NEW_BOXES:
        return 'WIDER FACE val, new version'
    return 'WIDER FACE val, boxes of another version than the new one'


def _digest(arrays: list[np.ndarray]) -> str:
    hashed = hashlib.sha256()
    for array in arrays:
        hashed.update(b'%d ' % len(array))
        hashed.update(np.ascontiguousarray(array, '<i4').tobytes())
    return hashed.hexdigest()[:16]


class _File:
    """One file: cells of events, which hold cells of images."""

    def __init__(self, path: Path) -> None:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError

        self.path = path
        if not path.is_file():
            raise AnnotationError(
                f'{path}: no such file; the evaluation needs all four of '
                f'{_MAIN} and wider_{{easy,medium,hard}}_val.mat'
            )
        try:
            # The class in MATLAB, which is not how the numbers are stored.
            self.content = loadmat(path, mat_dtype=True)
        except NotImplementedError:
            raise AnnotationError(
                f'{path}: is in format 7.3 of MATLAB, which cannot be read; '
                "save it with save(..., '-v7')"
            ) from None
        except (
            EOFError,
            IndexError,
            KeyError,
            MatReadError,
            MemoryError,
            OSError,
            TypeError,
            ValueError,
            struct.error,
            zlib.error,
        ) as error:
            raise AnnotationError(
                f'{path}: not a readable .mat file: {error}'
            ) from None

    def cells(self, key: str) -> list:
        """Cells of all images, event after event."""
        if key not in self.content:
            raise AnnotationError(f'{self.path}: has no {key}')
        events = self.content[key]
        cells = (events, *events.flat)
        if any(np.asarray(x).dtype.kind != 'O' for x in cells):
            raise AnnotationError(
                f'{self.path}: {key} is not a cell array of cell arrays'
            )
        return [image for event in events.flat for image in event.flat]

    def names(self) -> list[str]:
        """Names of all images, ``event/image``."""
        if not hasattr(self, '_names'):
            self._names = self._read_names()
        return self._names

    def _read_names(self) -> list[str]:
        for key in ('event_list', 'file_list'):
            if key not in self.content:
                raise AnnotationError(f'{self.path}: has no {key}')
        events = [_text(x) for x in self.content['event_list'].ravel()]
        lists = self.content['file_list'].ravel()
        if len(events) != len(lists):
            raise AnnotationError(
                f'{self.path}: event_list has {len(events)} events, file_list '
                f'{len(lists)}'
            )
        return [
            f'{event}/{_text(image)}'
            for event, images in zip(events, lists)
            for image in np.ravel(images)
        ]

    def boxes(self) -> list[np.ndarray]:
        """Boxes x, y, w, h of every image in the class of the file."""
        found = []
        names = self.names()
        cells = self.cells('face_bbx_list')
        if len(cells) != len(names):
            raise AnnotationError(
                f'{self.path}: boxes of {len(cells)} images, but '
                f'{len(names)} names'
            )
        for name, cell in zip(names, cells):
            if not cell.size:
                cell = np.empty((0, 4), cell.dtype)
            kind = cell.dtype
            if cell.ndim != 2 or cell.shape[1] != 4:
                raise AnnotationError(
                    f'{self.path}: face_bbx_list of {name} must have four '
                    f'columns, not the shape {cell.shape}'
                )
            if kind != np.float64 and (
                kind.kind not in 'iu' or kind.itemsize > 4
            ):
                raise AnnotationError(
                    f'{self.path}: boxes of {name} are of class {kind}; '
                    'double and int32 can be evaluated'
                )
            found.append(cell)
        return found

    def faces(self) -> list[np.ndarray]:
        """Corners of the boxes of every image."""
        return [to_corners(x) for x in self.boxes()]

    def counting(self) -> list[np.ndarray]:
        """Indices from 1 of the faces that count, for every image."""
        return [np.ravel(x) for x in self.cells('gt_list')]

    def flags(
        self, counting: list[np.ndarray], faces: list[np.ndarray]
    ) -> np.ndarray:
        """Whether each face of the set counts."""
        if len(counting) != len(faces):
            raise AnnotationError(
                f'{self.path}: gt_list of {len(counting)} images, boxes of '
                f'{len(faces)}'
            )
        flags = []
        for name, indices, boxes in zip(self.names(), counting, faces):
            flag = np.zeros(len(boxes), bool)
            with np.errstate(invalid='ignore'):
                whole = indices.astype(np.int64)
            if (whole != indices).any() or (
                whole.size and not 1 <= whole.min() <= whole.max() <= len(flag)
            ):
                raise AnnotationError(
                    f'{self.path}: gt_list of {name} names faces beyond the '
                    f'{len(flag)} there are'
                )
            flag[whole - 1] = True
            # The tool counts indices, not faces.
            if flag.sum() != whole.size:
                raise AnnotationError(
                    f'{self.path}: gt_list of {name} names a face twice'
                )
            flags.append(flag)
        return np.concatenate([np.zeros(0, bool), *flags])

    def attributes(self, num_faces: int) -> dict[str, np.ndarray]:
        """Attributes of all faces, as far as the file has them."""
        found = {}
        for name in ATTRIBUTE_NAMES:
            key = f'{name}_label_list'
            if key in self.content:
                values = [np.ravel(x) for x in self.cells(key)]
                found[name] = np.concatenate([np.zeros(0), *values]).astype(
                    int
                )
                if len(found[name]) != num_faces:
                    raise AnnotationError(
                        f'{self.path}: {key} has {len(found[name])} values '
                        f'for {num_faces} faces'
                    )
        return found


def _text(cell: np.ndarray) -> str:
    """A string, with or without a cell around it."""
    while isinstance(cell, np.ndarray) and cell.size:
        cell = cell.ravel()[0]
    return str(cell) if isinstance(cell, str) else ''
