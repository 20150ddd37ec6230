# Only STC, in mmdet's RetinaHead.
_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(
    backbone=dict(out_indices=(1, 2, 3)),
    neck=dict(
        _delete_=True,
        **{**_base_.srn_neck, 'first_step_levels': _base_.stc_levels},
    ),
    bbox_head=dict(
        type='STCRetinaHead', loss_stc=dict(levels=_base_.stc_levels)
    ),
)
