"""A detector from a MONAI bundle in the layout of the public ``lung_nodule_ct_detection`` (a RetinaNet, LUNA16).

``configs/inference.json`` (or ``.yaml``) says how the image is prepared, which network is built and how boxes are
chosen; ``configs/metadata.json`` names and numbers the version; ``models/model.pt`` holds the weights. MONAI's own
parser, transforms and detector do the work; read here are ``preprocessing``, ``network``, ``detector`` and
``detector_ops``, and neither the bundle's loaders and handlers nor what lies in its ``scripts``.

A bundle is CODE: the parser calls what the configuration names and evaluates its ``$`` expressions. So a bundle is
opened only where the site states the sha256 of the whole folder, that of the copy which somebody has read. The
weights are read as tensors only.
"""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError  # torch.load raises it; tensors only are read
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import BadValue, MissingExtra, NotReadable, Unsupported
from .detect import Candidate
from .volume import Volume

Numbers = NDArray[np.float64]

CONFIGS: Final = ("configs/inference.json", "configs/inference.yaml", "configs/inference.yml")
WEIGHTS: Final = "models/model.pt"
METADATA: Final = "configs/metadata.json"
PARTS: Final = ("preprocessing", "network", "detector", "detector_ops")
LAYOUT: Final = "the layout of MONAI's lung_nodule_ct_detection"
TO_LPS: Final = np.diag([-1.0, -1.0, 1.0, 1.0])  # MONAI's patient coordinates are RAS


class MonaiBundle:
    """Opens the bundle in ``folder`` on the CPU, or where ``device`` says. Reuse the instance.

    ``sha256``: of the folder, as ``bundle_sha256`` gives it. ``patch``: voxels (x, y, z) of the sliding window, where
    the bundle's own (512 x 512 x 192, some 20 GB) is too much. ``validated``: whether the site has measured it.

    Raises:
        NotReadable: a file is absent or no JSON. BadValue: the folder's hash is another, or the weights do not fit.
        Unsupported: another layout, or more than one class. MissingExtra: torch, torchvision, monai or nibabel.
    """

    def __init__(
        self,
        folder: Path,
        sha256: str,
        *,
        patch: tuple[int, int, int] | None = None,
        device: str = "cpu",
        validated: bool = False,
    ) -> None:
        found = bundle_sha256(folder)
        if found != sha256.lower():
            cure = "Read the bundle, which is code, and state the hash of what was read."
            raise BadValue(str(folder), "sha256", found, sha256 or "the hash that the site states", cure)
        self.sha256, self.validated = found, validated
        self.name = _name(folder)
        self._device = device
        self._prepare, self._detector = _opened(folder, patch, device)

    def detect(self, volume: Volume) -> tuple[Candidate, ...]:
        """The boxes' middles in the patient (mm), the mean of their three sides as the diameter; likeliest first."""
        import torch

        image = self._prepare({"image": _image(volume)})["image"]
        affine = TO_LPS @ np.asarray(image.affine, dtype=np.float64)
        inferer = self._detector.inferer
        large = inferer is not None and image.numel() >= int(np.prod(inferer.roi_size))  # as the bundle's inferer
        with torch.inference_mode():
            (boxes,) = self._detector([image.as_tensor().to(self._device)], use_inferer=large)
        corners = boxes[self._detector.target_box_key].double().cpu().numpy()
        scores = boxes[self._detector.pred_score_key].double().cpu().numpy()
        return candidates_of(corners, scores, affine)


def candidates_of(corners: Numbers, scores: Numbers, affine: Numbers) -> tuple[Candidate, ...]:
    """Boxes (N, 6) as low and high corner in voxels, their scores (N,), and the 4 x 4 of voxels to patient mm (LPS)."""
    low, high = corners[:, :3], corners[:, 3:]
    middles = (low + high) / 2 @ affine[:3, :3].T + affine[:3, 3]
    widths = ((high - low) * np.linalg.norm(affine[:3, :3], axis=0)).mean(axis=1)
    return tuple(
        Candidate((float(x), float(y), float(z)), float(widths[i]), float(np.clip(scores[i], 0, 1)))
        for i, (x, y, z) in ((i, middles[i]) for i in np.argsort(-scores, kind="stable"))
        if widths[i] > 0
    )


def bundle_sha256(folder: Path) -> str:
    """Hash of every file of the folder, with its name; what a site states after reading it.

    Raises:
        NotReadable: there is no such folder, or a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(folder).as_posix()}\x1f{content}\n".encode())
    except OSError as error:
        raise NotReadable(str(folder), "", error.strerror or "a failure", "a readable folder", "Check it.") from error
    _file(folder, WEIGHTS)
    return digest.hexdigest()


def _file(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise NotReadable(str(folder), names[0], "no such file", LAYOUT, "Unpack the whole bundle.")


def _name(folder: Path) -> str:
    try:
        told = json.loads(_file(folder, METADATA).read_text(encoding="utf-8"))
        return f"MONAI bundle {told.get('name') or told['task']} {told['version']}"
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        where = str(folder / METADATA)
        raise NotReadable(where, "", "no JSON with name and version", LAYOUT, "Unpack the bundle again.") from error


def _opened(folder: Path, patch: tuple[int, int, int] | None, device: str) -> tuple[Any, Any]:
    """(what prepares an image, the detector with its weights)."""
    config = _file(folder, *CONFIGS)
    parser = _parser()
    try:
        parser.read_config(str(config))
        lacking = [part for part in PARTS if part not in parser]
        if lacking:
            raise Unsupported(str(config), lacking[0], "nothing", LAYOUT, "Give a bundle in that layout.")
        _settle(parser, folder, patch, device)
        prepare, detector = (parser.get_parsed_content(part) for part in ("preprocessing", "detector"))
        parser.get_parsed_content("detector_ops")
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        found = f"what MONAI cannot build ({type(error).__name__})"
        raise Unsupported(str(config), "", found, LAYOUT, "Open it with the bundle's own MONAI version.") from error
    if detector.num_classes != 1:
        raise Unsupported(str(config), "num_classes", str(detector.num_classes), "1: nodule", "Give another bundle.")
    try:
        _load(detector.network, _file(folder, WEIGHTS), device)
    except (RuntimeError, UnpicklingError, KeyError, EOFError, TypeError, AttributeError) as error:
        where, cure = str(folder / WEIGHTS), "Take weights and configuration of one version."
        raise BadValue(where, "", f"no weights ({type(error).__name__})", "tensors that fit", cure) from error
    return prepare, detector.eval()


def _settle(parser: Any, folder: Path, patch: tuple[int, int, int] | None, device: str) -> None:
    """The image comes from us, not from a file; it is resampled, and runs where the caller says."""
    parser["bundle_root"] = str(folder)
    parser["device"] = f"$torch.device({device!r})"
    if "whether_raw_luna16" in parser:  # False takes the images as resampled already
        parser["whether_raw_luna16"] = True
    if patch is not None:
        parser["infer_patch_size"] = list(patch)
    steps = parser.get("preprocessing")["transforms"]
    parser["preprocessing"]["transforms"] = [s for s in steps if not str(s["_target_"]).startswith("LoadImage")]


def _load(network: Any, file: Path, device: str) -> None:
    """``model.pt``: the network's tensors, by themselves or below "model" as training handlers save them."""
    import torch

    stored = torch.load(file, map_location=device, weights_only=True)
    network.load_state_dict(stored.get("model", stored))


def _image(volume: Volume) -> Any:
    """The volume as MONAI's loaders give an image: float32 with its affine of voxels to patient mm (RAS)."""
    import torch
    from monai.data import MetaTensor

    affine = np.eye(4)
    affine[:3, :3] = (volume.axes * np.asarray(volume.spacing_mm)[:, None]).T
    affine[:3, 3] = volume.origin_mm
    hu = torch.from_numpy(volume.hu.astype(np.float32))
    return MetaTensor(hu, affine=torch.from_numpy(TO_LPS @ affine), meta={"original_channel_dim": float("nan")})


def _parser() -> Any:
    try:
        for name in ("torchvision", "nibabel"):  # MONAI builds its pyramid with one and turns images with the other
            import_module(name)
        from monai.bundle import ConfigParser
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision that is built for another torch
        allowed, cure = "torch, torchvision, monai and nibabel", "pip install 'radlogic[detect]'"
        raise MissingExtra("the detector of a MONAI bundle", "", str(error)[:200], allowed, cure) from error
    return ConfigParser()
