"""Families of items: a rule computes the key, wrong rules compute the distractors, a draw refuses what cannot tell.

``python -m families mathematics`` (from the folder ``item_banks``) lists the families of a subject; with a name and a seed it
prints the item, ready for ``items.yaml``. To add a family, copy one in ``mathematics.py``.
"""

from families.chemistry import FAMILIES as CHEMISTRY
from families.family import Drawn, Family, Rule, drawn
from families.informatics import FAMILIES as INFORMATICS
from families.mathematics import FAMILIES as MATHEMATICS
from families.physics import FAMILIES as PHYSICS

SUBJECTS = {"mathematics": MATHEMATICS, "physics": PHYSICS, "chemistry": CHEMISTRY, "informatics": INFORMATICS}

__all__ = ["SUBJECTS", "Drawn", "Family", "Rule", "drawn"]
