_base_ = './stc_mobilenetv2_fpn_1xb16-10e_facemask.py'

model = dict(bbox_head=dict(theta=0.9))
