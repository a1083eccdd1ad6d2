from __future__ import annotations

from clr.tasks.digits import Digits
from worker.kept import KeptTask


def test_trials_of_one_cut_share_its_data() -> None:
    kept = KeptTask(Digits())

    assert kept.splits(1, "cpu") is kept.splits(1, "cpu")


def test_another_cut_gets_its_own_data() -> None:
    kept = KeptTask(Digits())
    first = kept.splits(1)

    second = kept.splits(2)

    assert not first.train.targets.equal(second.train.targets)
    assert second.train.targets.equal(Digits().splits(2).train.targets)


def test_it_is_the_task_in_all_else() -> None:
    kept = KeptTask(Digits())

    assert kept.metric == "accuracy"
    assert kept.facts() == Digits().facts()
