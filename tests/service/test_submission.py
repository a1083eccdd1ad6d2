"""What is refused of a document, before anything is stored or started."""

from pathlib import Path

import pytest

from clr.errors import InvalidSpec
from service import submission


def refused(document, **how) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as found:
        submission.precheck(document, **how)
    return {error.pointer: error.detail for error in found.value.errors}


def test_a_task_that_nobody_can_announce_is_refused_at_once():
    assert "'mine'" in refused({"task": "mine", "arms": ["fixed"]})["/task"]


def test_a_task_of_the_user_s_own_may_yet_be_announced():
    submission.precheck({"task": "mine", "arms": ["fixed"]}, own_tasks=True)

    assert set(refused({"task": "mine", "arms": ["circular"]}, own_tasks=True)) == {"/arms/0/family"}
    assert set(refused({"arms": ["fixed"]}, own_tasks=True)) == {"/task"}


def test_a_task_of_an_installed_distribution_may_yet_be_announced(tmp_path: Path, monkeypatch):
    distribution = tmp_path / "users-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: users\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text("[clr.tasks]\nits-entry-point = users_module:Mine\n")
    monkeypatch.syspath_prepend(tmp_path)

    submission.precheck({"task": "mine", "arms": ["fixed"]})
