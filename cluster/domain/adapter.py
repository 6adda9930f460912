"""A LoRA of one character: an immutable version of its learned look."""

from datetime import datetime
from typing import Literal, NewType

from pydantic import Field

from cluster.domain.character import CharacterId
from cluster.domain.value import Value, now

AdapterId = NewType("AdapterId", str)


class AdapterVersion(Value):
    """One adapter file: `char_<character>_v<version>.safetensors`, content-addressed by sha256."""

    character_id: CharacterId
    version: int = Field(ge=1)
    sha256: str
    base_model: str
    rank: int
    alpha: float
    trigger: str | None = None
    active: bool = False
    origin: Literal["import", "training"] = "import"
    idr: float | None = Field(None, description="Mean IDR on its evaluation set, when known.")
    created_at: datetime = Field(default_factory=now)

    @property
    def id(self) -> AdapterId:
        return AdapterId(f"char_{self.character_id}_v{self.version}")


class AdapterSwitch(Value):
    """One entry of the audit: a version was activated, or ceased to be the active one."""

    character_id: CharacterId
    version: int
    active: bool
    at: datetime = Field(default_factory=now)
