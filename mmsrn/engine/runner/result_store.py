"""Results of finished images, on disk."""

import hashlib
import json
import logging
from pathlib import Path

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch import uint8
from torch.utils.data import Dataset

from mmsrn.utils.atomic_file import atomic_file, remove_partial
from mmsrn.version import __version__

from .sample_file import read_sample, write_sample

_SUFFIX = '.safetensors'


class ResultStore:
    """One complete file per image, of numbers and text.

    Processes may share it, also on several machines, and their number may
    change between runs.

    Args:
        folder (Path): Where; made with the first result.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writable = True

    def _path(self, index: int) -> Path:
        return self.folder / f'{index:06}{_SUFFIX}'

    def indices(self) -> set[int]:
        """Images that have a result; removes the leftovers of killed tests.

        Returns:
            set[int]: Their places in the data set.
        """
        remove_partial(self.folder)
        names = (x.stem for x in self.folder.glob(f'*{_SUFFIX}'))
        return {int(x) for x in names if x.isdecimal()}

    def save(self, index: int, sample: BaseDataElement) -> None:
        """Write the result of an image; if that fails, warn and go on.

        Args:
            index (int): Place of the image in the data set.
            sample (BaseDataElement): The result.
        """
        if not self._writable:
            return
        try:
            with atomic_file(self._path(index)) as partial:
                write_sample(partial, sample)
        except (OSError, TypeError) as error:
            self._writable = False
            print_log(
                f'{self.folder}: results cannot be kept ({error}); if this '
                'test is interrupted, it must start again from here',
                'current',
                logging.WARNING,
            )

    def load(self, index: int) -> BaseDataElement | None:
        """Read the result of an image.

        Args:
            index (int): Place of the image in the data set.

        Returns:
            BaseDataElement, optional: The result, on the CPU; None, with a
            warning, if the file is damaged.
        """
        path = self._path(index)
        try:
            return read_sample(path)
        except Exception as error:  # a damaged file may raise anything
            print_log(
                f'{path}: not readable ({type(error).__name__}: {error}); the '
                'image is tested again',
                'current',
                logging.WARNING,
            )
            return None


def fingerprint(runner: Runner, dataset: Dataset) -> str:
    """Name a test by everything that its results depend on.

    That is: the weights, the settings of model, data and precision, the list
    of images, and the version of mmsrn.  ``max_pixels`` is left out, so that a
    test that ran out of memory can continue with a smaller one.

    Args:
        runner (Runner): Of the test, with the weights loaded.
        dataset (Dataset): Its images.

    Returns:
        str: 16 hexadecimal digits.
    """
    digest = hashlib.sha256(__version__.encode())
    settings = runner.cfg.to_dict()
    loader = settings.get('test_dataloader') or {}
    parts = [
        {**(settings.get('model') or {}), 'max_pixels': None},
        {x: loader.get(x) for x in ('dataset', 'batch_size', 'collate_fn')},
        (settings.get('test_cfg') or {}).get('fp16', False),
    ]
    digest.update(json.dumps(parts, sort_keys=True, default=repr).encode())
    model = runner.model
    if is_model_wrapper(model):
        model = model.module
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        value = value.detach().cpu().contiguous().reshape(-1)
        digest.update(value.view(uint8).numpy().data)
    if hasattr(dataset, 'get_data_info'):
        for index in range(len(dataset)):
            path = dataset.get_data_info(index).get('img_path', '')
            digest.update(f'{path}\n'.encode())
    return digest.hexdigest()[:16]
