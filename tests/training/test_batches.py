"""The batch order is a pure function of (seed, iteration)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clr.training.batches import Batches, epoch_iterations, indices


@given(st.integers(1, 60), st.data())
@settings(max_examples=50, deadline=None)
def test_an_epoch_uses_every_example_at_most_once(size: int, data: st.DataObject) -> None:
    batch_size = data.draw(st.integers(1, size))
    seed, epoch = data.draw(st.integers(0, 2**40)), data.draw(st.integers(0, 5))
    length = epoch_iterations(size, batch_size)

    used = torch.cat([indices(size, batch_size, seed, epoch * length + i) for i in range(length)])

    assert len(used) == length * batch_size > size - batch_size
    assert len(used.unique()) == len(used)
    assert set(used.tolist()) <= set(range(size))


def test_a_run_gives_what_the_pure_function_gives_in_any_order() -> None:
    run = Batches(23, 5, seed=9)

    for iteration in (0, 1, 7, 3, 12, 2):
        assert torch.equal(run(iteration), indices(23, 5, 9, iteration))


def test_epochs_and_seeds_have_different_orders() -> None:
    first, next_epoch, other_seed = indices(100, 100, 1, 0), indices(100, 100, 1, 1), indices(100, 100, 2, 0)

    assert not torch.equal(first, next_epoch)
    assert not torch.equal(first, other_seed)


def test_the_order_is_the_same_on_every_machine() -> None:
    assert indices(10, 10, 1, 0).tolist() == [6, 2, 1, 0, 8, 4, 3, 9, 7, 5]


@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_larger_than_the_training_split_is_refused(batch_size: int) -> None:
    with pytest.raises(ValueError, match=r"batch_size must lie in 1 ... 10 .* got"):
        indices(10, batch_size, 0, 0)
