# Only STR, in mmdet's ATSSHead.
_base_ = [
    'mmdet::atss/atss_r50_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(
    backbone=dict(out_indices=(1, 2, 3)),
    neck=dict(
        _delete_=True,
        **{**_base_.srn_neck, 'first_step_levels': _base_.str_levels},
    ),
    bbox_head=dict(type='STRATSSHead', str_levels=_base_.str_levels),
)
