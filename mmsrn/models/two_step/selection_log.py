"""What the selection of SRN did in one training step."""

from mmdet.structures.bbox import bbox_overlaps
from torch import Tensor

from .targets import StepTargets


def selection_log(
    first: StepTargets,
    second: StepTargets,
    num_classes: int,
    selected: Tensor,
    in_stc: Tensor,
    in_str: Tensor,
    anchors: Tensor,
    moved: Tensor,
) -> dict[str, Tensor]:
    """Summarise a batch of B images with N priors each for the log.

    Args:
        first (StepTargets): Targets of the first step.
        second (StepTargets): Targets of the second step.
        num_classes (int): Label of negatives.
        selected (Tensor): bool, (B, N): second-step samples that entered the
            classification loss.
        in_stc (Tensor): bool, (N,): priors on the levels of STC.
        in_str (Tensor): bool, (N,): priors on the levels of STR.
        anchors (Tensor): First-step anchors in pixels, (B, N, 4).
        moved (Tensor): Second-step anchors in pixels, (B, N, 4).

    Returns:
        dict[str, Tensor]: Scalars.  ``pos_fs``, ``pos_ss``: positives per
        image, of the first step on the levels that use it.  ``neg_ss``:
        negatives per image in the loss of the second step.  With STC:
        ``stc_removed``, negatives per image that it removed, and
        ``stc_removed_ratio``, their share of the negatives of its levels.
        With STR: ``iou_anchor`` and ``iou_moved``, mean IoU with their face
        of the second-step positives on its levels before and after STR;
        left out, for zeros would spoil the averages, if there are none.
    """
    batch = len(second.labels)
    background = second.labels == num_classes
    log = dict(
        pos_fs=(in_stc | in_str)[first.pos_inds[1]].sum() / batch,
        pos_ss=anchors.new_tensor(len(second.pos_bboxes) / batch),
        neg_ss=(background & selected).sum() / batch,
    )
    if in_stc.any():
        negative = background & in_stc
        removed = (negative & ~selected).sum()
        log['stc_removed'] = removed / batch
        log['stc_removed_ratio'] = removed / negative.sum().clamp(min=1)
    if in_str.any():
        keep = in_str[second.pos_inds[1]]
        inds = tuple(x[keep] for x in second.pos_inds)
        faces = second.pos_bboxes[keep]
        if len(faces):
            for name, boxes in (('anchor', anchors), ('moved', moved)):
                ious = bbox_overlaps(boxes[inds], faces, is_aligned=True)
                log[f'iou_{name}'] = ious.mean()
    return log
