"""Documents that people write: JSON, or YAML with YAML 1.2's scalars."""

from __future__ import annotations

import json as json_format
import re
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """1e-3 is a number (YAML 1.1 wants 1.0e-3), a date is text, and a key stands once."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [key.value for key, _ in node.value]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]!r} stands twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)

UNREADABLE = (OSError, ValueError, yaml.YAMLError, RecursionError)
"""What reading a document may raise."""


def parse(text: str, *, json: bool = False) -> Any:
    """The document in a text.

    Raises:
        one of UNREADABLE: it is neither JSON nor YAML.
    """
    return json_format.loads(text) if json else yaml.load(text, _Loader)


def why(error: Exception) -> str:
    """What one of UNREADABLE says, without the path that whoever reports it names anyway."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
