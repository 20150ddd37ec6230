# SRN with a stem without stride. The stem starts from random weights, the
# stages from ImageNet.
_base_ = '../srn/srn_r50_fpn_8xb4-130e_widerface.py'

model = dict(backbone=dict(type='RootResNet', frozen_stages=-1))
