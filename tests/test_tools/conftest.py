"""The command-line tools as modules."""

import importlib.util

import pytest


@pytest.fixture
def load_tool(root, monkeypatch):
    """Function that imports a script, given its path below ``tools/``."""

    def load(path):
        file = root / 'tools' / path
        # As for a script: files beside it can be imported.
        monkeypatch.syspath_prepend(file.parent)
        spec = importlib.util.spec_from_file_location(file.stem, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def fails(capsys):
    """Function that runs a tool and returns the error it ends with."""

    def run(tool, *args):
        with pytest.raises(SystemExit) as ended:
            tool.main([str(arg) for arg in args])
        assert ended.value.code not in (0, None)
        return capsys.readouterr().err

    return run
