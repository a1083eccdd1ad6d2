"""A study on a folder of image files that only the worker has seen: its sizes are found by a describe slot."""

from pathlib import Path

import numpy as np
from PIL import Image
from serving import serving
from sklearn.datasets import load_sample_image

SIZE = 32


def write_patches(folder: Path, per_class: int = 60) -> None:
    """Patches of two real photographs, a temple and a flower, as two classes."""
    where = np.random.default_rng(0)
    for name in ("china", "flower"):
        photograph = load_sample_image(f"{name}.jpg")
        for split, count in (("train", per_class), ("test", per_class // 3)):
            (folder / split / name).mkdir(parents=True)
            for k in range(count):
                y, x = (int(where.integers(0, edge - 2 * SIZE)) for edge in photograph.shape[:2])
                patch = Image.fromarray(photograph[y : y + 2 * SIZE, x : x + 2 * SIZE]).resize((SIZE, SIZE))
                patch.save(folder / split / name / f"{k:03d}.jpg")


SPEC = {
    "model": "caffe-cifar10-full",
    "optimizer": {"name": "sgd", "options": {"weight_decay": 0.004}},
    "batch_size": 20,
    "budget": {"iterations": 12},
    "arms": ["fixed", "triangular"],
    "bounds": {"low": 0.0005, "high": 0.002},
    "trials": 2,
    "confirm_seeds": 2,
}


def test_a_study_on_an_image_folder_runs_to_an_answer(tmp_path: Path) -> None:
    write_patches(tmp_path / "images")
    task = {"name": "image-folder", "options": {"path": str(tmp_path / "images")}}

    with serving(tmp_path, workers=1, CLR_CACHE_DIR=str(tmp_path / "cache")) as client:
        study = client.submit({"task": task, **SPEC})
        ended = study.wait(poll=0.2, timeout=90)
        assert ended.state == "done", ended.reason
        assert study.trial(0).phase == "describe"
        assert ended.plan is not None and ended.plan["facts"]["test_size"] == 40
        answer = study.best()

        no_folder = client.submit({"task": {"name": "image-folder", "options": {"path": "/nowhere"}}, **SPEC})
        failed = no_folder.wait(poll=0.2, timeout=60)
        without_a_plan = no_folder.best()
        too_large = client.submit({"task": task, **SPEC, "batch_size": 5000})
        refused = too_large.wait(poll=0.2, timeout=60)

    assert answer.status == "confirmed"
    assert all(len(arm.values) == 2 for arm in answer.arms)
    assert without_a_plan.status == "screen-only" and "/nowhere" in without_a_plan.sentence
    assert failed.state == "failed" and "/nowhere" in failed.reason
    assert refused.state == "failed" and "/batch_size" in refused.reason
