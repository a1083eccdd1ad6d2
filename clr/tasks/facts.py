"""What is known of the built-in tasks without their data, and without torch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from clr.protocol import TaskFacts
from clr.tasks import augment_options
from clr.tasks.models.registry import gray_image_models, image_models

_HERE = Path(__file__).parent


def code_hash(*files: str) -> str:
    """The first 16 hex digits of the SHA-256 over source files of this room: two workers with the same code agree."""
    digest = hashlib.sha256()
    for name in files:
        digest.update((_HERE / name).read_bytes())
    return digest.hexdigest()[:16]


DIGITS = TaskFacts(
    name="digits",
    metric="accuracy",
    direction="maximize",
    train_size=1097,
    validation_size=300,
    test_size=400,
    input_shape=(1, 8, 8),
    classes=10,
    models=("mlp",),
    default_model="mlp",
    options_schema={"type": "object", "properties": {}, "additionalProperties": False},
    code_hash=code_hash("base.py", "permutation.py", "digits.py"),
    description="Handwritten digits, 1,797 images of 8 x 8 pixels (scikit-learn's copy of the UCI test set).",
)

_IMAGES = ("base.py", "permutation.py", "pixels.py", "images.py", "augmentation.py")

_IMAGE_FOLDER_OPTIONS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "folder with train/ and test/, or with one folder per class"},
        "size": {
            "description": "side, or height and width [pixels]; default: the images' own, or the median if they differ",
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
                {"type": "null"},
            ],
        },
        "max_images": {
            "description": "take at most so many images, at random, for training and validation, and for the test",
            "anyOf": [{"type": "integer", "minimum": 10}, {"type": "null"}],
        },
        "augment": augment_options.SCHEMA,
    },
    "required": ["path"],
    "additionalProperties": False,
}

IMAGE_FOLDER = TaskFacts(
    name="image-folder",
    metric="accuracy",
    direction="maximize",
    train_size=0,
    validation_size=0,
    test_size=0,
    input_shape=(),
    classes=0,
    models=image_models(),
    default_model="resnet18",
    options_schema=_IMAGE_FOLDER_OPTIONS,
    fixed=False,
    code_hash=code_hash(*_IMAGES, "image_folder.py", "decoding.py"),
    description="Any folder of class folders with images; its sizes are found when a worker first looks at it.",
)


def _image_set(
    name: str, images: tuple[int, int, int], shape: tuple[int, int, int], classes: int, description: str
) -> TaskFacts:
    """Facts of a published set; `images`: for training, validation (a tenth of the set's training images), test."""
    train, validation, test = images
    return TaskFacts(
        name=name,
        metric="accuracy",
        direction="maximize",
        train_size=train,
        validation_size=validation,
        test_size=test,
        input_shape=shape,
        classes=classes,
        models=image_models() if shape[0] == 3 else gray_image_models(),
        default_model="resnet20" if shape[0] == 3 else "mlp",
        options_schema={
            "type": "object",
            "properties": {"augment": augment_options.SCHEMA},
            "additionalProperties": False,
        },
        code_hash=code_hash(*_IMAGES, "image_sets.py", "set_files.py", "idx.py"),
        description=description,
    )


IMAGE_SETS = {
    facts.name: facts
    for facts in (
        _image_set("mnist", (54_000, 6_000, 10_000), (1, 28, 28), 10, "Handwritten digits, 28 x 28, gray."),
        _image_set("fashion-mnist", (54_000, 6_000, 10_000), (1, 28, 28), 10, "Articles of clothing, 28 x 28, gray."),
        _image_set("cifar10", (45_000, 5_000, 10_000), (3, 32, 32), 10, "Small photographs of ten kinds of thing."),
        _image_set("cifar100", (45_000, 5_000, 10_000), (3, 32, 32), 100, "Small photographs of a hundred kinds."),
        _image_set("svhn", (65_931, 7_326, 26_032), (3, 32, 32), 10, "Digits of house numbers, photographed."),
    )
}
"""The published sets by name. The data is looked for, or downloaded, when a worker first trains on it."""
