"""Evaluation: methods, networks and other people's outputs on pairs, pictures and clips, with everything said."""

from highbeam.evaluation.results import Comparison, Interval, Results, Row, SetInfo, SubjectInfo, read_results

__all__ = ["Comparison", "Interval", "Results", "Row", "SetInfo", "SubjectInfo", "read_results"]
