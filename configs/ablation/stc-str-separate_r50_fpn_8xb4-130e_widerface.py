_base_ = './stc-str_r50_fpn_8xb4-130e_widerface.py'

model = dict(bbox_head=dict(separate_steps=True))
