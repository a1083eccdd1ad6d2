from __future__ import annotations

import pytest

from worker import device


@pytest.mark.parametrize(("choice", "found"), [("cpu", ("cpu",)), ("cuda", ("cuda:0",)), ("cuda:3", ("cuda:3",))])
def test_a_device_is_taken_as_it_is_named(choice: str, found: tuple[str, ...]) -> None:
    assert device.devices(choice) == found


@pytest.mark.parametrize("choice", ["gpu", "cuda:", "cuda:x", "CPU", ""])
def test_another_device_is_refused_with_what_is_known(choice: str) -> None:
    with pytest.raises(ValueError, match="auto, cpu, cuda or cuda:N"):
        device.devices(choice)


def test_automatically_every_gpu_or_else_the_cpu_is_taken() -> None:
    count = device.visible_gpus()

    assert device.devices("auto") == (tuple(f"cuda:{index}" for index in range(count)) or ("cpu",))


@pytest.mark.parametrize(
    ("seen", "name", "own"),
    [
        (None, "cuda:1", "1"),
        ("4,5", "cuda:1", "5"),
        ("GPU-a,GPU-b", "cuda:0", "GPU-a"),
        ("4,5", "cuda:2", ""),
        ("4", "cpu", ""),
    ],
)
def test_a_child_sees_its_own_gpu_alone(monkeypatch, seen: str | None, name: str, own: str) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if seen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)

    assert device.environment(name, 1)["CUDA_VISIBLE_DEVICES"] == own


def test_threads_bind_every_library(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "8")

    found = device.environment("cpu", 2)

    assert (found["OMP_NUM_THREADS"], found["MKL_NUM_THREADS"]) == ("2", "2")
