# The stand-in as it is: train with the set made dark, and test on it.
_base_ = './srn_mobilenetv2_fpn_1xb16-10e_facemask_facemask-dark.py'

dark_root = 'data/facemask-dark/'

train_dataloader = dict(dataset=dict(data_root=dark_root))
val_dataloader = dict(dataset=dict(data_root=dark_root))
val_evaluator = dict(_delete_=True, type='DarkFaceMetric')
