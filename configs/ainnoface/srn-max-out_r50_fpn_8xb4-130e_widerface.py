# Max-out background: three background logits on P2, the largest counts.
_base_ = '../srn/srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(bbox_head=dict(type='MaxOutSRNHead', num_backgrounds=3))
