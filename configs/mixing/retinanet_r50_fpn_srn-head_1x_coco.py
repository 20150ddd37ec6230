# SRNHead in a RetinaNet whose FPN stays as it is: both steps look at the same
# maps, so the second has a box predictor of its own and STC only thins out.
_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(
    bbox_head=dict(_delete_=True, refine_predictor=True, **_base_.srn_head),
    train_cfg=dict(_delete_=True, **_base_.two_steps),
)
