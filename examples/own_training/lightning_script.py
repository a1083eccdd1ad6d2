"""A Lightning module as a task: the scheduler steps per update, a callback reports.

Usage: python examples/own_training/lightning_script.py
       clr worker --tasks examples/own_training/lightning_script.yaml
"""

import warnings

import lightning
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

import clr


class Digits(lightning.LightningModule):
    def __init__(self, run):
        super().__init__()
        self.run = run
        self.net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))

    def training_step(self, batch, _):
        inputs, targets = batch
        return torch.nn.functional.cross_entropy(self.net(inputs), targets)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": self.run.scheduler(optimizer), "interval": "step"},
        }

    def accuracy(self, examples):
        inputs, targets = next(iter(DataLoader(examples, len(examples))))
        with torch.inference_mode():
            return (self.net(inputs).argmax(1) == targets).float().mean().item()


class Reports(lightning.Callback):
    def __init__(self, run, validation):
        self.run, self.validation = run, validation

    def on_train_batch_end(self, trainer, module, *_):
        if self.run.due(trainer.global_step):
            trainer.should_stop = self.run.report(trainer.global_step, accuracy=module.accuracy(self.validation))


def main():
    run = clr.run(iterations=300)
    lightning.seed_everything(run.seed, verbose=False)
    pixels, digits = load_digits(return_X_y=True)
    everything = TensorDataset(torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(digits))
    rest, test = random_split(everything, [1397, 400], torch.Generator().manual_seed(0))
    train, validation = random_split(rest, [1117, 280], torch.Generator().manual_seed(run.split_seed))

    warnings.filterwarnings("ignore", message=".*num_workers.*")
    module = Digits(run)
    trainer = lightning.Trainer(
        max_steps=run.iterations,
        accelerator="gpu" if run.device.startswith("cuda") else "cpu",
        devices=1,
        callbacks=[Reports(run, validation)],
        **dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False),
    )
    trainer.fit(module, DataLoader(train, batch_size=64, shuffle=True, drop_last=True))
    if run.test:
        run.report_test(accuracy=module.accuracy(test))


if __name__ == "__main__":
    main()
