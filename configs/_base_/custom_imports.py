# What fills mmdet's registries. The models of this folder have it; add it to
# the `_base_` of a config with another model, such as mmdet's.
custom_imports = dict(
    imports=[
        'mmsrn.models',
        'mmsrn.datasets',
        'mmsrn.engine',
        'mmsrn.evaluation.metrics',
    ],
    allow_failed_imports=False,
)
