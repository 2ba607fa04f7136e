"""The settings of webhooks; a section of shared/settings.py, which reads the environment."""

import math
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class WebhookSettings(BaseModel):
    """Where webhooks may go, how often they are tried, how much of them is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_http: bool = Field(False, description="webhooks may go to http:// too; for development")
    ports: str = Field("80,443,8080,8443", description="ports that webhooks may go to; ranges as well: 443,1024-65535")
    networks: str = Field(
        "",
        description="private networks that webhooks may go to nonetheless, for example 10.0.12.0/24,fd12::/64; "
        "all others are refused",
    )
    ca_file: Path | None = Field(
        None, description="certificates (PEM) that receivers are trusted by, instead of the public ones"
    )
    timeout_seconds: float = Field(15, gt=0, le=60, description="longest time of one attempt, from DNS to the answer")
    retry_seconds: str = Field(
        "5,300,1800,7200,18000,36000,50400,72000,86400",
        description="delays before the second attempt, the third, and so on: three days by default",
    )
    per_tenant: int = Field(20, ge=1, le=100, description="most webhooks of a tenant")
    waiting: int = Field(5000, ge=1, description="most deliveries of one webhook that wait; what comes then is dropped")
    concurrency: int = Field(4, ge=1, description="attempts under way to one webhook; 1 while it fails")
    threads: int = Field(32, ge=1, description="attempts under way in one worker")
    disable_after: int = Field(
        3, ge=1, description="deliveries in a row that fail on every attempt before their webhook is disabled"
    )
    log_days: int = Field(7, ge=1, description="days that finished deliveries can be read")
    log_entries: int = Field(2000, ge=1, description="finished deliveries kept of one webhook")

    @property
    def allowed_ports(self) -> tuple[range, ...]:
        return tuple(_port_range(part) for part in _parts(self.ports))

    @property
    def allowed_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(part) for part in _parts(self.networks))

    @property
    def retry_delays(self) -> tuple[float, ...]:
        """In seconds; there is one attempt more than there are of these."""
        return tuple(float(part) for part in _parts(self.retry_seconds))

    @property
    def log_seconds(self) -> int:
        return self.log_days * 24 * 3600

    @field_validator("ports", "networks", "retry_seconds")
    @classmethod
    def _readable(cls, value: str, info: ValidationInfo) -> str:
        """Say at the start what is wrong with a list."""
        match info.field_name:
            case "ports":
                list(map(_port_range, _parts(value)))
            case "networks":
                list(map(ip_network, _parts(value)))
            case _:
                if any(not math.isfinite(float(part)) or float(part) < 0 for part in _parts(value)):
                    raise ValueError("a delay is a number of seconds, 0 or more")
        return value


def _parts(text: str) -> list[str]:
    """Of a list with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _port_range(text: str) -> range:
    """`443` or `1024-65535`. Raises ValueError."""
    first, _, last = text.partition("-")
    found = range(int(first), int(last or first) + 1)
    if not found or found[0] < 1 or found[-1] > 65535:
        raise ValueError(f"{text!r} is no range of ports")
    return found
