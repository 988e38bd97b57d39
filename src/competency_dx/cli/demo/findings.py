"""What the demo says of its data."""

from competency_dx.findings import Template

# fmt: off
SYNTHETIC_DATA = Template("cli.synthetic", "warning",
    "СИНТЕТИЧЕСКИЕ ДАННЫЕ: участники, муниципалитеты и ответы придуманы программой; выводов о людях здесь нет.",
    "SYNTHETIC DATA: persons, municipalities and answers are made up by a program; nothing here is about people.")
