# SRNHead in a RetinaNet with its own FPN. Both steps see the same maps, so the
# second has its own box predictor, and STC only thins out negatives.
_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(
    bbox_head=dict(_delete_=True, refine_predictor=True, **_base_.srn_head),
    train_cfg=dict(_delete_=True, **_base_.two_steps),
)
