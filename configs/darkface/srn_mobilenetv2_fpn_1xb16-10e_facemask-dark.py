# The stand-in as it is: train with the set made dark, and test on it.
_base_ = './srn_mobilenetv2_fpn_1xb16-10e_facemask_facemask-dark.py'

dark_root = 'data/facemask-dark/'
# In grey levels; the usual 32 is more than most pixels in the dark have.
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
