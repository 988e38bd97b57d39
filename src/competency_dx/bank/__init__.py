"""Item banks and competency frameworks: documents on disk, frozen values in memory."""

from competency_dx.bank.api import load_bank, load_framework
from competency_dx.bank.bank_file import BankDocument, Form, FrameworkReference, locate, read_yaml, shipped_banks, shipped_folder
from competency_dx.bank.document import Document, Text, parse
from competency_dx.bank.framework import CompetencyFramework, Node, Prerequisite
from competency_dx.bank.item import Criterion, FamilyMember, Item, Review, SampleAnswer, Stimulus
from competency_dx.bank.item_bank import ItemBank, as_bank, save_bank
from competency_dx.bank.ledger import Ledger, ledger_of
from competency_dx.bank.parameter_record import BankPopulation, CorrelationMatrix, Correlations, LeafPopulation, ParameterRecord
from competency_dx.bank.registry import BankIndex, BankRegistry
from competency_dx.bank.scoring_rule import CodeMap, Exact, Given, OneError, PerElement, Rubric, ScoringRule, Synonyms, Tolerance
from competency_dx.bank.workbook import load_bank_workbook, save_bank_template, save_bank_workbook

__all__ = [
    "BankDocument",
    "BankIndex",
    "BankPopulation",
    "BankRegistry",
    "CodeMap",
    "CompetencyFramework",
    "CorrelationMatrix",
    "Correlations",
    "Criterion",
    "Document",
    "Exact",
    "FamilyMember",
    "Form",
    "FrameworkReference",
    "Given",
    "Item",
    "ItemBank",
    "LeafPopulation",
    "Ledger",
    "Node",
    "OneError",
    "ParameterRecord",
    "PerElement",
    "Prerequisite",
    "Review",
    "Rubric",
    "SampleAnswer",
    "ScoringRule",
    "Stimulus",
    "Synonyms",
    "Text",
    "Tolerance",
    "as_bank",
    "ledger_of",
    "load_bank",
    "load_bank_workbook",
    "load_framework",
    "locate",
    "parse",
    "read_yaml",
    "save_bank",
    "save_bank_template",
    "save_bank_workbook",
    "shipped_banks",
    "shipped_folder",
]
