"""All configuration, read once from the environment (prefix `LIKENESS_`, nested with `__`).

This is the only file that reads the environment. `.env.example` lists every name; a test keeps it complete.
"""

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError
from shared.images import ImageLimits
from shared.webhooks.settings import WebhookSettings

PLACEHOLDERS = frozenset({"", "changeme", "change-me", "minioadmin", "password", "secret", "admin"})


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class LogFormat(StrEnum):
    AUTO = "auto"  # pretty on a terminal, JSON elsewhere
    JSON = "json"
    PRETTY = "pretty"


class Downloads(StrEnum):
    GATEWAY = "gateway"
    PRESIGNED = "presigned"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RedisSettings(_Section):
    url: SecretStr = Field(description="redis://[:password@]host:port/db: broker, job records, event streams")
    key_prefix: str = Field("likeness:", description="prefix of every key, so that a server can be shared")


class S3Settings(_Section):
    endpoint: str = Field(description="host:port of the object store, without a scheme")
    access_key: str = Field(description="access key id")
    secret_key: SecretStr = Field(description="secret access key; placeholders are refused")
    bucket: str = Field("likeness", description="bucket, created when it is absent")
    secure: bool = Field(False, description="use https")
    region: str = Field("us-east-1", description="region named in signatures")
    image_days: int = Field(30, ge=1, description="days until a generated image is removed")
    public_endpoint: str | None = Field(
        None, description="host:port under which clients reach the object store; default: the endpoint"
    )
    public_secure: bool | None = Field(None, description="clients use https there; default: as we do")
    downloads: Downloads = Field(
        Downloads.GATEWAY,
        description="gateway: pictures come through it; presigned: it sends clients to the object store",
    )

    @property
    def of_clients(self) -> "S3Settings":
        """As clients reach the object store."""
        secure = self.secure if self.public_secure is None else self.public_secure
        return self.model_copy(update={"endpoint": self.public_endpoint or self.endpoint, "secure": secure})

    @property
    def image_seconds(self) -> int:
        return self.image_days * 24 * 3600

    @field_validator("secret_key")
    @classmethod
    def _no_placeholder(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().lower() in PLACEHOLDERS:
            raise ValueError("is a placeholder: generate one, for example with `openssl rand -hex 24`")
        return value


class AuthSettings(_Section):
    first_key_file: Path | None = Field(
        None, description="where the first API key is written (mode 0600) instead of being printed"
    )
    cache_seconds: float = Field(5, ge=0, description="how long a key is trusted before it is read again")


class LimitSettings(_Section):
    body_bytes: int = Field(64 * 2**20, gt=0, description="largest request body")
    image_bytes: int = Field(24 * 2**20, gt=0, description="largest image file")
    image_pixels: int = Field(50 * 2**20, gt=0, description="most pixels an image may decode to")
    jpeg_pixels: int = Field(
        200_000_000, gt=0, description="most pixels of a JPEG that is not progressive: it is scaled down while decoded"
    )
    image_side: int = Field(16_384, gt=0, description="longest side of an image, px")
    image_min_side: int = Field(16, gt=0, description="shortest side of an image, px")
    fast_side: int = Field(4096, gt=0, description="longest side of a fast stylisation, px")
    fine_side: int = Field(4096, gt=0, description="longest side of a fine stylisation, px")
    fine_steps: int = Field(1000, gt=0, description="most steps of a fine stylisation")
    upload_bytes: int = Field(
        512 * 2**20, gt=0, description="largest file that is sent to the object store and referred to"
    )
    open_uploads: int = Field(1000, gt=0, description="most such files of a tenant that are not used yet")
    event_streams: int = Field(32, ge=0, description="event streams open at a time in one gateway (a tenant: 3/4)")
    waiting_requests: int = Field(
        48,
        ge=0,
        description="requests that wait for their job (`Prefer`) at a time in one gateway (a tenant: 3/4)",
    )
    batch_items: int = Field(10_000, gt=0, description="most pictures of one batch")
    batch_bytes: int = Field(128 * 2**20, gt=0, description="largest body of a batch, and most its ZIP may hold")
    style_memory_bytes: int = Field(29 * 2**28, gt=0, description="most memory that one stylisation may need")
    styles: int = Field(1000, ge=0, description="most styles of a tenant's own in the library")

    @property
    def images(self) -> ImageLimits:
        """Those that hold for every picture."""
        return ImageLimits(
            max_bytes=self.image_bytes,
            max_pixels=self.image_pixels,
            max_side=self.image_side,
            min_side=self.image_min_side,
            max_jpeg_pixels=self.jpeg_pixels,
        )


class RateSettings(_Section):
    key_per_minute: int = Field(6000, ge=0, description="requests per minute of one API key; 0: no limit")
    person_per_minute: int = Field(60, ge=0, description="verifications per minute of one person; 0: no limit")
    person_failures: int = Field(
        10, ge=0, description="failed verifications of one person, and those under way, before a lock; 0: no lock"
    )
    failure_seconds: float = Field(300, gt=0, description="how long a failed verification counts")
    lock_seconds: float = Field(300, gt=0, description="how long nobody can verify as that person then")
    person_failures_per_day: int = Field(
        100,
        ge=0,
        description="failed verifications of one person in a day, whatever succeeds, "
        "before a lock until the first is a day old; 0: none",
    )
    person_enrolments_per_day: int = Field(
        100,
        ge=0,
        description="photos sent to enrol one person in a day; at least as many as the gallery keeps; 0: no limit",
    )
    liveness_per_minute: int = Field(60, ge=0, description="liveness sessions per minute of one API key; 0: no limit")
    idempotency_seconds: int = Field(24 * 3600, gt=0, description="how long an Idempotency-Key is remembered")


class FrontSettings(_Section):
    cors_origins: str = Field(
        "", description="origins whose pages may call the API, with commas between: https://app.example.com"
    )
    https: bool = Field(False, description="clients reach the gateway by https only: tell browsers so (HSTS)")

    @property
    def origins(self) -> frozenset[str]:
        return frozenset(origin.strip() for origin in self.cors_origins.split(",") if origin.strip())

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        for origin in filter(None, map(str.strip, value.split(","))):
            if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+", origin):
                raise ValueError(f"{origin!r} is no origin: write scheme, host and port, without a path")
        return value


class JobSettings(_Section):
    lease_seconds: float = Field(15, gt=0, description="a worker silent for so long has lost its job")
    max_attempts: int = Field(5, ge=1, description="attempts before a job becomes a dead letter")
    republish_seconds: float = Field(20, gt=0, description="age at which a queued job's message counts as lost")
    retry_seconds: float = Field(2, ge=0, description="delay before the second attempt; doubles each time")
    retention_seconds: int = Field(24 * 3600, gt=0, description="how long a finished job can be read")
    face_deadline: float = Field(120, gt=0, description="seconds from acceptance until a face job expires")
    style_deadline: float = Field(3600, gt=0, description="seconds until a stylisation expires")
    evaluation_deadline: float = Field(
        3600, gt=0, description="seconds until an evaluation, calibration or training expires"
    )
    queue_limit: int = Field(10_000, gt=0, description="queued jobs per queue before 503")
    interactive_limit: int = Field(500, gt=0, description="the same of queues that somebody is waiting for")
    batch_window: int = Field(64, ge=1, description="most items of one batch that wait in the queue")


class WorkerSettings(_Section):
    face_threads: int = Field(16, ge=1, description="face jobs in flight in one worker")
    style_threads: int = Field(2, ge=1, description="stylisations in flight; their steps alternate on the device")
    checkpoint_seconds: float = Field(30, gt=0, description="time between two checkpoints of a long stylisation")
    batch_size: int = Field(32, ge=1, description="most faces embedded in one forward pass")
    batch_wait_ms: float = Field(5, ge=0, description="longest wait for a batch to fill")
    torch_threads: int = Field(0, ge=0, description="CPU threads of one operation; 0: as many as cores")
    resident_templates: int = Field(
        2_000_000, gt=0, description="templates kept in memory before the least used gallery goes"
    )
    stall_seconds: float = Field(60, gt=0, description="a worker idle so long while its queue is not empty ends itself")
    ready_file: Path | None = Field(None, description="touched every 3 s while the models are warm, for probes")


class Settings(BaseSettings):
    """The whole configuration. Secrets are masked wherever it is printed."""

    model_config = SettingsConfigDict(
        env_prefix="LIKENESS_", env_nested_delimiter="__", frozen=True, extra="ignore", populate_by_name=True
    )

    device: Device = Field(
        Device.AUTO,
        validation_alias=AliasChoices("LIKENESS_DEVICE", "DEVICE"),
        description="auto | cpu | cuda; cuda without CUDA refuses to start",
    )
    log_format: LogFormat = Field(LogFormat.AUTO, description="auto | json | pretty")
    log_level: str = Field("info", description="debug | info | warning | error")
    weights_dir: Path | None = Field(None, description="a directory of original weight files, tried first")
    weights_cache: Path | None = Field(
        None, description="where checked weights are kept; default ~/.cache/likeness/weights"
    )
    redis: RedisSettings
    s3: S3Settings
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    jobs: JobSettings = JobSettings()
    rates: RateSettings = RateSettings()
    front: FrontSettings = FrontSettings()
    workers: WorkerSettings = WorkerSettings()
    webhooks: WebhookSettings = WebhookSettings()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: a value is missing or wrong; the message names its environment variable.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = "; ".join(
            f"{variable}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
            for variable in _variables(item["loc"])
        )
        raise ConfigurationError(f"Configuration is not usable: {problems}. See .env.example.") from None


def names_servers() -> bool:
    """Whether the environment says anything about Redis or the object store."""
    return any(name.startswith(("LIKENESS_REDIS__", "LIKENESS_S3__")) for name in os.environ)


def _variables(location: tuple[int | str, ...]) -> list[str]:
    """The environment variables behind a place in the settings; a missing section is all it requires."""
    name = "LIKENESS_" + "__".join(str(part).upper() for part in location)
    field = Settings.model_fields.get(str(location[0]))
    section = field.annotation if field and len(location) == 1 else None
    if not (isinstance(section, type) and issubclass(section, BaseModel)):
        return [name]
    return [f"{name}__{key.upper()}" for key, value in section.model_fields.items() if value.is_required()]
