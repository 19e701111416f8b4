"""Which way each message goes: what may be said on a worker's link, by which end."""

from __future__ import annotations

from doorbell.stages.messages import (
    Beat,
    Broken,
    ButtonState,
    ButtonStuck,
    CameraState,
    Configure,
    Converse,
    CursorMoved,
    EncodePicture,
    FrameTaken,
    LendSlot,
    LightUp,
    PictureEncoded,
    PressBegan,
    PressVoid,
    Ready,
    RequestRing,
    RingAccepted,
    Rung,
    ServeHttp,
    Sessions,
    Stop,
)
from doorbell.stages.notify_messages import Deliver, Delivered
from doorbell.stages.vision_messages import (
    EngineReady,
    ExtractFaces,
    FacesExtracted,
    ForgetVisit,
    GalleryJudged,
    JudgeGallery,
    LoadGallery,
    Look,
    Seen,
)
from doorbell.stages.watching import (
    ExportSpans,
    Observe,
    SecurityNoticed,
    SpansEnded,
    SpansExported,
)

FromHub = (
    Configure
    | Stop
    | LendSlot
    | EncodePicture
    | LoadGallery
    | Look
    | ForgetVisit
    | ExtractFaces
    | JudgeGallery
    | Deliver
    | RequestRing
    | CursorMoved
    | LightUp
    | ServeHttp
    | ExportSpans
)
FromWorker = (
    Ready
    | Beat
    | Broken
    | FrameTaken
    | CameraState
    | PictureEncoded
    | Seen
    | FacesExtracted
    | GalleryJudged
    | EngineReady
    | Delivered
    | PressBegan
    | PressVoid
    | ButtonStuck
    | ButtonState
    | Rung
    | RingAccepted
    | Converse
    | Sessions
    | Observe
    | SecurityNoticed
    | SpansEnded
    | SpansExported
)
