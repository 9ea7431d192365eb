"""What a site sets for its review pages."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ..access.permissions import Actor, Permission, Role, permitted


class ReviewSettings(BaseModel):
    """All that the pages may be told; docs/review.md explains each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read_first: dict[Role, bool] = Field(default_factory=dict)  # on for every role that is not named
    images: Path | None = None  # where ``assess --store`` keeps slices; below the store if it is a folder
    rules: tuple[Path, ...] = ()  # folders of further guidelines
    page_size: int = Field(default=50, ge=1, le=500)

    def reads_first(self, actor: Actor) -> bool:
        """Whether this person commits findings before the engine's are shown.

        Who has several roles reads first if one of them does. Who may commit none (an auditor) is shown
        everything: they do not read, they look at what was read.
        """
        reading = [role for role in actor.roles if permitted((role,), Permission.COMMIT_READING)]
        return any(self.read_first.get(role, True) for role in reading)
