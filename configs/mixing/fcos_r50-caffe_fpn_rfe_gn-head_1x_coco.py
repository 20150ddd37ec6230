# RFE between the neck and the head of FCOS.
_base_ = [
    'mmdet::fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py',
    '../_base_/models/srn_parts.py',
]

model = dict(neck=[_base_.model.neck, _base_.rfe_neck])
