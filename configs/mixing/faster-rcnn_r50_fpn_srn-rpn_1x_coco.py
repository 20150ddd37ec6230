# SRNHead, with STC and STR, as the RPN of Faster R-CNN.
_base_ = [
    'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py',
    '../_base_/models/srn_rpn.py',
]

model = dict(
    neck=dict(_delete_=True, **_base_.rpn_neck),
    rpn_head=dict(_delete_=True, **_base_.rpn_head),
    roi_head=dict(bbox_roi_extractor=_base_.roi_extractor),
    train_cfg=dict(rpn=dict(_delete_=True, **_base_.two_steps)),
)
