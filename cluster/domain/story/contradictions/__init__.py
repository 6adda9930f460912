"""Contradictions: what a change presupposes and the story's state denies.

Three levels. `contradiction`: the two cannot both be. `question`: the state knows nothing of it, so
it is a new detail or an error, and only a person can say. Silence: everything else. Each names
both sides with the words that say so.
"""

from .clash import Clash, Level
from .examination import examine

__all__ = ["Clash", "Level", "examine"]
