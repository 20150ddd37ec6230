# Both parts that RefineFace adds to SRN.
_base_ = './srn-fsm_r50_fpn_8xb4-130e_widerface.py'

model = dict(bbox_head=dict(loss_cls=dict(type='ScaleAwareMarginLoss')))
