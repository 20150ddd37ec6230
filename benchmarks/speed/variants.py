"""Variants of detectors, with the weights of all their variants."""

from __future__ import annotations

import copy
from itertools import chain

import torch
from mmengine.runner import autocast
from torch import Tensor, nn

from mmsrn.models import prepare_for_inference
from mmsrn.models.two_step import TwoStepMaps
from mmsrn.utils.errors import UserError

from .detectors import Batch, Loaded, set_coarse, set_inference
from .imposed_cells import mix_in, srn_heads

#: What a detector with an ``SRNHead`` can do, and what may be added to it.
VARIANTS = ('published', 'dense', 'selective', 'auto')
CHANGES = ('prepared', 'coarse', 'amp')


class PublishedWork:
    """Base in front of a head's class: computes what the published code does.

    That is class logits and boxes of both steps, on every map that the neck
    puts out; on the levels without STC, or STR, those of the first step are
    not used.
    """

    def forward(self, x: tuple[Tensor | None, ...]) -> TwoStepMaps:
        """See ``SRNHead.forward``."""
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
        """See ``SRNHead.predict_by_feat``."""
        cls_fs = [
            x if i in self.stc_levels else None for i, x in enumerate(cls_fs)
        ]
        bbox_fs = [
            x if i in self.str_levels else None for i, x in enumerate(bbox_fs)
        ]
        return super().predict_by_feat(cls_fs, bbox_fs, *args, **kwargs)


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
        UserError: If only an ``SRNHead`` has such a variant.
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
            raise UserError(
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
    """Find boxes."""
    device = next(model.parameters()).device.type
    with autocast(device, enabled=amp):
        found = [model.predict(*batch) for batch in batches]
    return sum(len(x.pred_instances) for x in chain(*found))
