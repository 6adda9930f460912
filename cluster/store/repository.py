"""The base of the repositories: rows of one table, read as domain values."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from cluster.errors import NotFound
from cluster.store.database import Database
from cluster.store.rows import TableRow

R = TypeVar("R", bound=TableRow)
V = TypeVar("V")
K = TypeVar("K", bound=str | int)


class Repository(Generic[R]):
    """Each call is a transaction of its own. A sub-class names its table, and says what one of its
    things is called where it is missing."""

    row: type[R]
    noun: str

    def __init__(self, database: Database) -> None:
        self._database = database

    def _existing(self, session: Session, key: str | int, *, lock: bool = False) -> R:
        """The row of that key; locked, no other transaction may change it, and what the session had
        read of it before is read again. Raises NotFound."""
        row = session.get(self.row, key, with_for_update=lock, populate_existing=lock)
        if row is None:
            raise NotFound(self.noun, id=str(key))
        return row


class ValueRepository(Repository[R], ABC, Generic[K, R, V]):
    """One whose rows are each a domain value."""

    @staticmethod
    @abstractmethod
    def _value(row: R) -> V: ...

    def get(self, id: K) -> V:
        """Raises NotFound."""
        with self._database.read() as session:
            return self._value(self._existing(session, id))

    def _all(self, query: SelectOfScalar[R]) -> list[V]:
        with self._database.read() as session:
            return [self._value(row) for row in session.exec(query)]
