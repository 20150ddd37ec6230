# Train with WIDER FACE and a brightened copy of DARK FACE, test on that copy.
_base_ = ['./widerface.py', './darkface_parts.py']

dark_root = 'data/darkface-msrcr/'
# How often each set is drawn. Their sizes are 2.6 : 1.
source_ratio = [1, 1]

dark_train = dict(_base_.dark_train, data_root=dark_root)
dark_test = dict(_base_.dark_test, data_root=dark_root)
train_dataloader = dict(
    sampler=dict(
        _delete_=True, type='SourceRatioSampler', source_ratio=source_ratio
    ),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[_base_.train_dataloader.dataset, dark_train],
    ),
)
val_dataloader = dict(dataset=dict(_delete_=True, **dark_test))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, **_base_.dark_evaluator)
test_evaluator = val_evaluator
