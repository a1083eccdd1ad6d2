"""The plain loop needs no adapter."""


def test_the_example_trains(accuracy_of):
    assert accuracy_of("torch_loop.py") > 0.93
