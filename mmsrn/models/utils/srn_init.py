"""How the published code initialises its new layers."""

from mmengine.model import NormalInit, update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import nn


@WEIGHT_INITIALIZERS.register_module()
class SRNNormalInit(NormalInit):
    """Normal weights and, in place of constant biases, those of torch.

    Biases are uniform in +-1 / sqrt(inputs of an output), the default of
    torch's convolutions and linear layers, unless ``bias`` or ``bias_prob``
    is given.  mmengine's ``Normal`` makes them 0: in a stack of narrow
    convolutions such as the branches of RFE little then passes a ReLU, and
    gradients are far smaller at first.

    Source: initialisation of ``srn.py`` and ``resnet_srn.py`` in the
    published code, N(0, 0.01) and untouched biases.

    Args:
        bias (float, optional): Constant bias.
        **kwargs: Further arguments of mmengine's ``NormalInit``.

    Example:
        >>> init_cfg = dict(type='SRNNormalInit', layer='Conv2d', std=0.01)
    """

    def __init__(self, *, bias: float | None = None, **kwargs) -> None:
        super().__init__(bias=0 if bias is None else bias, **kwargs)
        self.torch_bias = bias is None and kwargs.get('bias_prob') is None

    def __call__(self, module: nn.Module) -> None:
        """Initialise the layers of a module that the arguments name.

        Args:
            module (nn.Module): The module.
        """
        super().__call__(module)
        if not self.torch_bias:
            return
        for layer in module.modules():
            names = {base.__name__ for base in type(layer).__mro__[:2]}
            if not (self.wholemodule or names & set(self.layer)):
                continue
            weight = getattr(layer, 'weight', None)
            bias = getattr(layer, 'bias', None)
            if bias is not None and weight.dim() > 1:  # norms keep theirs
                bound = weight[0].numel() ** -0.5
                nn.init.uniform_(bias, -bound, bound)
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    def _get_init_info(self) -> str:
        """Line of mmengine's log on initial values."""
        bias = "torch's default" if self.torch_bias else self.bias
        return (
            f'{type(self).__name__}: mean={self.mean}, std={self.std}, '
            f'bias={bias}'
        )
