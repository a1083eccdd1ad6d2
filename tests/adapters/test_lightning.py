"""In Lightning: one unit, the optimizer update."""

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from clr.adapters.lightning import configure_optimizers
from clr.schedules import Triangular2

SCHEDULE = Triangular2(base_lr=0.1, max_lr=0.7, step_size=3.5)
QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Module(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)

    def training_step(self, batch, batch_index):
        return self.head(self.body(batch)).square().mean()

    def configure_optimizers(self):
        groups = [{"params": self.body.parameters()}, {"params": self.head.parameters(), "lr_mult": 0.5}]
        return configure_optimizers(torch.optim.SGD(groups, lr=1.0), SCHEDULE)


def batches(count: int) -> DataLoader:
    return DataLoader(torch.ones(8 * count, 4), batch_size=8)


def expected(updates: int) -> list[list[float]]:
    return [[rate, 0.5 * rate] for rate in SCHEDULE.rates(updates).tolist()]


def test_the_rate_moves_with_every_update_not_every_epoch(used_rates):  # Lightning issues 5631 and 17544
    trainer = lightning.Trainer(max_epochs=3, enable_checkpointing=False, **QUIET)

    trainer.fit(Module(), batches(5))

    assert used_rates == expected(15)


def test_under_accumulation_updates_are_counted_not_batches(used_rates):
    trainer = lightning.Trainer(max_epochs=2, accumulate_grad_batches=3, enable_checkpointing=False, **QUIET)

    trainer.fit(Module(), batches(6))

    assert used_rates == expected(4)


def test_a_resumed_run_has_the_rates_of_the_unbroken_one(used_rates, tmp_path):
    first = lightning.Trainer(max_epochs=1, enable_checkpointing=False, **QUIET)
    first.fit(Module(), batches(5))
    first.save_checkpoint(tmp_path / "after_5.ckpt")

    second = lightning.Trainer(max_epochs=3, enable_checkpointing=False, **QUIET)
    second.fit(Module(), batches(5), ckpt_path=tmp_path / "after_5.ckpt")

    assert second.global_step == 15
    assert used_rates == expected(15)


def test_the_example_trains(accuracy_of):
    assert accuracy_of("lightning_module.py") > 0.93
