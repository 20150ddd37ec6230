# Experiment C on a stand-in: train with the lit set and the processed dark
# copy, test on the copy. An epoch has as many images as both together.
_base_ = './srn_mobilenetv2_fpn_1xb16-10e_facemask_facemask-dark-msrcr.py'

dark_root = 'data/facemask-dark-msrcr/'
source_ratio = [1, 1]

lit_train = _base_.train_dataloader.dataset
train_dataloader = dict(
    sampler=dict(
        _delete_=True, type='SourceRatioSampler', source_ratio=source_ratio
    ),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[lit_train, dict(lit_train, data_root=dark_root)],
    ),
)
val_dataloader = dict(dataset=dict(data_root=dark_root))
val_evaluator = dict(_delete_=True, type='DarkFaceMetric')
