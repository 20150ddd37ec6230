_base_ = './stc-str-rfe_r50_fpn_1xb32-130e_widerface.py'

model = dict(bbox_head=dict(separate_steps=True))
