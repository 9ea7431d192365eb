"""Check that an sdist and a wheel hold every file of the packages, and no litter: ``python .ci/contents.py FOLDER``."""

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("engine", "adapters", "rules", "knowledge")


def wanted() -> set[str]:
    """Paths from the checkout's root of all that is to ship."""
    files = (p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.is_file())
    return {p.relative_to(ROOT).as_posix() for p in files if "__pycache__" not in p.parts}


def main(folder: Path) -> int:
    """Print what is wrong; 0 if nothing is."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    in_wheel = {name.removeprefix("radlogic/") for name in zipfile.ZipFile(wheel).namelist()}
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    beside = {"pyproject.toml", "setup.py", "README.md", "LICENSE"}
    wrong = [f"{wheel.name} lacks {name}" for name in sorted(wanted() - in_wheel)]
    wrong += [f"{sdist.name} lacks {name}" for name in sorted((wanted() | beside) - in_sdist)]
    wrong += [f"{wheel.name} should not have {name}" for name in sorted(in_wheel) if "__pycache__" in name]
    compiled = [name for name in in_wheel if name.startswith("rules/compiled/")]
    editions = sum(name.endswith("/guideline.yaml") for name in wanted())
    if len(compiled) != editions:
        wrong.append(f"{wheel.name} has {len(compiled)} compiled guidelines for {editions} editions")
    networks = sum(name.startswith("knowledge/networks/compiled/") for name in in_wheel)
    shipped = sum(Path(name).parent.as_posix() == "knowledge/networks" and name.endswith(".yaml") for name in wanted())
    if networks != shipped:
        wrong.append(f"{wheel.name} has {networks} compiled networks for {shipped}")
    sys.stdout.writelines(f"{line}\n" for line in wrong or [f"{wheel.name}, {sdist.name}: {len(wanted())} files"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
