# The whole SRN for 80 classes, starting from RetinaNet.
_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(
    type='SRN',
    backbone=dict(out_indices=(1, 2, 3)),
    neck=dict(_delete_=True, **_base_.srn_neck),
    bbox_head=dict(_delete_=True, **_base_.srn_head),
    train_cfg=dict(_delete_=True, **_base_.two_steps),
)
