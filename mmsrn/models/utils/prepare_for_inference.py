"""A copy of a detector that does nothing but detect."""

import copy

from torch import nn

from .channels_last import use_channels_last
from .fold_batch_norms import fold_batch_norms


def prepare_for_inference(
    model: nn.Module, inference: str = 'auto'
) -> nn.Module:
    """Make a faster copy of a detector, with the same detections.

    Batch norms are folded into the convolutions before them, maps are kept
    in ``torch.channels_last``, weights have no gradient, and heads that can
    compute the second step where it matters do so.  Scores and boxes differ
    by rounding only.

    Args:
        model (nn.Module): The detector; it stays as it is.
        inference (str): ``inference`` of ``test_cfg`` of every ``SRNHead``.

    Returns:
        nn.Module: The copy, in evaluation mode.

    Raises:
        ValueError: If ``inference`` is not one that ``SRNHead`` knows.

    Example:
        >>> from mmdet.apis import init_detector, inference_detector
        >>> model = init_detector(config, checkpoint, device='cpu')
        >>> model = prepare_for_inference(model)
        >>> inference_detector(model, 'photo.jpg')
    """
    from ..dense_heads import SRNHead

    model = copy.deepcopy(model)
    model.eval()  # of some backbones of mmdet it returns nothing
    for part in model.modules():
        if isinstance(part, SRNHead) and part.test_cfg is not None:
            part.test_cfg['inference'] = inference
            part.check_test_cfg()
    fold_batch_norms(model)
    model.requires_grad_(False)
    use_channels_last(model)
    return model
