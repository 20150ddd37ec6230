"""Detectors, from their files or the zoo."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmsrn.cli.config import check_parts, read_config
from mmsrn.cli.config_errors import one_line_errors
from mmsrn.cli.launch import check_checkpoint, load_weights, open_checkpoint
from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.selective import SelectiveExecution
from mmsrn.models.utils import use_channels_last
from mmsrn.utils.errors import UserError
from mmsrn.utils.model_config import without_pretrained
from mmsrn.zoo import ZooError, find_model, list_models

from .imposed_cells import srn_heads

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ('.pth', '.pt')
#: Images of a batch, (B, 3, H, W), and their samples.
Batch = tuple[Tensor, list]


@dataclass
class Loaded:
    """A detector as its config and checkpoint say.

    Attributes:
        name (str): In tables.
        given (str): What named it on the command line.
        config (str): Path of its config.
        checkpoint (str, optional): Path of its weights.
        cfg (Config): The complete config.
        model (nn.Module): In evaluation mode, on its device, with dense
            inference; cells can be imposed on its heads.
    """

    name: str
    given: str
    config: str
    checkpoint: str | None
    cfg: Config
    model: nn.Module


def load_detector(text: str, device: str) -> Loaded:
    """Build a detector, or end with what is wrong with its files.

    Args:
        text (str): ``CONFIG``; ``CONFIG=CHECKPOINT``, a file or a name of
            the zoo; or such a name, with the config of its training.  Without
            a checkpoint the weights are random.
        device (str): Where to put it.

    Returns:
        Loaded: The detector.
    """
    config, _, path = text.partition('=')
    if text in list_models():
        path = text
    elif Path(text).suffix in CHECKPOINTS and not path:
        # What a checkpoint says of its config is code.
        raise UserError(f'{text}: name its config: CONFIG={text}')
    name = Path(config).stem
    if path and path != config:
        name = f'{name}={Path(path).stem}'
    if path in list_models():
        if config == path:
            config = str(ROOT / list_models()[path]['config'])
        path = _shipped_file(path)
    if path:
        check_checkpoint(path, 'without =CHECKPOINT, the weights are random')
    weights = open_checkpoint(path) if path else None
    cfg = read_config(config)
    check_parts(cfg, config, ('model',))
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    # No download: a checkpoint has it all.
    cfg.model = without_pretrained(cfg.model)
    torch.manual_seed(0)
    with one_line_errors(config):
        model = MODELS.build(cfg.model)
        if weights is None:
            logging.disable(logging.WARNING)  # it tells of every weight
            try:
                model.init_weights()
            finally:
                logging.disable(logging.NOTSET)
    if weights is not None:
        load_weights(config, model, path, weights)
    model.to(device).eval()
    if _is_channels_last(cfg):
        use_channels_last(model)
    for head in srn_heads(model):
        set_inference(head, 'dense')
    return Loaded(name, text, config, path or None, cfg, model)


def _shipped_file(name: str) -> str:
    """File of a model of the zoo, or end with what is wrong with it."""
    try:
        return str(find_model(name, 'torch'))
    except ZooError as error:
        raise UserError(str(error)) from error


def _is_channels_last(cfg: Config) -> bool:
    """Whether training and test keep the model in that order."""
    hooks = [*(cfg.get('default_hooks') or {}).values()]
    hooks += cfg.get('custom_hooks') or []
    return any(
        str((x or {}).get('type')).endswith('ChannelsLastHook') for x in hooks
    )


def set_inference(head: SRNHead, mode: str) -> None:
    """Choose how a head predicts.

    Args:
        head (SRNHead): The head, changed in place.
        mode (str): ``inference`` of its execution.
    """
    head.execution = _execution(head).replace(inference=mode)


def set_coarse(head: SRNHead) -> None:
    """Let the first step run in low precision first.

    Args:
        head (SRNHead): The head, changed in place: as its execution says, or
            in bfloat16.
    """
    own = _execution(head)
    head.execution = own.replace(coarse=own.coarse or {})


def _execution(head: SRNHead) -> SelectiveExecution:
    return head.execution or SelectiveExecution('dense', 'dense')
