"""Fewer channels in the subnets of a head."""

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmsrn.models.utils.channel_pruning import ChannelPruner


@HOOKS.register_module()
class ChannelPruningHook(Hook):
    """Set channels of the subnets of an ``SRNHead`` to 0 before a training.

    In trained subnets many channels of the last convolution contribute next
    to nothing. This hook looks at some batches of training photos, sets those
    to 0 that the predictors can best do without, and fits the predictors to
    the rest, see :class:`mmsrn.models.utils.channel_pruning.ChannelPruner`.
    The training that follows makes up for the loss. The channels stay 0 in
    it; ``prepare_for_inference`` and the export to ONNX leave them out.

    A training that resumes is not pruned again.

    Args:
        channels (int): How many channels stay in each subnet.
        batches (int): How many batches to look at.

    Example:
        >>> custom_hooks = [dict(type='ChannelPruningHook', channels=32)]
    """

    def __init__(self, channels: int, batches: int = 25) -> None:
        self.channels = channels
        self.batches = batches

    def before_train(self, runner: Runner) -> None:
        """Prune the weights that the training starts from.

        Args:
            runner (Runner): The runner.
        """
        if runner.iter > 0:
            return
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        pruner = ChannelPruner(model.bbox_head, self.channels)
        training = model.training
        model.eval()
        for number, data in enumerate(runner.train_dataloader, start=1):
            data = model.data_preprocessor(data)
            pruner.observe(model.extract_feat(data['inputs']))
            if number == self.batches:
                break
        pruner.prune()
        model.train(training)
        runner.logger.info(
            f'{self.channels} channels are left in each subnet of the head'
        )
