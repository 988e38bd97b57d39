"""What the service does with a request, without HTTP: a document of answers to a bank in, the text of a JSON document out."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

from competency_dx.adaptive import NextItems, next_items
from competency_dx.arrays import value
from competency_dx.bank import BankRegistry, ItemBank, load_bank, shipped_banks
from competency_dx.competencies import DeficitProfiles, Profile, diagnose
from competency_dx.errors import BankError, DocumentError, LimitError, RequestError
from competency_dx.findings import in_results_only
from competency_dx.responses import answers_schema, load_responses
from competency_dx.result import JsonDocument, parse_json
from competency_dx.scoring import Scores, score

MOST_PERSONS = 1000  # in one request: their profiles take some seconds and eight megabytes
NOT_THERE = {"bank.not_published", "bank.no_version", "bank.no_name", "bank.not_shipped"}


class ServedBank(TypedDict):
    """A bank that requests can name: by id, ``id@version`` or ``id@alias``."""

    id: str
    version: str
    digest: str
    aliases: tuple[str, ...]


@value
class Operations:
    """The operations on the banks of a registry, or on the shipped ones. Nothing is kept between two of them."""

    registry: Path | None

    def profiles(self, body: bytes, language: str | None) -> str:
        """Return the profile document of each person; sentences in the language asked for, else in that of the bank."""
        with in_results_only():
            found = self._diagnosed(body)[0]
        spoken = found if language is None else replace(found, language=language)
        return f'{{"profiles":[{",".join(profile.to_json() for profile in spoken)}]}}'

    def scores(self, body: bytes) -> str:
        """Return the estimates of the persons."""
        with in_results_only():
            bank, document = self._read(body)
            return score(load_responses(document, bank=bank), bank).to_json()

    def next_items(self, body: bytes, *, n: int, form: Any) -> str:  # noqa: ANN401 - checked by next_items
        """Return what to ask next, as a form for each person or one for all."""
        with in_results_only():
            profiles, bank = self._diagnosed(body)
            return next_items(profiles, bank, n=n, form=form).to_json()

    def banks(self) -> str:
        """Return the banks that requests can name."""
        if self.registry is None:
            out = [ServedBank(id=b.id, version=b.version, digest=b.digest, aliases=()) for b in map(load_bank, shipped_banks())]
        else:
            out = [
                ServedBank(id=index.id, version=version, digest=digest, aliases=index.aliases_of(version))
                for index in BankRegistry(folder=self.registry).banks()
                for version, digest in index.versions.items()
            ]
        return json.dumps({"banks": out}, ensure_ascii=False)

    def schemas(self, bank: str | None) -> str:
        """Return the schemas of all documents; that of answers with the items of a bank where one is named."""
        return json.dumps(schemas(None if bank is None else self._bank(bank)), ensure_ascii=False)

    def _diagnosed(self, body: bytes) -> tuple[DeficitProfiles, ItemBank]:
        bank, document = self._read(body)
        return diagnose(load_responses(document, bank=bank), bank), bank

    def _read(self, body: bytes) -> tuple[ItemBank, Mapping[str, Any]]:
        document = parse_json(body)
        named = document.get("bank") if isinstance(document, dict) else None
        if not isinstance(named, str):
            raise DocumentError("service.bank_missing", where="answers.bank")
        persons = document.get("persons")
        if isinstance(persons, list) and len(persons) > MOST_PERSONS:
            raise RequestError("service.too_many", most=MOST_PERSONS)
        return self._bank(named), {"kind": "answers"} | document

    def _bank(self, reference: str) -> ItemBank:
        try:
            if self.registry is not None or reference.partition("@")[0] in shipped_banks():  # never a path
                return load_bank(reference, registry=self.registry)
        except BankError as fault:
            if fault.code not in NOT_THERE:
                raise
        except LimitError as fault:  # not by the request
            raise BankError("bank.in_bank", id=reference, fault=fault) from None
        raise RequestError("service.no_bank", reference=reference[:100])


def named(kind: type[JsonDocument]) -> str:
    """Return the name of a document by kind and version, ``profile-1``."""
    return f"{kind.kind}-{kind.schema_version}"


def schemas(bank: ItemBank | None = None) -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each document that the service reads or writes, by kind and version."""
    return {"answers-1": answers_schema(bank)} | {named(k): k.json_schema() for k in (Profile, Scores, NextItems)}
