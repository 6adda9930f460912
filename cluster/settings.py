"""The one Settings object: serve_config.yaml args, then CINEAI_SECTION__FIELD, then defaults."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, SecretStr, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

ASSETS = Path(__file__).parent / "assets"


class Section(BaseModel):
    """One part of the settings: frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def partial_of(model: type[Section]) -> type[Section]:
    """`model` with every field optional, of the same types and ranges; `model_fields_set` says
    which were given."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        optional: Any = Union[field.annotation, None]  # noqa: UP007 - a value, not an annotation
        for bound in field.metadata:
            optional = Annotated[optional, bound]
        fields[name] = (optional, Field(None, description=field.description))
    return create_model(f"{model.__name__}Changes", __base__=Section, __module__=__name__, **fields)


class StoreSettings(Section):
    """Where rows, blobs and durable workflows live: under `home`, unless a URL says otherwise."""

    home: Path = Field(
        Path("~/.local/share/cineai"),
        description="Folder of everything this installation keeps; `~` is the user's own.",
    )
    database_url: str | None = Field(
        None,
        description="SQLAlchemy URL of the metadata database, such as postgresql://user@host/db; "
        "null: SQLite (WAL) under home.",
    )
    blobs_url: str | None = Field(
        None,
        description="fsspec URL of pictures and adapters, such as s3://bucket/prefix; null: a "
        "folder under home.",
    )

    @property
    def folder(self) -> Path:
        """`home` as an absolute place, `~` resolved."""
        return self.home.expanduser()

    @property
    def sql_url(self) -> str:
        """SQLAlchemy URL of the metadata database."""
        return self._given_url or f"sqlite:///{self.folder / 'cineai.db'}"

    @property
    def workflow_url(self) -> str:
        """DBOS system database: its own SQLite file, or the same Postgres database."""
        return self._given_url or f"sqlite:///{self.folder / 'workflows.db'}"

    @property
    def _given_url(self) -> str | None:
        """As it was given, but always spoken through psycopg 3."""
        url = self.database_url
        return url and url.replace("postgresql://", "postgresql+psycopg://", 1)

    @property
    def blob_root(self) -> str:
        """fsspec URL of the blobs."""
        return self.blobs_url or f"file://{self.folder / 'blobs'}"


class MemorySettings(Section):
    """What is remembered of earlier scenes, and for how long wounds show."""

    milvus_uri: str | None = Field(
        None, description="URI of a Milvus server; null: Milvus Lite under store.home."
    )
    milvus_token: SecretStr | None = Field(
        None, description="Token of that server, `user:password` or a key; null: none."
    )
    text_encoder: Literal["e5", "off"] = Field(
        "e5",
        description="Sentence encoder of recall: multilingual-e5-small, or off: scenes are then "
        "recalled by their order alone.",
    )
    recent_scenes: int = Field(
        3, ge=1, le=50, description="Scenes of a story that count as recent when one is planned."
    )
    cut_heals_after_scenes: int = Field(
        6, ge=1, description="Scenes after which a cut no longer shows."
    )
    bruise_heals_after_scenes: int = Field(4, ge=1, description="The same of a bruise.")
    blood_fades_after_scenes: int = Field(2, ge=1, description="The same of blood.")
    bandage_stays_scenes: int = Field(4, ge=1, description="Scenes for which a bandage is worn.")


class PromptSettings(Section):
    """How requests in plain words are understood."""

    reader: Literal["auto", "embedded"] = Field(
        "auto",
        description="Reader of requests; embedded: grammar and dictionaries, English, no network. "
        "auto: the best that is there.",
    )


class GeneratorSettings(Section):
    """The painting model. What is null is read from the model: see `cineai doctor`."""

    model: str = Field(
        "studio",
        min_length=1,
        description="`studio` (embedded), a diffusers folder (the same on every node), or the id "
        "of a model in the Hugging Face cache.",
    )
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    steps: int | None = Field(
        None, ge=1, le=200, description="Denoising steps of a picture; null: the model's own."
    )
    guidance: float | None = Field(
        None, ge=0, le=30, description="Classifier-free guidance scale; null: the model's own."
    )
    guidance_start_lora: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of the noise that is gone before pictures with an adapter are guided "
        "(UNets); null: the model's own.",
    )
    negative_prompt: str | None = Field(
        None,
        description="What to keep out of every picture, in the model's words; null: the model's "
        "own; empty: nothing.",
    )
    max_side_px: int = Field(
        2048, ge=64, description="Longest side of a picture that may be asked for."
    )
    adapter_slots: int = Field(8, ge=1, le=256, description="Adapters served at the same time.")
    adapter_max_rank: int = Field(
        32, ge=1, le=256, description="Largest rank served; every slot has room for it."
    )
    max_batch_size: int = Field(4, ge=1, le=64, description="Pictures painted at once.")
    batch_wait_s: float = Field(
        0.01, ge=0, le=10, description="How long an idle generator waits for a second order."
    )
    compile: bool = Field(
        False, description="torch.compile: a slow start, then faster pictures on a GPU."
    )
    ip_adapter: Path | None = Field(
        None,
        description="Image-prompt adapter (FaceID form) through which references reach the model; "
        "null: ip_adapter/ip_adapter.safetensors in the model's folder, where there is one.",
    )
    reference_scale: float = Field(
        1.0, ge=0, le=2, description="Strength of references on pictures without an adapter."
    )
    reference_scale_lora: float = Field(
        0.0, ge=0, le=2, description="Strength of references beside a character's own adapter."
    )


class IdentitySettings(Section):
    """The face models by which pictures are judged."""

    pack: str = Field(
        "studio",
        description="studio (YuNet + SFace), a folder of ONNX files, or an InsightFace pack name.",
    )
    accept_noncommercial_licence: bool = Field(
        False, description="true: you may use InsightFace's own packs, which are not free to all."
    )
    models_home: Path = Field(
        Path("~/.cache/cineai"), description="Folder of face models and of calibrations of yours."
    )


class RepairSettings(Section):
    """What is done about a picture whose face is not, or not surely, the character's."""

    max_repairs: int = Field(
        2, ge=0, le=5, description="Times a face is painted again in place, at most."
    )
    rerenders: int = Field(1, ge=0, le=5, description="Fresh renders with another seed, at most.")
    margin: float = Field(
        1.6, ge=1.0, le=4.0, description="Side of the repainted square, in widths of the face."
    )


class JobSettings(Section):
    """The durable queue of scenes."""

    concurrency: int = Field(4, ge=1, description="Jobs in flight a Director replica.")
    poll_interval_s: float = Field(0.1, gt=0, description="How often the queue is looked at.")
    sweep_interval_s: float = Field(
        10.0, gt=0, description="How often jobs that were never enqueued are looked for."
    )


class LearnerSettings(Section):
    """Training sets, and when they are trained."""

    resolution_px: int | None = Field(
        None,
        ge=64,
        le=2048,
        multiple_of=8,
        description="Side of training pictures; null: the model's own. Not above the size that "
        "the model was made for.",
    )
    debounce_s: float = Field(5.0, ge=0, description="A set is rebuilt when quiet for this long.")
    retry_s: float = Field(60.0, gt=0, description="Wait after a failure; doubled after each.")
    automatic: bool = Field(True, description="false: only `cineai learn run` trains.")
    more_than_images: int = Field(
        30, ge=1, description="Training begins above this many images; references count."
    )
    new_images: int = Field(
        10, ge=1, description="New images before the next run; doubled by a refusal."
    )
    settle_s: float = Field(5.0, ge=0, description="Training waits until a set was left alone.")
    at_once: int = Field(1, ge=0, description="Trainings at a time; 0: they wait in the queue.")
    attempts: int = Field(4, ge=1, description="Attempts at a run whose training fails.")
    poll_s: float = Field(1.0, gt=0, description="How often the training queue is looked at.")


class GateSettings(Section):
    """A challenger is promoted when its IDR is better, by the paired bootstrap at `confidence`,
    and nothing else got worse by more than its margin (in the measure's own units)."""

    scenes: int = Field(
        24,
        ge=2,
        description="Prompts and seeds, the same for both; with fewer than 24 chance alone "
        "promotes too often.",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the bootstrap's interval.")
    resamples: int = Field(4000, ge=1000, description="Draws of the bootstrap.")
    face_margin: float = Field(0.05, ge=0, description="Share of pictures that show a face.")
    adherence_margin: float = Field(0.05, ge=0, description="Share of what was asked and seen.")
    variety_margin: float = Field(0.03, ge=0, description="Mean distance between pictures.")
    copy_margin: float = Field(0.1, ge=0, description="Mean likeness to the nearest image.")
    batch_size: int = Field(4, ge=1, description="Pictures that are painted together.")


class RegistrySettings(Section):
    """How long the registry waits for the replicas that paint."""

    stage_timeout_s: float = Field(
        10.0, gt=0, description="A promotion goes on without those that have not staged it by then."
    )
    lapse_s: float = Field(3.0, gt=0, description="Past its time by this much, a replica is dead.")
    rejoin_s: float = Field(2.0, ge=0, description="After a restart, for replicas to call again.")


class Recipe(Section):
    """How one adapter is trained; training/lora/presets.py fills it by model family."""

    layers: Literal["attention", "feed_forward", "linear", "all"] = Field(
        description="Attention only; with feed-forward; every linear layer; convolutions as well."
    )
    rank: int = Field(ge=1, le=128, description="Inner width of every adapted layer's change.")
    alpha: float = Field(gt=0, description="The adapter's output is scaled by alpha / rank.")
    learning_rate: float = Field(gt=0, description="Peak learning rate of AdamW.")
    steps: int = Field(ge=1, description="Optimiser steps, at most.")
    max_minutes: float = Field(gt=0, description="Fewer steps are made when these take longer.")
    min_steps: int = Field(1, ge=1, description="With fewer an adapter is worth nothing.")
    batch_size: int = Field(ge=1, description="Pictures a step, of all workers together.")
    warmup_steps: int = Field(
        20, ge=0, description="Steps in which the learning rate rises; then a cosine."
    )
    weight_decay: float = Field(0.01, ge=0, description="Of AdamW, decoupled.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    ema_decay: float = Field(
        0.99, ge=0, lt=1, description="Decay of the weights' moving average, which is what is kept."
    )
    snr_gamma: float = Field(
        5.0, gt=0, description="Of min-SNR weighting; flow models have no use for it."
    )
    identity_weight: float = Field(
        0.0, ge=0, description="Of a face recogniser's loss, beside the denoiser's own."
    )
    detail_weight: float = Field(
        0.0, ge=0, description="How much more an error in an eye counts, or where a mark is."
    )
    caption_dropout: float = Field(0.05, ge=0, lt=1, description="Share of captions left empty.")
    prior_share: float = Field(
        0.0, ge=0, lt=1, description="Share of a batch that shows other people, without trigger."
    )
    prior_pictures: int = Field(0, ge=0, description="Painted by the base model beforehand.")
    gradient_checkpointing: bool = Field(
        False, description="Activations are computed again: less memory, about a third slower."
    )
    checkpoint_every: int = Field(100, ge=1, description="Steps between checkpoints.")
    probe_every: int = Field(ge=1, description="Steps between two looks at what it paints.")
    probes: int = Field(8, ge=0, description="Pictures a look; 0: the last step is taken.")
    patience: int = Field(4, ge=1, description="Looks without a better one until it stops.")
    seed: int = Field(0, description="Of every random draw of a run.")


if TYPE_CHECKING:
    RecipeChanges = Section  # mypy does not follow a model that is made at run time
else:
    RecipeChanges = partial_of(Recipe)
    """Single fields of a Recipe; those that are left out stay the preset's."""


class TrainingSettings(Section):
    """Where and how adapters are trained."""

    preset: Literal["auto", "studio", "sd15", "sdxl", "transformer"] = Field(
        "auto", description="Recipe to start from; auto: that of the model's profile."
    )
    recipe: RecipeChanges = Field(
        default_factory=RecipeChanges, description="Single fields of the recipe, over the preset's."
    )
    workers: int = Field(1, ge=1, description="Ray Train workers; each takes a GPU, if any.")
    gpu: bool | None = Field(None, description="null: when one is to be had.")
    threads: int | None = Field(
        None, ge=1, description="CPU threads of a worker; null: an equal share of the cores."
    )
    max_failures: int = Field(3, ge=0, description="Workers lost before a run fails.")
    runs_url: str | None = Field(
        None, description="Checkpoints: a folder or URL that all workers reach; null: under home."
    )
    report_every: int = Field(5, ge=1, description="Steps between two reports of progress.")


class GatewaySettings(Section):
    """The HTTP service: where it listens, who may ask, and how much at once."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0: all of them.")
    port: int = Field(8000, ge=0, le=65535, description="TCP port; 0: any free one.")
    require_key: bool | None = Field(
        None, description="Whether requests need an API key; null: unless bound to loopback."
    )
    max_json_bytes: int = Field(
        2**20, ge=1, description="Body of a request that is not an upload, at most."
    )
    max_upload_bytes: int = Field(
        512 * 2**20, ge=1, description="Body of a whole upload request, at most."
    )
    max_image_bytes: int = Field(
        20 * 2**20, ge=1, description="File of one reference image, at most."
    )
    max_image_px: int = Field(
        50_000_000, ge=1, description="Width times height of a reference image, at most."
    )
    max_references: int = Field(50, ge=1, description="Reference images of a character, at most.")
    reference_side_px: int = Field(
        2048, ge=64, description="A reference image is kept with its longer side at most this."
    )
    poll_interval_s: float = Field(0.25, gt=0, description="How often an event stream looks.")
    heartbeat_s: float = Field(
        15.0, gt=0, description="Silence after which an event stream says that it is alive."
    )
    max_stream_s: float = Field(
        900.0, gt=0, description="An event stream is then closed; clients resume it."
    )
    ready_timeout_s: float = Field(5.0, gt=0, description="A part that is slower is not ready.")
    key_cache_s: float = Field(
        10.0, ge=0, description="A revoked API key works for at most this long."
    )

    @property
    def keys_required(self) -> bool:
        """Whether requests must carry an API key."""
        if self.require_key is not None:
            return self.require_key
        return self.host not in {"127.0.0.1", "localhost", "::1"}

    @property
    def local_url(self) -> str:
        """Under which this machine reaches what listens on `host` and `port`."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class TelemetrySettings(Section):
    """Logs on standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe message that is logged."
    )
    format: Literal["json", "console"] = Field(
        "json", description="One JSON object a line, or text for people."
    )


class Settings(BaseSettings):
    """Everything that can be set. Environment: CINEAI_SECTION__FIELD."""

    model_config = SettingsConfigDict(
        env_prefix="CINEAI_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    store: StoreSettings = StoreSettings()
    memory: MemorySettings = MemorySettings()
    prompt: PromptSettings = PromptSettings()
    generator: GeneratorSettings = GeneratorSettings()
    identity: IdentitySettings = IdentitySettings()
    repair: RepairSettings = RepairSettings()
    jobs: JobSettings = JobSettings()
    learner: LearnerSettings = LearnerSettings()
    registry: RegistrySettings = RegistrySettings()
    training: TrainingSettings = TrainingSettings()
    gate: GateSettings = GateSettings()
    gateway: GatewaySettings = GatewaySettings()
    telemetry: TelemetrySettings = TelemetrySettings()
