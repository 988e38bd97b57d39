"""competency_dx: item bank and raw answers in, trustworthy deficit profiles out.

>>> import competency_dx as cdx
>>> bank = cdx.load_bank("mathematics")
>>> responses = cdx.simulate(bank, 3, rng=__import__("numpy").random.default_rng(1))
>>> profiles = cdx.diagnose(responses, bank)
>>> len(profiles)
3

The root has the verbs and the types of their signatures. Strategies and special results stay in their rooms, which
are attributes of the root: ``cdx.calibration.Priors``, ``cdx.scoring.PlausibleValues``, ``cdx.errors.BankError``.
"""

import re
from importlib import import_module
from pathlib import Path

_LISTED = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
_HOME = {name: module for module, name in re.findall(r"^from (\S+) import (\w+) as", _LISTED, re.MULTILINE)}
_ROOMS = {name for name, module in _HOME.items() if module == __name__}
__all__ = ["__version__", *sorted(_HOME.keys() - _ROOMS)]  # noqa: PLE0604 - pinned by tests/architecture/test_public_names.py


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("competency_dx.result").library_version()
    if name in _ROOMS:
        return import_module(f"competency_dx.{name}")
    if name not in _HOME:
        moved_names = import_module("competency_dx.wording").toml_content("", "moved")
        homes = [room for room, names in moved_names.items() if name in names]
        moved = f"; cdx.{name} is now cdx.{homes[0]}.{name}" if homes else ""
        raise AttributeError(f"competency_dx has no name {name!r}{moved}")
    out = getattr(import_module(_HOME[name]), name)
    globals()[name] = out
    return out


def __dir__() -> list[str]:
    return sorted([*__all__, *_ROOMS])
