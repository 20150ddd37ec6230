"""Weights and feature maps in the memory format that suits convolutions."""

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmsrn.models.utils import use_channels_last


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Put the model into ``torch.channels_last``: faster, same results.

    Feature maps take the format of the weights.  On a CPU depthwise
    convolutions, as in MobileNetV2, gain most; on a GPU it helps with mixed
    precision.  Results differ only by rounding, see
    :func:`mmsrn.models.utils.use_channels_last`.

    Example:
        >>> default_hooks = dict(
        ...     channels_last=dict(type='ChannelsLastHook'))
    """

    def before_run(self, runner: Runner) -> None:
        """Reorder the weights before a training, validation or test.

        Args:
            runner (Runner): The runner.
        """
        use_channels_last(runner.model)
