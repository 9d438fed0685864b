"""Robot logs: bags of ROS 1 and ROS 2 and MCAP files, with the pictures of some topics enhanced.

All else in a log is copied byte for byte. Needs the extra ``robotics``.
"""

from highbeam.logs.enhancing import choose_topics, enhance_log, is_log, summarise
from highbeam.logs.model import Damage, LogReport, LogSummary, TopicReport, TopicSummary
from highbeam.logs.placing import check_output

__all__ = [
    "Damage",
    "LogReport",
    "LogSummary",
    "TopicReport",
    "TopicSummary",
    "check_output",
    "choose_topics",
    "enhance_log",
    "is_log",
    "summarise",
]
