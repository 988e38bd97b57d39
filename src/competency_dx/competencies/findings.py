"""What may be said of a diagnosis as a whole."""

from competency_dx.findings import Template

# fmt: off
NO_COHORT = Template("competencies.no_cohort", "info",
    "Одинаковый вариант выполнили меньше {least:человека|человек|человек}: прибавка от отдельных баллов (PRMSE) не "
    "оценивалась, решение о показе принято по надёжности.",
    "Fewer than {least:person|persons} took the same form: the added value of subscores (PRMSE) was not estimated, what is "
    "reported was decided by reliability.")
