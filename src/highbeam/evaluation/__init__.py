"""Evaluation: methods, networks and other people's outputs on pairs, pictures and clips, with everything said."""

from highbeam.evaluation.cases import Case, TestSet, seal
from highbeam.evaluation.finding import find_sets, outputs_set
from highbeam.evaluation.machine import describe_machine
from highbeam.evaluation.protocol import Protocol, make_protocol
from highbeam.evaluation.results import (
    Comparison,
    Interval,
    Results,
    Row,
    SetInfo,
    SubjectInfo,
    document,
    read_results,
    write_results,
)
from highbeam.evaluation.runner import Evaluation
from highbeam.evaluation.subjects import Subject, with_training
from highbeam.evaluation.summary import summarise
from highbeam.evaluation.tables import aligned, tables
from highbeam.evaluation.timing import time_subjects

__all__ = [
    "Case",
    "Comparison",
    "Evaluation",
    "Interval",
    "Protocol",
    "Results",
    "Row",
    "SetInfo",
    "Subject",
    "SubjectInfo",
    "TestSet",
    "aligned",
    "describe_machine",
    "document",
    "find_sets",
    "make_protocol",
    "outputs_set",
    "read_results",
    "seal",
    "summarise",
    "tables",
    "time_subjects",
    "with_training",
    "write_results",
]
