"""Item banks and competency frameworks: documents on disk, frozen values in memory; workbooks are imported when asked for."""

from importlib import import_module
from typing import TYPE_CHECKING

from competency_dx.bank.api import BankIndex, BankRegistry, Ledger, ledger_of, load_bank, load_framework, save_framework
from competency_dx.bank.bank_file import BankDocument, Form, FrameworkReference, locate, read_yaml, shipped_banks, shipped_folder
from competency_dx.bank.document import Document, Text, parse
from competency_dx.bank.framework import CompetencyFramework, Node, Prerequisite
from competency_dx.bank.item import Criterion, FamilyMember, Item, ItemType, Review, SampleAnswer, Stimulus
from competency_dx.bank.item_bank import ItemBank, refuse_self_report, save_bank
from competency_dx.bank.parameter_record import BankPopulation, CorrelationMatrix, Correlations, LeafPopulation, ParameterRecord
from competency_dx.bank.scoring_rule import CodeMap, Exact, Given, OneError, PerElement, Rubric, ScoringRule, Synonyms, Tolerance

if TYPE_CHECKING:
    from competency_dx.bank.workbook import load_bank_workbook, save_bank_template, save_bank_workbook

__all__ = ["ItemBank", "load_bank", "locate", "read_yaml", "save_bank", "shipped_banks", "shipped_folder"]
__all__ += ["BankDocument", "Document", "Form", "FrameworkReference", "Text", "parse"]
__all__ += ["CompetencyFramework", "Node", "Prerequisite", "load_framework", "save_framework"]
__all__ += ["Criterion", "FamilyMember", "Item", "ItemType", "Review", "SampleAnswer", "Stimulus"]
__all__ += ["CodeMap", "Exact", "Given", "OneError", "PerElement", "Rubric", "ScoringRule", "Synonyms", "Tolerance"]
__all__ += ["BankPopulation", "CorrelationMatrix", "Correlations", "LeafPopulation", "ParameterRecord"]
__all__ += ["BankIndex", "BankRegistry", "Ledger", "ledger_of", "refuse_self_report"]
__all__ += ["load_bank_workbook", "save_bank_template", "save_bank_workbook"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"competency_dx.bank has no name {name!r}")
    return getattr(import_module("competency_dx.bank.workbook"), name)
