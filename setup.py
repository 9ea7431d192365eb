"""All is said in pyproject.toml; this adds one step: a wheel ships its guidelines and networks compiled.

Without it the first answer after an installation would wait for the compilers. An editable install
does not need it: there rules and networks are edited, and each new state is compiled when it is first read.
"""

import os
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

COMPILERS = {
    "radlogic.engine.guideline.ship": "rules/compiled",
    "radlogic.engine.fusion.compile_network": "knowledge/networks/compiled",
}


class BuildAndCompile(build_py):
    """Copies the package, then lets the copy compile its own guidelines and networks."""

    def run(self) -> None:
        """Copy, then compile where the copy is what will be installed."""
        super().run()
        if not self.editable_mode:
            built = Path(self.build_lib).resolve()
            environment = {**os.environ, "PYTHONPATH": str(built), "PYTHONDONTWRITEBYTECODE": "1"}
            for module, folder in COMPILERS.items():
                command = [sys.executable, "-m", module, str(built / "radlogic" / folder)]
                subprocess.run(command, check=True, cwd=built, env=environment)  # noqa: S603


setup(cmdclass={"build_py": BuildAndCompile})
