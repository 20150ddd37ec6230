# Experiment B: like A, tested on a processed copy of DARK FACE.
_base_ = './srn_mobilenetv2_fpn_8xb4-130e_widerface_darkface.py'

test_dataloader = dict(dataset=dict(data_root='data/darkface-msrcr/'))
