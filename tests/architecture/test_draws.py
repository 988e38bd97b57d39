"""The same seed draws the same persons on every machine."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^[ \t]*```python[^\n]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)


def codes() -> Iterator[tuple[Path, str]]:
    """Yield the Python code of every module and of every page."""
    for folder in ("src", "tests", "docs", "examples"):
        yield from ((path, path.read_text(encoding="utf-8")) for path in sorted((ROOT / folder).rglob("*.py")))
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for block in FENCE.findall(page.read_text(encoding="utf-8")):
            yield page, textwrap.dedent(block)


def by_cholesky(call: ast.Call) -> bool:
    return any(k.arg == "method" and isinstance(k.value, ast.Constant) and k.value.value == "cholesky" for k in call.keywords)


def test_normal_draws_of_several_dimensions_go_by_cholesky() -> None:
    """Roots by eigenvectors or singular vectors (numpy's default, scipy's only way) are not unique where eigenvalues repeat:
    each LAPACK build, and each kernel of one, has its own, so that a seed gives other persons on another processor."""
    elsewhere = []
    for path, code in codes():
        if "multivariate_normal" not in code:
            continue
        nodes = list(ast.walk(ast.parse(code)))
        right = {id(node.func) for node in nodes if isinstance(node, ast.Call) and by_cholesky(node)}
        names = [n for n in nodes if isinstance(n, ast.Attribute | ast.Name) and id(n) not in right]
        elsewhere += [
            f"{path.relative_to(ROOT)}: {ast.unparse(n)}"
            for n in names
            if (n.attr if isinstance(n, ast.Attribute) else n.id) == "multivariate_normal"
        ]
    assert not elsewhere, elsewhere
