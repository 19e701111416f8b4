"""The settings as one immutable value, as every process gets them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from config.alerts import Alerts
from config.audit import Audit
from config.backup import Backup
from config.deploy import Deploy
from config.door import Button, Camera, Chime
from config.logs import Log
from config.metrics_settings import Metrics, Operations
from config.notify import Notify
from config.sections import (
    Control,
    Features,
    Profile,
    Section,
    Storage,
    Supervision,
    Visit,
)
from config.synthetic import Synthetic
from config.tracing import Tracing
from config.vision import Vision
from config.web import Web


class ProductionSettings(Section, frozen=True):
    """All sections of `doorbell.toml`, validated."""

    profile: Annotated[
        Profile,
        Meta(
            description="`development` and `testing` log more and allow fakes "
            "without a warning"
        ),
    ] = "production"
    button: Button = Button()
    chime: Chime = Chime()
    camera: Camera = Camera()
    vision: Vision = Vision()
    notify: Notify = Notify()
    visit: Visit = Visit()
    storage: Storage = Storage()
    control: Control = Control()
    log: Log = Log()
    audit: Audit = Audit()
    supervision: Supervision = Supervision()
    metrics: Metrics = Metrics()
    operations: Operations = Operations()
    alerts: Alerts = Alerts()
    backup: Backup = Backup()
    synthetic: Synthetic = Synthetic()
    features: Features = Features()
    deploy: Deploy = Deploy()
    web: Web = Web()
    tracing: Tracing = Tracing()
