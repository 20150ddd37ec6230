# Both parts that AInnoFace adds to SRN.
_base_ = './srn-iou_r50_fpn_8xb4-130e_widerface.py'

model = dict(bbox_head=dict(type='MaxOutSRNHead', num_backgrounds=3))
