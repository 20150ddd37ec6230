"""Weights and maps in the memory order that convolutions like best."""

from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmsrn.models.utils import use_channels_last


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep the model in ``torch.channels_last``: faster, same results.

    Maps follow the order of the weights.  On a CPU depthwise convolutions
    such as MobileNetV2's gain most; on a GPU it pays with mixed precision.
    Results differ by rounding only, see
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
