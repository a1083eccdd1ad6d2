"""A LightningModule under the 1cycle policy, on scikit-learn's digits.

Usage: python examples/lightning_module.py
"""

import lightning
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

from clr.adapters.lightning import configure_optimizers
from clr.schedules import OneCycle

EPOCHS, BATCH_SIZE = 12, 64


class Digits(lightning.LightningModule):
    def __init__(self, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        self.model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))

    def training_step(self, batch, batch_index):
        inputs, targets = batch
        return torch.nn.functional.cross_entropy(self.model(inputs), targets)

    def test_step(self, batch, batch_index):
        inputs, targets = batch
        self.log("accuracy", (self.model(inputs).argmax(1) == targets).float().mean())

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0, momentum=0.9)  # the schedule sets lr
        return configure_optimizers(optimizer, OneCycle(max_lr=0.3, iterations=self.iterations))


def main() -> float:
    lightning.seed_everything(0, verbose=False)
    inputs, targets = load_digits(return_X_y=True)
    split = train_test_split(inputs / 16.0, targets, random_state=0)
    train_inputs, test_inputs = (torch.tensor(part, dtype=torch.float32) for part in split[:2])
    train_targets, test_targets = (torch.tensor(part) for part in split[2:])
    train = DataLoader(TensorDataset(train_inputs, train_targets), BATCH_SIZE, shuffle=True)
    test = DataLoader(TensorDataset(test_inputs, test_targets), len(test_inputs))

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(max_epochs=EPOCHS, enable_model_summary=False, **quiet)
    module = Digits(iterations=EPOCHS * len(train))
    trainer.fit(module, train)

    (found,) = trainer.test(module, test, verbose=False)
    print(f"test accuracy {found['accuracy']:.4f} after {trainer.global_step} updates")
    return found["accuracy"]


if __name__ == "__main__":
    main()
