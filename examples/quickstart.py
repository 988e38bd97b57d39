"""From a table of answers to a deficit profile in five lines, on simulated answers of 400 persons."""

from __future__ import annotations

import numpy as np

import competency_dx as cdx


def main() -> None:
    """Print the calibration, the cohort and one profile."""
    table = cdx.simulate(cdx.load_bank("mathematics"), 400, rng=np.random.default_rng(1)).to_frame()

    bank = cdx.load_bank("mathematics")
    responses = cdx.load_responses(table, bank=bank)
    calibration = cdx.calibrate(responses, model="GPCM", bank=bank)
    profiles = cdx.diagnose(responses, bank.with_calibration(calibration))
    profile = profiles["7"]

    print(calibration, profiles, profile, sep="\n\n")
    for conclusion in profile.deficits:
        print(f"\n{conclusion.competency.title.text('en')}: P(deficit) = {conclusion.p_deficit:.2f}")


if __name__ == "__main__":
    main()
