"""`caffe-cifar10-full`: the network of Smith's CIFAR-10 experiments, as Caffe's example defines it.

Details that decide accuracy more than any schedule: inputs are bytes (0-255) minus the mean image, conv1 starts at
standard deviation 0.0001, pooling rounds up (32 -> 16 -> 8 -> 4), normalisation is within a channel, biases of conv1,
conv2 and ip1 learn at twice the rate, and ip1's weights decay 250 times as fast as the others.

Source: BVLC/caffe, examples/cifar10/cifar10_full_train_test.prototxt; Smith 2017, section 4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from clr.errors import TaskError
from clr.tasks.models.parameters import Multipliers

INPUT_SHAPE = (3, 32, 32)


class WithinChannelNorm(nn.Module):
    """Caffe's local response normalisation WITHIN_CHANNEL.

    y = x (1 + alpha / size^2 * sum of x^2 over the size x size window around the pixel)^-beta; pixels outside the
    image count as zeros. (torch's LocalResponseNorm is across channels.)
    """

    def __init__(self, size: int = 3, alpha: float = 5e-5, beta: float = 0.75) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta
        self.mean_square = nn.AvgPool2d(size, stride=1, padding=size // 2, count_include_pad=True)

    def forward(self, inputs: Tensor) -> Tensor:
        scale = 1.0 + self.alpha * self.mean_square(inputs.square())
        normalised: Tensor = inputs * scale.pow(-self.beta)
        return normalised


class CaffeCifar10Full(nn.Module):
    """Three 5x5 convolutions and one fully connected layer; 89,578 parameters with ten classes.

    Train it as Caffe did with SGD, momentum 0.9 and weight_decay 0.004.

    Args:
        classes: number of outputs.
        input_scale: what the inputs are multiplied by first. Images come as [0, 1] minus the mean image; 255 makes
            them what Caffe fed.
    """

    def __init__(self, classes: int = 10, input_scale: float = 255.0) -> None:
        super().__init__()
        self.input_scale = input_scale
        self.conv1 = nn.Conv2d(3, 32, 5, padding=2)
        self.conv2 = nn.Conv2d(32, 32, 5, padding=2)
        self.conv3 = nn.Conv2d(32, 64, 5, padding=2)
        self.ip1 = nn.Linear(64 * 4 * 4, classes)
        self.max_pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.mean_pool = nn.AvgPool2d(3, stride=2, ceil_mode=True)
        self.norm = WithinChannelNorm()
        self._initialise()

    def _initialise(self) -> None:
        deviations = {"conv1": 0.0001, "conv2": 0.01, "conv3": 0.01, "ip1": 0.01}
        for name, parameter in self.named_parameters():
            layer, _, kind = name.partition(".")
            if kind == "weight":
                nn.init.normal_(parameter, std=deviations[layer])
            else:
                nn.init.zeros_(parameter)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes] of images [N, 3, 32, 32]."""
        images = images * self.input_scale
        if images.device.type == "cpu":  # 46 ms against 78 ms an update of 100 images on one core: pooling is slow else
            images = images.contiguous(memory_format=torch.channels_last)
        features = self.norm(self.max_pool(self.conv1(images)).relu())
        features = self.norm(self.mean_pool(self.conv2(features).relu()))
        features = self.mean_pool(self.conv3(features).relu())
        logits: Tensor = self.ip1(features.flatten(1))
        return logits

    def multipliers(self) -> list[Multipliers]:
        """Caffe's blocks: a bias of conv1 and conv2 is decayed like a weight, ip1's is not; conv3 has no block."""
        named = dict(self.named_parameters())
        plain = ("conv1.weight", "conv2.weight", "conv3.weight", "conv3.bias")
        return [
            Multipliers(tuple(named[name] for name in plain)),
            Multipliers((named["conv1.bias"], named["conv2.bias"]), lr_mult=2.0),
            Multipliers((named["ip1.weight"],), decay_mult=250.0),
            Multipliers((named["ip1.bias"],), lr_mult=2.0, decay_mult=0.0),
        ]


def make(name: str, options: Mapping[str, Any], *, input_shape: tuple[int, ...], classes: int) -> CaffeCifar10Full:
    """The network for `classes` classes.

    Raises:
        TaskError: the inputs are not 3 x 32 x 32.
    """
    if tuple(input_shape) != INPUT_SHAPE:
        raise TaskError(f"Model {name} takes inputs of shape {INPUT_SHAPE}, got {tuple(input_shape)}: set size to 32.")
    return CaffeCifar10Full(classes, float(options.get("input_scale", 255.0)))
