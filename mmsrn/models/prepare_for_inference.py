"""A faster copy of a detector for inference."""

import copy

from torch import nn

from .dense_heads import SRNHead
from .layers import RFE
from .selective import SelectiveExecution
from .selective.sparse import runs_on_rows
from .utils import drop_dead_channels, use_channels_last
from .utils.fold_batch_norms import fold_batch_norms
from .utils.pointwise_conv import use_pointwise_convs
from .utils.sliced_conv import slice_large_convs
from .utils.winograd import LEAST_CHANNELS

# With 256 channels the maps of RFE then take 5 MiB each.
BAND_CELLS = 4800


def prepare_for_inference(
    model: nn.Module, inference: str = 'auto'
) -> nn.Module:
    """Make a faster copy of a detector, with the same detections.

    Batch norms are folded into the convolutions before them, channels that are
    always 0 are left out, maps are kept in ``torch.channels_last``, weights
    have no gradient, and heads that support it compute the second step only
    where needed.  On a CPU, RFE goes over large maps in bands, the first step
    of large heads runs by Winograd's convolutions first (``coarse``, see
    ``SelectiveExecution``), very large weights are used in slices, and 1x1
    convolutions on one thread are as fast as on several.  Scores and boxes
    differ by rounding only, as long as those convolutions err by less than a
    hundredth in a logit of the first step.

    Args:
        model (nn.Module): The detector; it stays as it is.
        inference (str): ``inference`` of the execution of every ``SRNHead``,
            see :class:`SelectiveExecution`.

    Returns:
        nn.Module: The copy, in evaluation mode.

    Raises:
        ValueError: If ``inference`` is unknown.

    Example:
        >>> from mmdet.apis import init_detector, inference_detector
        >>> model = init_detector(config, checkpoint, device='cpu')
        >>> model = prepare_for_inference(model)
        >>> inference_detector(model, 'photo.jpg')
    """
    model = copy.deepcopy(model)
    model.eval()  # of some backbones of mmdet it returns nothing
    for part in model.modules():
        if isinstance(part, SRNHead) and part.test_cfg is not None:
            part.execution = _execution(part, inference)
            drop_dead_channels(part)
    fold_batch_norms(model)
    model.requires_grad_(False)
    use_channels_last(model)
    slice_large_convs(model)
    use_pointwise_convs(model)
    _use_bands(model)
    return model


def _execution(head: SRNHead, inference: str) -> SelectiveExecution:
    """How the copy of a head predicts; what its config says stays."""
    own = head.execution or SelectiveExecution(training='dense')
    coarse = own.coarse
    if coarse is None and head.feat_channels >= LEAST_CHANNELS:
        coarse = dict(dtype='float32')
    return own.replace(inference=inference, coarse=coarse)


def _use_bands(model: nn.Module) -> None:
    """Let RFE handle large maps in bands."""
    for part in model.modules():
        if isinstance(part, RFE) and runs_on_rows(part):
            part.band_cells = BAND_CELLS
