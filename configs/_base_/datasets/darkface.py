# DARK FACE only. Its settings are at the top of darkface_parts.py.
_base_ = './darkface_parts.py'

batch_size = 4  # per GPU, for 8 GPUs
num_workers = 4
# In grey levels. The usual 32 exceeds most pixel values of these photos.
brightness_delta = 4

dark_train_pipeline = [
    dict(x, brightness_delta=brightness_delta)
    if x['type'] == 'PhotoMetricDistortion'
    else x
    for x in _base_.dark_train_pipeline
]
dark_train = dict(_base_.dark_train, pipeline=dark_train_pipeline)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dark_train,
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=_base_.dark_test,
)
test_dataloader = val_dataloader
val_evaluator = _base_.dark_evaluator
test_evaluator = val_evaluator
