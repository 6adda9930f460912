"""Golden images -> training set: cropped, cleaned, deduplicated, captioned, and accounted for.

`build_dataset` is deterministic: the same inputs give the same bytes, so a snapshot is named by its
manifest's digest, and building it again after a crash costs time but changes nothing. Every
picture gives its frame and, where there are pixels enough, its face; the manifest says where each
comes from and on whose word. A character whose consent does not hold has an empty set.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Literal

from cluster.codecs.images import decode_image, to_png
from cluster.domain.character import Character
from cluster.domain.consent import Consent
from cluster.domain.learning.golden import GoldenImage
from cluster.domain.story.scene import SceneState
from cluster.domain.value import Value, now
from cluster.errors import BadImage
from cluster.ports import BlobStore, FaceEncoder, Pixels, Tagger
from training.data.captions import close_up, looks_of, read_state, scene_caption, trigger_for
from training.data.crops import Unfit, check_face, close, frame, the_face
from training.data.curation import ImageSignature, quality_problem, same_picture, signature_of

SourceKind = Literal["reference", "golden"]
Crop = Literal["frame", "face"]

LICENCES: dict[SourceKind, str] = {
    "reference": "the uploader's, for this character's adapters",
    "golden": "output of this installation's image model, under that model's terms",
}


class SourceImage(Value):
    """A picture that may become samples. `sha256` names its blob; `state` is what it shows, None
    when nobody has said."""

    sha256: str
    kind: SourceKind
    state: SceneState | None = None
    job_id: str | None = None
    idr: float | None = None


class Sample(Value):
    """A square RGB PNG of the set's resolution, the words it is learned with, and its origin.

    `image` is the sample's blob, `source` that of the whole picture; `job_id` and `idr` are those
    of the scene that was golden.
    """

    image: str
    source: str
    crop: Crop
    caption: str
    kind: SourceKind
    job_id: str | None = None
    idr: float | None = None
    licence: str


class Dropped(Value):
    source: str
    reason: str


class Manifest(Value):
    """A training set, complete: all a training run has to be given.

    `trigger` is the captions' word for the character, `looks` what they leave out about it.
    """

    format: Literal[2] = 2
    character_id: str
    trigger: str
    looks: str
    consent: Consent
    resolution_px: int
    samples: tuple[Sample, ...]
    dropped: tuple[Dropped, ...]


def source_images(character: Character, golden: Sequence[GoldenImage]) -> tuple[SourceImage, ...]:
    """The references, then the accepted golden images, in a stable order; none of them while the
    character's consent does not hold."""
    if not character.consent.holds(now().date()):
        return ()
    accepted = sorted(
        (one for one in golden if one.accepted), key=lambda one: (one.created_at, one.job_id)
    )
    return (
        *(SourceImage(sha256=sha, kind="reference") for sha in character.references),
        *(
            SourceImage(
                sha256=one.sha256,
                kind="golden",
                state=one.state,
                job_id=one.job_id,
                idr=one.idr,
            )
            for one in accepted
        ),
    )


def inputs_digest(wanted: Sequence[SourceImage], resolution_px: int) -> str:
    """Digest of everything that decides a snapshot's samples."""
    lines = [f"format 2, {resolution_px} px", *(source.model_dump_json() for source in wanted)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class _Builder:
    """One pass over the sources; remembers what was kept, so that nothing is kept twice."""

    def __init__(
        self,
        character: Character,
        blobs: BlobStore,
        faces: FaceEncoder,
        tagger: Tagger | None,
        resolution_px: int,
    ) -> None:
        self._character, self._blobs = character, blobs
        self._faces = faces
        self._tagger = tagger if tagger and character.domain in tagger.measured_on else None
        self._resolution_px = resolution_px
        self._kept: list[tuple[ImageSignature, SourceKind]] = []

    def results(self, wanted: Sequence[SourceImage]) -> Iterator[Sample | Dropped]:
        for source in wanted:
            try:
                yield from self._samples(source)
            except (Unfit, BadImage) as reason:
                yield Dropped(source=source.sha256, reason=str(reason))

    def _samples(self, source: SourceImage) -> list[Sample]:
        pixels = decode_image(self._blobs.get(source.sha256))
        if flaw := quality_problem(pixels):
            raise Unfit(flaw)
        face = the_face(self._faces.faces(pixels))
        tags = self._tagger.tags(pixels, face.box) if self._tagger else None
        check_face(pixels, face, tags)
        whole = frame(pixels, face, self._resolution_px)
        self._keep(signature_of(pixels, face.embedding), source.kind)
        state = source.state or (read_state(tags) if tags else SceneState())
        crops = [self._sample(source, "frame", whole, state)]
        nearer = close(pixels, face, self._resolution_px)
        if nearer is not None:
            crops.append(self._sample(source, "face", nearer, close_up(state)))
        return crops

    def _keep(self, mine: ImageSignature, kind: SourceKind) -> None:
        for other, theirs in self._kept:
            if same_picture(mine, other):
                copied = kind == "golden" and theirs == "reference"
                raise Unfit(
                    "a copy of a reference" if copied else "nearly the same as an earlier one"
                )
        self._kept.append((mine, kind))

    def _sample(self, source: SourceImage, crop: Crop, pixels: Pixels, state: SceneState) -> Sample:
        character = self._character
        return Sample(
            image=self._blobs.put(to_png(pixels)),
            source=source.sha256,
            crop=crop,
            caption=scene_caption(trigger_for(character.id), character.profile, state),
            kind=source.kind,
            job_id=source.job_id,
            idr=source.idr,
            licence=LICENCES[source.kind],
        )


def build_dataset(
    character: Character,
    wanted: Sequence[SourceImage],
    blobs: BlobStore,
    faces: FaceEncoder,
    resolution_px: int,
    tagger: Tagger | None = None,
) -> tuple[str, Manifest]:
    """Make the training set of these sources: its manifest's digest, and the manifest.

    Every image and the manifest are blobs. The tagger describes references, which nobody has
    described, and looks for covered eyes, in pictures of the kind that it was measured on. Raises
    NotFound when a source's blob is gone.
    """
    builder = _Builder(character, blobs, faces, tagger, resolution_px)
    results = tuple(builder.results(wanted))
    manifest = Manifest(
        character_id=character.id,
        trigger=trigger_for(character.id),
        looks=looks_of(character.profile),
        consent=character.consent,
        resolution_px=resolution_px,
        samples=tuple(one for one in results if isinstance(one, Sample)),
        dropped=tuple(one for one in results if isinstance(one, Dropped)),
    )
    return blobs.put(manifest.model_dump_json(indent=1).encode()), manifest


def load_manifest(digest: str, blobs: BlobStore) -> Manifest:
    """The manifest of that digest. Raises NotFound."""
    return Manifest.model_validate_json(blobs.get(digest))
