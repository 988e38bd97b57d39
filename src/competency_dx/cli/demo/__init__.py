"""The demo: a synthetic region, from files to reports; its words and wrong answers are data files in this folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def content(name: str) -> Mapping[str, Any]:
    """Return a data file of the demo."""
    from ruamel.yaml import YAML

    text = files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = YAML(typ="safe", pure=True).load(text)
    return loaded


@cache
def words(language: str) -> Mapping[str, Any]:
    """Return sentences, heads and names in a language."""
    return {name: both[language] for name, both in content("words").items()}
