"""An rtsp camera made of GStreamer: `/usr/bin/python3 rtsp_server.py PORT`.

Shows a moving ball as H.264. Prints the port once it listens and ends with its
standard input. `--probe` only says, by exit code, whether everything is installed.
Runs under the system's Python: GStreamer's bindings are not on PyPI.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 - versions come first

ELEMENTS = ("videotestsrc", "x264enc", "rtph264pay", "rtpbin")
PIPELINE = (
    "( videotestsrc is-live=true pattern=ball ! "
    "video/x-raw,width=640,height=360,framerate=15/1 ! "
    "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! "
    "rtph264pay name=pay0 config-interval=1 )"
)


def probe() -> int:
    """Return 0 if every element can be made."""
    missing = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
    return 1 if missing else 0


def serve(port: str) -> None:
    """Serve rtsp://127.0.0.1:PORT/door until standard input ends."""
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE)
    factory.set_shared(True)
    server.get_mount_points().add_factory("/door", factory)
    loop = GLib.MainLoop()
    server.attach(None)
    GLib.io_add_watch(0, GLib.IO_IN | GLib.IO_HUP, lambda *_: loop.quit())
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    Gst.init(None)
    if sys.argv[1] == "--probe":
        raise SystemExit(probe())
    serve(sys.argv[1])
