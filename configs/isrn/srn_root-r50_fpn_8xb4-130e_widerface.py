# SRN with a stem that keeps the resolution; its weights are new, those of the
# stages are ResNet's.
_base_ = '../srn/srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(backbone=dict(type='RootResNet', frozen_stages=-1))
