"""Mix several datasets in given ratios."""

from collections.abc import Sequence

from mmdet.datasets.samplers import MultiDataSampler
from mmdet.registry import DATA_SAMPLERS
from mmengine.dataset import ConcatDataset


@DATA_SAMPLERS.register_module()
class SourceRatioSampler(MultiDataSampler):
    """Draw images of concatenated datasets in a given ratio.

    An epoch has as many images as all datasets together.  Each image is drawn
    independently and with replacement, and the probability of a dataset is its
    share, so the ratio holds on average, not in every batch.  The order
    depends only on seed and epoch: it is the same after a resumption and for
    any number of processes.

    It extends mmdet's ``MultiDataSampler``, which silently drops datasets if
    the ratio has too few values. mmdet's ``MultiSourceSampler`` keeps the
    ratio in every batch, but has no epochs and starts over after a resumption.

    Args:
        dataset (ConcatDataset): The datasets.
        source_ratio (Sequence[float]): Share of each, above 0, in their
            order.
        **kwargs: ``seed``, ``round_up`` of ``MultiDataSampler``.

    Raises:
        ValueError: If the dataset is not a ``ConcatDataset``, or the ratio
            does not have one value above 0 for each of its datasets.

    Example:
        >>> train_dataloader = dict(
        ...     sampler=dict(type='SourceRatioSampler', source_ratio=[1, 1]))
    """

    def __init__(
        self, dataset: ConcatDataset, source_ratio: Sequence[float], **kwargs
    ) -> None:
        name = type(self).__name__
        parts = getattr(dataset, 'datasets', None)
        if parts is None:
            raise ValueError(
                f'{name}: the dataset must be a ConcatDataset, got '
                f'{type(dataset).__name__}'
            )
        if len(source_ratio) != len(parts) or not all(
            value > 0 for value in source_ratio
        ):
            raise ValueError(
                f'{name}: source_ratio must be {len(parts)} numbers above 0, '
                f'one for each dataset, got {list(source_ratio)}'
            )
        empty = [i for i, part in enumerate(parts) if len(part) == 0]
        if empty:
            raise ValueError(f'{name}: dataset {empty[0]} (from 0) is empty')
        super().__init__(dataset, source_ratio, **kwargs)
