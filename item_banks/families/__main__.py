"""Print families, or an item of one: ``python -m families SUBJECT [FAMILY SEED [subject|pupil]]``."""

from __future__ import annotations

import sys

from ruamel.yaml import YAML

from families import SUBJECTS, drawn


def main(arguments: list[str]) -> int:
    """Print what is asked for; 2 where it cannot be."""
    families = {f.name: f for f in SUBJECTS.get(arguments[0] if arguments else "", ())}
    if not families:
        sys.stderr.write(f"subject: one of {', '.join(SUBJECTS)}\n")
        return 2
    if len(arguments) < 3:
        sys.stdout.writelines(f"{name}: {f.title}; {len(f.bugs)} wrong rules\n" for name, f in families.items())
        return 0
    if arguments[1] not in families or not arguments[2].isdecimal():
        sys.stderr.write(f"family and seed: one of {', '.join(families)}, and a whole number\n")
        return 2
    found = drawn(families[arguments[1]], int(arguments[2]))
    make = found.subject_item if arguments[3:] == ["subject"] else found.pupil_item
    writer = YAML()
    writer.width = 120
    writer.dump([make("NEW-001")], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
