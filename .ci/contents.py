"""Check that an sdist and a wheel hold every file of the packages: ``python .ci/contents.py FOLDER``."""

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
    """Print what is missing; 0 if nothing is."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    in_wheel = {name.removeprefix("radlogic/") for name in zipfile.ZipFile(wheel).namelist()}
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    beside = {"pyproject.toml", "setup.py", "README.md", "LICENSE"}
    missing = [f"{wheel.name} lacks {name}" for name in sorted(wanted() - in_wheel)]
    missing += [f"{sdist.name} lacks {name}" for name in sorted((wanted() | beside) - in_sdist)]
    compiled = [name for name in in_wheel if name.startswith("rules/compiled/")]
    editions = sum(name.endswith("/guideline.yaml") for name in wanted())
    if len(compiled) != editions:
        missing.append(f"{wheel.name} has {len(compiled)} compiled guidelines for {editions} editions")
    sys.stdout.writelines(f"{line}\n" for line in missing or [f"{wheel.name}, {sdist.name}: {len(wanted())} files"])
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
