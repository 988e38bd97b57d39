"""The competency framework: a tree of codes with titles, and prerequisite edges between them."""

from collections.abc import Iterator
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from competency_dx.bank.bank_file import read_yaml, shipped_folder, shipped_frameworks
from competency_dx.bank.document import Document, Text, parse
from competency_dx.errors import BankError, phrase, repeated
from competency_dx.result import DataFrame, digest_document
from competency_dx.schemas import document_schema
from competency_dx.storage import limits_in_force

Kind = Literal["category", "cluster", "domain", "topic"]
SHARED = "GEN"
"""The category of competencies that every teacher needs, which lists of a subject offer too."""


class Node(Document):
    """One competency: stable code, titles, kind and place in the tree.

    A code that is given up stays, retired: `replaced_by` names the codes to use in its place.
    """

    later: ClassVar[tuple[str, ...]] = ("replaced_by",)
    code: str = Field(min_length=1)
    title: Text
    kind: Kind
    parent: str | None = None
    profstandard: str | None = None
    replaced_by: tuple[str, ...] = ()


class Prerequisite(Document):
    """An edge: `origin` is learnt before `destination`; hard where the second is impossible without the first."""

    origin: str
    destination: str
    strength: Literal["soft", "hard"] = "soft"


class CompetencyFramework(Document):
    """A versioned tree of competencies with prerequisites; the same object for every subject.

    Raises `BankError` on reading, when codes repeat, a parent does not exist, the tree or the prerequisites have a cycle, or a
    retired code is still built on.
    """

    schema_version: Literal[1, 2] = 1
    id: str
    version: str
    title: Text
    note: Text | None = None
    nodes: tuple[Node, ...]
    prerequisites: tuple[Prerequisite, ...] = Field(default=())

    @model_validator(mode="after")
    def _is_a_forest(self) -> Self:
        limits_in_force().check(self.id, items=len(self.nodes))
        if twice := repeated(n.code for n in self.nodes):
            raise BankError("bank.repeated_codes", twice=sorted(twice))
        known, live = {n.code for n in self.nodes}, {n.code for n in self.nodes if not n.replaced_by}
        late = [f"nodes[{k}].replaced_by" for k, n in enumerate(self.nodes) if n.replaced_by]
        if late and self.schema_version == 1:
            raise BankError("bank.needs_version", place=late[0], version=2)
        if lost := [n.code for n in self.nodes if n.parent is not None and n.parent not in (known if n.replaced_by else live)]:
            raise BankError("bank.no_parents", lost=lost)
        if gone := [f"{n.code} -> {c}" for n in self.nodes for c in n.replaced_by if c not in live]:
            raise BankError("bank.no_replacements", gone=gone)
        if ends := [f"{e.origin} -> {e.destination}" for e in self.prerequisites if not {e.origin, e.destination} <= live]:
            raise BankError("bank.unknown_prerequisites", ends=ends)
        edges_of = {"parents": [(n.parent, n.code) for n in self.nodes if n.parent]}
        edges_of["prerequisites"] = [(e.origin, e.destination) for e in self.prerequisites]
        for name, edges in edges_of.items():
            sorter = TopologicalSorter[str]()
            for origin, destination in edges:
                sorter.add(destination, origin)
            try:
                sorter.prepare()
            except CycleError as fault:
                raise BankError("bank.cycle", name=phrase(f"bank.what_{name}"), loop=sorted({*fault.args[1]})) from None
        return self

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of a framework, the one inside a bank as well."""
        return document_schema("framework", 2, cls.model_json_schema(mode="validation"))

    @cached_property
    def _by_code(self) -> dict[str, Node]:
        return {n.code: n for n in self.nodes}

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return digest_document(self.model_dump(mode="json", exclude_none=True))

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def node(self, code: str) -> Node:
        """Return the node with this code; raises `BankError` when there is none."""
        if code not in self:
            raise BankError("bank.no_code", name=code, id=self.id, version=self.version)
        return self._by_code[code]

    def replacements(self, code: str) -> tuple[str, ...]:
        """Return the codes to use in place of a retired one; none for a code in force and for one that is not there."""
        return self._by_code[code].replaced_by if code in self else ()

    def title_of(self, code: str, language: str = "ru") -> str:
        """Return the title of a competency."""
        return self.node(code).title.text(language)

    def lineage(self, code: str) -> Iterator[Node]:
        """Yield the node and its ancestors, upwards."""
        yield (node := self.node(code))
        if node.parent:
            yield from self.lineage(node.parent)

    def within(self, code: str, ancestor: str) -> bool:
        """Return whether `code` is `ancestor` or lies below it."""
        return any(n.code == ancestor for n in self.lineage(code))

    def children(self, code: str) -> tuple[Node, ...]:
        """Return the nodes directly below."""
        return tuple(n for n in self.nodes if n.parent == code)

    def to_frame(self) -> DataFrame:
        """Return one row per node: code, titles, kind, parent, and what replaced it."""
        import pandas as pd

        rows = [(n.code, n.title.ru, n.title.en, n.kind, n.parent, ", ".join(n.replaced_by)) for n in self.nodes]
        return pd.DataFrame(rows, columns=["code", "title_ru", "title_en", "kind", "parent", "replaced_by"])

    def __str__(self) -> str:
        return f"Framework {self.id} {self.version}: {len(self.nodes)} nodes, {len(self.prerequisites)} prerequisites"


def is_shipped(framework: CompetencyFramework) -> bool:
    """Tell whether a framework is a shipped one, and not like it by name alone."""
    path = shipped_folder() / "frameworks" / f"{framework.id}.yaml"
    return framework.id in shipped_frameworks() and parse(CompetencyFramework, read_yaml(path), str(path)) == framework
