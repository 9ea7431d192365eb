"""All is said in pyproject.toml; this adds one step: a wheel ships its guidelines compiled.

Without it the first answer after an installation would wait for the compiler. An editable install
does not need it: there the rules are edited, and each new state is compiled when it is first read.
"""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildAndCompile(build_py):
    """Copies the package, then lets the copy compile its own guidelines."""

    def run(self) -> None:
        """Copy, then compile where the copy is what will be installed."""
        super().run()
        if not self.editable_mode:
            built = Path(self.build_lib).resolve()
            compiled = built / "radlogic" / "rules" / "compiled"
            command = [sys.executable, "-m", "radlogic.engine.guideline.ship", str(compiled)]
            environment = {**os.environ, "PYTHONPATH": str(built), "PYTHONDONTWRITEBYTECODE": "1"}
            subprocess.run(command, check=True, cwd=built, env=environment)  # noqa: S603


setup(cmdclass={"build_py": BuildAndCompile})
