"""Writes the model folder that the service reads: weights, calibration, their hash."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import CalculationError
from ..calibration import Calibration
from ..grid import SIDE
from ..lung_nodule import OUTPUTS, LungNodule
from .ensemble import Ensemble

AGREES: Final = 1e-5  # of the larger of 1 and the output's largest value
LARGEST: Final = 8_000_000  # bytes
OPSET: Final = 17


def export(model: Ensemble, calibration: Calibration, folder: Path, examples: NDArray[np.float32]) -> dict[str, float]:
    """Write ``model.onnx``, ``calibration.json`` and ``sha256`` to ``folder``; how far ONNX Runtime is from torch.

    ``examples``: crops on the grid (N, SIDE, SIDE), on which the two are compared.

    Raises:
        CalculationError: they differ by more than ``AGREES`` in some output, or the weights are too large.
    """
    weights = onnx_of(model)
    fitted = json.dumps(calibration.as_record(), indent=2).encode() + b"\n"
    files = {"model.onnx": weights, "calibration.json": fitted, "sha256": _named(weights + fitted)}
    with tempfile.TemporaryDirectory() as tried:
        for name, content in files.items():
            (Path(tried) / name).write_bytes(content)
        apart = differences(model, LungNodule(Path(tried)), examples)
    worst = max(apart, key=lambda name: apart[name])
    if apart[worst] > AGREES or len(weights) > LARGEST:
        found = f"{apart[worst]:.1e} in {worst}, {len(weights)} bytes"
        raise CalculationError(str(folder), "model.onnx", found, f"{AGREES}, {LARGEST} bytes", "Mend the export.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return apart


def _named(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n"


def onnx_of(model: Ensemble) -> bytes:
    """The model as ONNX; N crops at once."""
    written = io.BytesIO()
    axes = {name: {0: "n"} for name in ("hu", *OUTPUTS)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter by tracing needs no further package
        torch.onnx.export(
            model.eval(), (torch.zeros(2, 1, SIDE, SIDE),), written, input_names=["hu"], output_names=list(OUTPUTS),
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    return written.getvalue()


def differences(model: Ensemble, runtime: LungNodule, examples: NDArray[np.float32]) -> dict[str, float]:
    """Per output the largest difference between torch and ONNX Runtime, over the larger of 1 and its largest value."""
    with torch.no_grad():
        of_torch = [part.numpy() for part in model(torch.from_numpy(examples[:, None]))]
    of_onnx = runtime.outputs(examples)
    return {
        name: float(np.abs(a - b).max() / max(1.0, np.abs(a).max()))
        for name, a, b in zip(OUTPUTS, of_torch, of_onnx, strict=True)
    }
