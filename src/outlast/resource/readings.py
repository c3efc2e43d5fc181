"""What is measured: the names of the metrics and what they mean."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["METRICS", "Readings", "Value"]

Value = float | int | str | None
Readings = Mapping[str, Value]
"""Metrics by name; None where a value is not known (yet)."""

METRICS: Mapping[str, str] = MappingProxyType(
    {
        "timestamp": "when it was measured: ISO 8601, UTC",
        "monotonic": "the same on the monotonic clock, in seconds",
        "memory_usage": "MB of this job: its own process, everything it started, its browsers",
        "memory_method": "how `memory_usage` is known: `pss`, `estimate` or `rss`",
        "memory_pss_age": "seconds since the last exact measurement that the estimate is calibrated by",
        "memory_percent": "used memory in percent of the limit that applies",
        "memory_available": "MB that are left below that limit",
        "memory_used_mb": "MB used below that limit, by everybody that it applies to",
        "memory_limit_mb": "that limit, in MB",
        "memory_limit_source": "where that limit comes from: `cgroup` or `host`",
        "swap_percent": "used swap, in percent",
        "cpu_usage": "CPU of this job and its browsers, in percent of all the cores it may use",
        "tree_cpu_percent": "the same in percent of one core",
        "cores_granted": "the cores it may use, by affinity and quota",
        "disk_usage": "MB used on the file system of the storage path",
        "disk_free": "MB free there for this user",
        "disk_percent": "used there, in percent of what this user may use",
        "inodes_free": "files that can still be made there",
        "tmp_free_mb": "MB free where temporary files go",
        "shm_free_mb": "MB free in `/dev/shm`, which Chromium uses",
        "network_connections": "TCP connections of the job and its browsers",
        "process_count": "processes of the job: its own, what it started, its browsers",
        "process_rss_mb": "resident MB of its own process",
        "process_threads": "threads of its own process",
        "process_fds": "open files of its own process",
        "process_fd_limit": "how many it may have open",
        "zombie_children": "processes of the job that ended and were not collected",
        "tree_rss_mb": "resident MB summed over all processes, shared memory counted many times",
        "browser_memory": "MB of the browsers and their children",
        "browser_processes": "processes of the browsers",
        "browser_uptime": "seconds that the oldest browser has been up",
        "cgroup_oom_kills": "processes that the kernel killed in this control group since the monitor began",
        "psi_memory_some_avg10": "percent of the last 10 s in which something waited for memory",
        "psi_memory_full_avg10": "percent of the last 10 s in which everything waited for memory",
        "load1": "the load average of the last minute",
        "event_loop_lag": "the longest that the event loop was late in the last `monitoring_interval`, in seconds, while a session runs",
        "sample_cost_ms": "CPU that this sample cost, in milliseconds",
        "sampling_errors": "measurements that have failed so far",
    }
)
"""Every metric, in the order of the reference."""
