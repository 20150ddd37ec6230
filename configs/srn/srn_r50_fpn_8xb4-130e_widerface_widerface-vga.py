# Test protocol V: long side 640, single scale.
_base_ = './srn_r50_fpn_8xb4-130e_widerface.py'

test_pipeline = list(_base_.test_pipeline)
test_pipeline[1] = dict(type='ProtocolResize', scale=(640, 640))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
