"""What a careful reader of an item bank remarks, in Russian and English."""

from competency_dx.findings import Template

PROVISIONAL = Template("bank.provisional")
NO_PARAMETERS = Template("bank.no_parameters")
ODD_PARAMETERS = Template("bank.odd_parameters")
OTHER_SUBJECT = Template("bank.other_subject")
