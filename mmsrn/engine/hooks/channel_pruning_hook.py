"""Fewer channels in the subnets of a head."""

from itertools import islice

import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.utils.channel_pruning import ChannelPruner


@HOOKS.register_module()
class ChannelPruningHook(Hook):
    """Set channels of the subnets of an ``SRNHead`` to 0 before a training.

    In trained subnets many channels of the last convolution contribute next
    to nothing. This hook looks at some batches of training photos, sets those
    to 0 that the predictors can best do without, and fits the predictors to
    the rest, see ``mmsrn/models/utils/channel_pruning.py``.  The training that
    follows makes up for the loss. The channels stay 0 in it;
    ``prepare_for_inference`` and the export to ONNX leave them out.

    A training that resumes is not pruned again.

    Args:
        channels (int): How many channels stay in each subnet.
        batches (int): How many batches to look at, in each process.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> custom_hooks = [dict(type='ChannelPruningHook', channels=32)]
    """

    def __init__(self, channels: int, batches: int = 25) -> None:
        for name, value in (('channels', channels), ('batches', batches)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(
                    f'ChannelPruningHook: {name} must be a positive integer, '
                    f'got {value!r}'
                )
        self.channels = channels
        self.batches = batches

    @torch.no_grad()
    def before_train(self, runner: Runner) -> None:
        """Prune the weights that the training starts from.

        Args:
            runner (Runner): The runner.

        Raises:
            ValueError: If the model has no head with such subnets.
        """
        if runner.iter > 0:
            return
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        head = getattr(model, 'bbox_head', None)
        if not isinstance(head, SRNHead):
            kind = type(model if head is None else head).__name__
            raise ValueError(
                f'ChannelPruningHook prunes an SRNHead, not a {kind}'
            )
        pruner = ChannelPruner(head, self.channels)
        training = model.training
        model.eval()
        # A loader of its own: that of the training starts where it is.
        loader = runner.build_dataloader(
            dict(
                runner.cfg.train_dataloader,
                dataset=runner.train_dataloader.dataset,
            ),
            seed=runner.seed,
        )
        for data in islice(loader, self.batches):
            data = model.data_preprocessor(data)
            pruner.observe(model.extract_feat(data['inputs']))
        pruner.prune()
        model.train(training)
        runner.logger.info(
            f'{self.channels} channels are left in each subnet of the head'
        )
