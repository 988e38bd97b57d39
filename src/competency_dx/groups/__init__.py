"""From persons to groups: means, levels and the posterior of true shares, with suppression of what few persons would show."""

from competency_dx.groups.api import compare_groups, compare_self_reports, load_self_report
from competency_dx.groups.group_report import GroupReport, Suppression, total_demand
from competency_dx.groups.typology import compare_types

__all__ = ["GroupReport", "Suppression", "compare_groups", "compare_self_reports", "compare_types", "load_self_report", "total_demand"]
