# RFE between the neck and the head of RetinaNet.
_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(neck=[_base_.model.neck, _base_.rfe_neck])
