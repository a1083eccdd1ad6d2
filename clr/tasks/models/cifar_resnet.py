"""`resnet20` ... `resnet110`: residual networks for small images.

Source: He et al. 2015 (arXiv 1512.03385), section 4.2: 6n + 2 layers, widths 16, 32 and 64, shortcuts without
parameters (option A); weights by He et al. 2015 (arXiv 1502.01852). The paper trains on images of 32 x 32 with SGD,
momentum 0.9, weight decay 0.0001, batches of 128, crop with a padding of 4 and flip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from clr.errors import TaskError

WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, and the shortcut around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.added = stride, outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, images: Tensor) -> Tensor:
        residual = self.norm2(self.conv2(self.norm1(self.conv1(images)).relu()))
        total: Tensor = residual + self._shortcut(images)
        return total.relu()

    def _shortcut(self, images: Tensor) -> Tensor:
        """Every `stride`-th pixel; the channels that are more are zeros, half of them on each side."""
        if self.stride == 1 and not self.added:
            return images
        before = self.added // 2
        return F.pad(images[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.added - before))


class CifarResNet(nn.Module):
    """A convolution, three stages of n blocks each, mean over the image, a linear layer.

    Args:
        depth: 6n + 2 layers.
        channels: of the images.
        classes: number of outputs.
    """

    def __init__(self, depth: int, channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth must be 6n + 2 with n >= 1, got {depth}.")
        self.conv = nn.Conv2d(channels, WIDTHS[0], 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(WIDTHS[0])
        blocks, width = [], WIDTHS[0]
        for following in WIDTHS:
            for position in range((depth - 2) // 6):
                stride = 2 if position == 0 and following != WIDTHS[0] else 1
                blocks.append(Block(width, following, stride))
                width = following
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes] of images [N, channels, height, width]."""
        features = self.blocks(self.norm(self.conv(images)).relu())
        logits: Tensor = self.linear(features.mean(dim=(2, 3)))
        return logits


def make(name: str, options: Mapping[str, Any], *, input_shape: tuple[int, ...], classes: int) -> CifarResNet:
    """The network of the depth that its name says.

    Raises:
        TaskError: the inputs are no images.
    """
    if len(input_shape) != 3:
        raise TaskError(f"Model {name} takes images, shape (channels, height, width), got {tuple(input_shape)}.")
    return CifarResNet(int(name.removeprefix("resnet")), input_shape[0], classes)
