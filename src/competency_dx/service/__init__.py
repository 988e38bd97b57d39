"""An HTTP service on the verbs: answers as JSON in, profiles, scores and next items as JSON out. Needs the extra ``service``.

``uvicorn competency_dx.service:app`` serves the shipped banks, or those of the registry that ``COMPETENCY_DX_REGISTRY`` names.
"""

import os
from typing import Any

from competency_dx.service.application import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - an application of FastAPI
    if name != "app":
        raise AttributeError(f"competency_dx.service has no name {name!r}")
    out = create_app(registry=os.environ.get("COMPETENCY_DX_REGISTRY") or None)
    globals()[name] = out
    return out
