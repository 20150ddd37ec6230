# Experiment A on a stand-in that trains on a CPU: train with a small lit set
# (the base config does it), test on a dark copy of it.
_base_ = '../srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'

test_dataloader = dict(dataset=dict(data_root='data/facemask-dark/'))
test_evaluator = dict(_delete_=True, type='DarkFaceMetric')
