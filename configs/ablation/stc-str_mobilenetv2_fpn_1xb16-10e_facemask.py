_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(bbox_head=dict(rfe=None))
