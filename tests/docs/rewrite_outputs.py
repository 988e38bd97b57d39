"""Write the outputs shown in the pages anew. Read the difference before committing it.

Run: make golden [ARGS="docs/method.md README.md"]
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import warnings
from pathlib import Path

from test_docs import ROOT, WITH_CODE, blocks


def with_real_outputs(page: Path) -> str:
    """Return the text of a page, each output replaced by what its block prints now."""
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "__main__"}
    place = 0
    for block in list(blocks(text)):
        printed = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
            warnings.simplefilter("ignore")
            exec(compile(block.code, f"{page}:{block.line}", "exec"), namespace)
        place = text.index(block.code, place) + len(block.code)
        if block.shown is not None:
            lines = [line.rstrip() for line in printed.getvalue().strip("\n").splitlines()]
            before, after = text[:place], text[place:]
            text = before + after.replace(block.shown, "".join(f"{line}\n" for line in lines), 1)
    return text


def main(names: list[str]) -> None:
    """Rewrite the named pages, or all of them."""
    pages = [Path(name).resolve() for name in names] or WITH_CODE
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # blocks write files
        for page in pages:
            page.write_text(with_real_outputs(page), encoding="utf-8")
            print(page.relative_to(ROOT), flush=True)
        os.chdir(ROOT)


if __name__ == "__main__":
    main(sys.argv[1:])
