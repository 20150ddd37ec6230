"""Detectors in the variants that benchmark_inference.py compares."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import chain

import torch
from imposed_cells import mix_in, srn_heads
from mmengine.config import Config
from mmengine.runner import autocast
from torch import Tensor, nn

from mmsrn.models import prepare_for_inference
from mmsrn.models.dense_heads import SRNHead
from mmsrn.models.selective import SelectiveExecution
from mmsrn.models.two_step import TwoStepMaps

#: Images of a batch, (B, 3, H, W), and their samples.
Batch = tuple[Tensor, list]


@dataclass
class Loaded:
    """A detector as its config and checkpoint say.

    Attributes:
        name (str): In tables.
        given (str): What named it on the command line.
        config (str): Path of its config, or of the checkpoint that holds it.
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


class PublishedWork:
    """Base in front of a head's class: computes what the published code does.

    That is class logits and boxes of both steps, on every map that the neck
    puts out; on the levels without STC, or STR, those of the first step are
    not used.
    """

    def forward(self, x: tuple[Tensor | None, ...]) -> TwoStepMaps:
        """See ``SRNHead.forward``.

        Args:
            x (tuple[Tensor | None]): The maps.

        Returns:
            TwoStepMaps: Without ``None``, unless the neck
            has no first-step map of a level.
        """
        cls_fs, bbox_fs, cls_ss, bbox_ss = super().forward(x)
        for i, maps in enumerate(x[: len(cls_ss)]):
            if maps is None:
                continue
            if cls_fs[i] is None:
                scores = self.forward_cls(maps, True)
                cls_fs[i] = self.class_logits(scores, i)
            if bbox_fs[i] is None:
                bbox_fs[i] = self.forward_reg(maps, first=True)
        return TwoStepMaps(cls_fs, bbox_fs, cls_ss, bbox_ss)

    def predict_by_feat(self, cls_fs, bbox_fs, *args, **kwargs) -> list:
        """See ``SRNHead.predict_by_feat``.

        Args:
            cls_fs, bbox_fs: Of :meth:`forward`.
            *args, **kwargs: As there.

        Returns:
            list[InstanceData]: As there.
        """
        cls_fs = [
            x if i in self.stc_levels else None for i, x in enumerate(cls_fs)
        ]
        bbox_fs = [
            x if i in self.str_levels else None for i, x in enumerate(bbox_fs)
        ]
        return super().predict_by_feat(cls_fs, bbox_fs, *args, **kwargs)


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


class Contender:
    """A detector in one variant, with the weights of all its variants.

    Args:
        loaded (Loaded): The detector.
        variant (str): ``'published'``, or a value of ``inference`` of
            ``SelectiveExecution``.  After it ``'+prepared'``: made faster by
            ``prepare_for_inference``; ``'+coarse'``: with
            ``coarse``; ``'+amp'``: under mmengine's autocast.

    Attributes:
        model (nn.Module): The variant.
        plain (nn.Module): The same, not prepared.
        amp (bool): Whether it predicts under autocast.

    Raises:
        ValueError: If only an ``SRNHead`` has such a variant.
    """

    def __init__(self, loaded: Loaded, variant: str) -> None:
        self.loaded = loaded
        self.variant = variant
        mode, *changes = variant.split('+')
        self.amp = 'amp' in changes
        tensors = chain(loaded.model.parameters(), loaded.model.buffers())
        # They share all weights: it takes no memory, and no time to copy.
        memo = {id(x): x for x in tensors}
        self.plain = copy.deepcopy(loaded.model, memo)
        heads = srn_heads(self.plain)
        if not heads and mode != 'dense':
            raise ValueError(
                f'{loaded.config}: has no SRNHead, so there is no variant '
                f"'{variant}'; it can be measured with --variants dense"
            )
        inference = 'dense' if mode == 'published' else mode
        for head in heads:
            if mode == 'published':
                mix_in(head, PublishedWork)
            set_inference(head, inference)
            if 'coarse' in changes:
                set_coarse(head)
        self.model = self.plain
        if 'prepared' in changes:
            self.model = prepare_for_inference(self.plain)
            for head in srn_heads(self.model):
                set_inference(head, inference)  # it has a way of its own


@torch.no_grad()
def predict(model: nn.Module, batches: list[Batch], amp: bool = False) -> int:
    """Find boxes.

    Args:
        model (nn.Module): Detector.
        batches (list[tuple[Tensor, list]]): What the data preprocessor
            made.
        amp (bool): Under autocast.

    Returns:
        int: Boxes in all images.
    """
    device = next(model.parameters()).device.type
    with autocast(device, enabled=amp):
        found = [model.predict(*batch) for batch in batches]
    return sum(len(x.pred_instances) for x in chain(*found))
