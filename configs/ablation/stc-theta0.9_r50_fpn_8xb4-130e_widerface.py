_base_ = './stc_r50_fpn_8xb4-130e_widerface.py'

model = dict(bbox_head=dict(theta=0.9))
