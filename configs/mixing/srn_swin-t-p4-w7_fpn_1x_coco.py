# Swin Transformer as the backbone.
_base_ = [
    'mmdet::swin/retinanet_swin-t-p4-w7_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(
    type='SRN',
    backbone=dict(out_indices=(1, 2, 3)),
    neck=dict(
        _delete_=True, **{**_base_.srn_neck, 'in_channels': [192, 384, 768]}
    ),
    bbox_head=dict(_delete_=True, **_base_.srn_head),
    train_cfg=dict(_delete_=True, **_base_.two_steps),
)
