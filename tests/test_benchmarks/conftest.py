"""What tests of benchmarks share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Networks as small as these run fastest on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fails(capsys):
    """Function that runs a program and returns the error it ends with."""

    def run(program, *args):
        with pytest.raises(SystemExit) as ended:
            program.main([str(arg) for arg in args])
        assert ended.value.code not in (0, None)
        return capsys.readouterr().err

    return run
