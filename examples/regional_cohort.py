"""One subject of a region, from the analyst's CSV to reports, on synthetic data: ``python regional_cohort.py FOLDER``.

`competency-dx demo` does the same for three subjects with raw answers, a planted wrong key and the known truth.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import competency_dx as cdx

MUNICIPALITIES = {"Тридевятый район": -0.4, "Буянский район": 0.0, "Лукоморский район": 0.4}


def analysts_csv(bank: cdx.ItemBank, path: Path, rng: np.random.Generator) -> Path:
    """Write points of 150 invented persons: two forms, some items not reached, semicolons, code page 1251."""
    place = rng.choice(list(MUNICIPALITIES), size=150)
    theta = rng.normal([MUNICIPALITIES[m] for m in place], 0.9)
    frame = cdx.simulate(bank, theta, rng=rng).to_frame()
    forms = [bank.forms[k % len(bank.forms)] for k in range(len(frame))]
    for row, (form, left) in enumerate(zip(forms, rng.binomial(4, 0.05, size=len(forms)), strict=True)):
        shown = form.items[: len(form.items) - left]
        frame.loc[row, [item.id for item in bank.items if item.id not in shown]] = np.nan
    items = frame.drop(columns="person").astype("Int64")
    table = pd.concat([frame[["person"]], pd.DataFrame({"Муниципалитет": place, "Вариант": [f.id for f in forms]})], axis=1)
    table.join(items).to_csv(path, sep=";", index=False, encoding="cp1251")
    return path


def main(folder: Path) -> None:
    """Calibrate, diagnose and report; compare the number of flags with the percent-correct line."""
    folder.mkdir(parents=True, exist_ok=True)
    bank = cdx.load_bank("history")
    path = analysts_csv(bank, folder / "history.csv", np.random.default_rng(3))

    responses = cdx.load_responses(path, bank=bank, layout=cdx.Layout(cells="scored"))
    print(responses, *(f.en for f in responses.findings), sep="\n")

    calibration = cdx.calibrate(responses, model="PCM", bank=bank)  # slopes need 300 persons or more
    print(f"\n{calibration}")
    calibrated = bank.with_calibration(calibration)
    cdx.save_bank(calibrated, folder / "bank")

    profiles = cdx.diagnose(responses, calibrated)
    print(f"\n{profiles}\n\n{profiles['1']}")

    shown = np.where(responses.observed, responses.max_scores, 0).sum(axis=1)
    percent = 100 * responses.scores.sum(axis=1) / shown
    states = profiles.to_frame().query("competency == 'HIS'")["state"].value_counts()
    print(f"\nBelow 60 % correct: {(percent < 60).sum()} persons; the whole test according to the engine:")
    print(states.to_string())

    print("\nOpen in a browser:", cdx.report(profiles, folder / "report", language="ru"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "regional-cohort"))
