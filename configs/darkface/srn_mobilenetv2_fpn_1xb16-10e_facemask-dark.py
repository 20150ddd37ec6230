# Stand-in for DARK FACE: train with the dark copy of the set and test on it.
_base_ = './srn_mobilenetv2_fpn_1xb16-10e_facemask_facemask-dark.py'

dark_root = 'data/facemask-dark/'
# In grey levels. The usual 32 exceeds most pixel values of dark photos.
brightness_delta = 4

train_pipeline = [
    dict(x, brightness_delta=brightness_delta)
    if x['type'] == 'PhotoMetricDistortion'
    else x
    for x in _base_.train_pipeline
]
train_dataloader = dict(
    dataset=dict(data_root=dark_root, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(data_root=dark_root))
val_evaluator = dict(_delete_=True, type='DarkFaceMetric')
