# Experiment B on a stand-in: like A, tested on a processed copy.
_base_ = './srn_mobilenetv2_fpn_1xb16-10e_facemask_facemask-dark.py'

test_dataloader = dict(dataset=dict(data_root='data/facemask-dark-msrcr/'))
