"""The board of the device: processor, heat, disk, network, audit."""

from __future__ import annotations

from monitoring.dashboards.panel import Board, Panel, Query, Row

DEVICE = Board(
    "doorbell-device",
    "Doorbell: the device",
    "now-24h",
    (
        Row(
            "Processor and memory",
            (
                Panel(
                    "Processor",
                    "timeseries",
                    (Query("system_cpu_usage_percent", "busy"),),
                    "percent",
                    "Of all cores together.",
                ),
                Panel(
                    "Memory",
                    "timeseries",
                    (
                        Query("system_memory_usage_bytes", "taken"),
                        Query("doorbell_memory_total_bytes", "there is"),
                    ),
                    "bytes",
                    "Of the machine.",
                ),
                Panel(
                    "Memory by process",
                    "timeseries",
                    (Query("doorbell_resident_bytes", "{{worker_id}}"),),
                    "bytes",
                    "Resident; pages shared between processes count in each.",
                ),
                Panel(
                    "Heat",
                    "timeseries",
                    (
                        Query(
                            "doorbell_cpu_temperature_celsius",
                            "processor",
                            pi_only=True,
                        ),
                    ),
                    "celsius",
                    "A Pi slows down from 80 degrees.",
                ),
            ),
        ),
        Row(
            "Disk and network",
            (
                Panel(
                    "Disk",
                    "timeseries",
                    (Query("system_disk_usage_percent", "{{mount_point}}"),),
                    "percent",
                    "Used share.",
                ),
                Panel(
                    "Network",
                    "timeseries",
                    (
                        Query(
                            "rate(doorbell_network_received_bytes_total"
                            "[$__rate_interval])",
                            "received",
                        ),
                        Query(
                            "rate(doorbell_network_sent_bytes_total[$__rate_interval])",
                            "sent",
                        ),
                    ),
                    "Bps",
                    "All interfaces but loopback.",
                ),
                Panel(
                    "Wear of the card",
                    "gauge",
                    (Query("doorbell_card_wear_ratio", "{{estimate}}", pi_only=True),),
                    "percentunit",
                    "By the card's own estimate, where it gives one.",
                    width=6,
                ),
                Panel(
                    "Card works",
                    "stat",
                    (Query("doorbell_storage_working", "state.db"),),
                    "bool",
                    "0 means that rings are told from memory.",
                    width=6,
                ),
            ),
        ),
        Row(
            "Power and time",
            (
                Panel(
                    "Under-voltage and throttling",
                    "timeseries",
                    (
                        Query("doorbell_under_voltage", "under-voltage", pi_only=True),
                        Query("doorbell_throttled", "slowed down", pi_only=True),
                    ),
                    "bool",
                    "1 while it holds.",
                ),
                Panel(
                    "Clock synchronised",
                    "stat",
                    (Query("doorbell_clock_synchronised", "clock"),),
                    "bool",
                    "Without it the time of a ring is unknown.",
                    width=6,
                ),
                Panel(
                    "Running since",
                    "stat",
                    (Query("doorbell_uptime_seconds", "uptime"),),
                    "s",
                    "Since the daemon started.",
                    width=6,
                ),
            ),
        ),
        Row(
            "Audit",
            (
                Panel(
                    "Records of the audit log",
                    "timeseries",
                    (Query("doorbell_audit_tree_size", "records"),),
                    "short",
                    "It only grows. A fall is an alert.",
                ),
                Panel(
                    "Root of its tree",
                    "stat",
                    (
                        Query("doorbell_audit_root_high", "first 48 bits"),
                        Query("doorbell_audit_root_low", "next 48 bits"),
                    ),
                    "none",
                    "Kept by Prometheus, beyond the reach of who holds the device.",
                ),
            ),
        ),
        Row(
            "Monitoring itself",
            (
                Panel(
                    "Series",
                    "stat",
                    (Query("doorbell_series", "series"),),
                    "short",
                    "At most 300.",
                    width=6,
                ),
                Panel(
                    "Observations lost",
                    "stat",
                    (
                        Query(
                            "sum(increase("
                            "doorbell_observations_dropped_total[$__range]))",
                            "lost",
                        ),
                    ),
                    "short",
                    "Should be 0.",
                    width=6,
                ),
                Panel(
                    "Processes",
                    "stat",
                    (Query("doorbell_processes", "processes"),),
                    "short",
                    "Of the daemon.",
                    width=6,
                ),
                Panel(
                    "Threads",
                    "stat",
                    (Query("sum(doorbell_threads)", "threads"),),
                    "short",
                    "Of all its processes.",
                    width=6,
                ),
            ),
        ),
    ),
)
