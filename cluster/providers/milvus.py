"""Vector database: Milvus Lite in a folder of its own, or a Milvus server by URI.

A folder belongs to one process at a time. Each embedding model has a collection of its own, so
that vectors of different models can never be compared.
"""

import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import ConnectionConfigException, MilvusException

from cluster.errors import Invalid, ProviderError, ProviderMissing
from cluster.ports import Vector
from cluster.settings import MemorySettings, StoreSettings

MAX_ID_BYTES = 512
"""Milvus wants a length for every text column."""
PAGE_ROWS = 1000
"""Rows of one answer when all ids are read."""
MODEL_PROPERTY = "cineai.model"
LOCAL_GRPC = {"grpc.keepalive_time_ms": 3_600_000}
"""The server in our own process takes pymilvus's pings every 10 s for an attack, and hangs up."""
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def open_client(store: StoreSettings, memory: MemorySettings) -> MilvusClient:
    """A client of Milvus. Raises ProviderMissing when it cannot be reached or is another
    process's."""
    if memory.milvus_uri is None:
        store.folder.mkdir(parents=True, exist_ok=True)
    uri = memory.milvus_uri or str(store.folder / "vectors.db")
    token = memory.milvus_token.get_secret_value() if memory.milvus_token else ""
    for library in ("pymilvus", "milvus_lite"):  # what they log as errors they also raise
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        return MilvusClient(
            uri, token=token, grpc_options=LOCAL_GRPC if memory.milvus_uri is None else {}
        )
    except (MilvusException, ConnectionConfigException) as error:
        raise ProviderMissing(
            f"Milvus at {uri} cannot be opened: {error}",
            advice="Stop the other process that holds the folder, or correct memory.milvus_uri.",
        ) from error


class MilvusIndex:
    """Nearest neighbours, by cosine, among vectors of one embedding model of `dim` numbers."""

    def __init__(self, client: MilvusClient, model: str, dim: int) -> None:
        self._client = client
        self._model = model
        self._dim = dim
        self._name = collection_name(model)
        with _translated():
            if client.has_collection(self._name):
                self._check()
            else:
                self._create()
            client.load_collection(self._name)  # a reopened collection answers nothing before

    def upsert(self, id: str, vector: Vector, *, character_id: str, story_id: str) -> None:
        """Insert or replace: float32 (dim,), not necessarily normalised. Raises Invalid for another
        shape, ProviderError when Milvus fails."""
        row = {
            "id": id,
            "vector": self._checked(vector),
            "character_id": character_id,
            "story_id": story_id,
        }
        with _translated():
            self._client.upsert(self._name, [row])

    def search(
        self, vector: Vector, *, character_id: str, story_id: str | None, limit: int
    ) -> list[tuple[str, float]]:
        """Nearest neighbours of `vector`, float32 (dim,): ids and cosines, nearest first.

        Raises Invalid for another shape, ProviderError when Milvus fails.
        """
        wanted = f"character_id == {quoted(character_id)}"
        if story_id is not None:
            wanted += f" and story_id == {quoted(story_id)}"
        query = [self._checked(vector)]
        with _translated():
            found = self._client.search(self._name, query, filter=wanted, limit=limit)
        return [(str(hit["id"]), float(hit["distance"])) for hit in found[0]]

    def delete(self, id: str) -> None:
        """Forget a vector; one that is not there is gone already."""
        with _translated():
            self._client.delete(self._name, ids=[id])

    def ids(self) -> frozenset[str]:
        """The ids of every vector."""
        found: set[str] = set()
        with _translated():
            pages = self._client.query_iterator(
                self._name, batch_size=PAGE_ROWS, output_fields=["id"]
            )
            while page := pages.next():
                found.update(str(row["id"]) for row in page)
            pages.close()
        return frozenset(found)

    def _checked(self, vector: Vector) -> Vector:
        if vector.shape != (self._dim,):
            raise Invalid(
                f"{self._model} makes vectors of {self._dim} numbers, not {vector.shape}",
                advice="Embed with the model that the vector is said to be of.",
            )
        return vector

    def _check(self) -> None:
        found: dict[str, Any] = self._client.describe_collection(self._name)
        dims = [field["params"]["dim"] for field in found["fields"] if field["name"] == "vector"]
        model = found.get("properties", {}).get(MODEL_PROPERTY)
        if (model, dims) != (self._model, [self._dim]):
            raise ProviderError(
                f"Milvus collection {self._name} holds {model} {dims}, "
                f"not {self._model} [{self._dim}]",
                advice="Drop the collection: it is filled again from the episodes at the start.",
            )

    def _create(self) -> None:
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=MAX_ID_BYTES)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dim)
        schema.add_field("character_id", DataType.VARCHAR, max_length=MAX_ID_BYTES)
        schema.add_field("story_id", DataType.VARCHAR, max_length=MAX_ID_BYTES)
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="COSINE")
        self._client.create_collection(
            self._name,
            schema=schema,
            index_params=index,
            properties={MODEL_PROPERTY: self._model},
        )


def collection_name(model: str) -> str:
    """Letters, digits and underscores only; two models never share one."""
    digest = hashlib.sha256(model.encode()).hexdigest()[:8]
    return f"memory_{re.sub(r'[^0-9a-zA-Z]+', '_', model)[:100]}_{digest}"


def quoted(text: str) -> str:
    """A string literal of Milvus's filter language."""
    return f'"{text.translate(ESCAPES)}"'


@contextmanager
def _translated() -> Iterator[None]:
    """Turns the vendor's failures into ours."""
    try:
        yield
    except MilvusException as error:
        raise ProviderError(f"Milvus: {error}") from error
