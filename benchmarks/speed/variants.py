"""Variants of detectors, with the weights of all their variants."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import chain

import torch
from mmdet.structures import SampleList
from mmdet.utils import InstanceList
from mmengine.runner import autocast
from torch import Tensor, nn

from mmsrn.models import prepare_for_inference
from mmsrn.models.dense_heads import SRNHead
from mmsrn.utils.errors import UserError

from .detectors import Batch, Loaded, set_execution
from .imposed_cells import srn_heads

#: What a detector with an ``SRNHead`` can do, and what may be added to it.
VARIANTS = ('published', 'dense', 'selective', 'auto')
CHANGES = ('prepared', 'coarse', 'amp')


class PublishedExecution:
    """Execution of a head that computes what the published code does.

    That is class logits and boxes of both steps, on every map that the neck
    puts out; on the levels without STC, or STR, those of the first step are
    not used.
    """

    predicts = True
    coarse_band = 0.0

    def pyramid(self, neck: nn.Module, feats: Sequence[Tensor]) -> tuple:
        """See ``SelectiveExecution.pyramid``; here all maps, at once."""
        return neck(feats)

    def predict(
        self,
        head: SRNHead,
        x: tuple[Tensor | None, ...],
        batch_data_samples: SampleList,
        rescale: bool = False,
    ) -> InstanceList:
        """See ``SelectiveExecution.predict``."""
        found = head(x)
        for i, maps in enumerate(x[: len(found.second_logits)]):
            if maps is not None and found.first_logits[i] is None:
                head.class_logits(head.forward_cls(maps, True), i)
            if maps is not None and found.first_deltas[i] is None:
                head.forward_reg(maps, first=True)
        metas = [i.metainfo for i in batch_data_samples]
        return head.predict_by_feat(
            *found, batch_img_metas=metas, rescale=rescale
        )


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
            set_execution(head, inference=inference)
            if 'coarse' in changes:  # as its config says, or in bfloat16
                set_execution(head, coarse=head.execution.coarse or {})
        self.model = self.plain
        if 'prepared' in changes:
            self.model = prepare_for_inference(self.plain, inference)
        if mode == 'published':
            for head in (*heads, *srn_heads(self.model)):
                head.execution = PublishedExecution()


@torch.no_grad()
def predict(model: nn.Module, batches: list[Batch], amp: bool = False) -> int:
    """Find boxes."""
    device = next(model.parameters()).device.type
    with autocast(device, enabled=amp):
        found = [model.predict(*batch) for batch in batches]
    return sum(len(x.pred_instances) for x in chain(*found))
