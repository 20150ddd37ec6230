"""Exceptions of mmdet's datasets caused by annotations."""

from __future__ import annotations

import traceback

__all__ = ['data_error']

_FAULTS = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)
_READERS = ('load_data_list', 'parse_data_info', '_parse_instance_info')


def data_error(error: Exception) -> str | None:
    """Describe an error of annotations that an mmdet dataset cannot read.

    Args:
        error (Exception): Raised while a dataset was made.

    Returns:
        str, optional: File, entry and remedy; None for other errors.
    """
    if not isinstance(error, _FAULTS):
        return None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in frames:
        code, dataset = frame.f_code, frame.f_locals.get('self')
        if code.co_name == '_serialize_data' and not getattr(
            dataset, 'data_list', True
        ):
            from mmsrn.datasets.empty_sets import describe_classes

            return (
                f'{dataset.ann_file}: no images left: '
                f'{describe_classes(dataset)}; filter_cfg: '
                f'{dataset.filter_cfg}'
            )
        if '/mmdet/datasets/' in code.co_filename and (
            code.co_name in _READERS and hasattr(dataset, 'ann_file')
        ):
            # The readers of mmsrn say themselves what is wrong.
            if '/mmdet/' not in frames[-1].f_code.co_filename and (
                '/mmsrn/' in frames[-1].f_code.co_filename
            ):
                return None
            return (
                f'{dataset.ann_file}: {_entry(frames[-1].f_locals)}cannot be '
                f'read by {type(dataset).__name__} ({type(error).__name__}: '
                f'{error}); use CocoFaceDataset or VOCFaceDataset, which '
                'accept more and name the error'
            )
    return None


def _entry(names: dict) -> str:
    """The annotation that a reader of mmdet was at."""
    text = ''
    for name, key in (('img_info', 'file_name'), ('ann', 'id')):
        entry = names.get(name)
        if isinstance(entry, dict) and key in entry:
            what = 'image' if name == 'img_info' else 'annotation'
            text += f'{what} {entry[key]}: '
    return text
