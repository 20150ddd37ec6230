"""A copy of a detector that does nothing but detect."""

import copy

from torch import nn

from .channels_last import use_channels_last
from .fold_batch_norms import fold_batch_norms
from .winograd import LEAST_CHANNELS

COARSE = dict(dtype='float32')
# With 256 channels the maps of RFE then take 5 MiB each.
BAND_CELLS = 4800


def prepare_for_inference(
    model: nn.Module, inference: str = 'auto'
) -> nn.Module:
    """Make a faster copy of a detector, with the same detections.

    Batch norms are folded into the convolutions before them, maps are kept
    in ``torch.channels_last``, weights have no gradient, and heads that can
    compute the second step where it matters do so; on a CPU,
    RFE goes over large maps in bands, and the first step of large heads runs
    by Winograd's convolutions first (``coarse_first_step``, see
    ``SRNHead``).  Scores and boxes differ by rounding only.

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
            if part.feat_channels >= LEAST_CHANNELS and _is_on_cpu(part):
                part.test_cfg.setdefault('coarse_first_step', COARSE)
            part.check_test_cfg()
    fold_batch_norms(model)
    model.requires_grad_(False)
    use_channels_last(model)
    _use_bands(model)
    return model


def _use_bands(model: nn.Module) -> None:
    """Let RFE handle large maps in bands; on a GPU more calls cost more."""
    from ..layers import RFE
    from ..sparse import runs_on_rows

    for part in model.modules():
        if isinstance(part, RFE) and runs_on_rows(part) and _is_on_cpu(part):
            part.band_cells = BAND_CELLS


def _is_on_cpu(part: nn.Module) -> bool:
    return next(part.parameters()).device.type == 'cpu'
