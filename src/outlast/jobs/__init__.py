"""One job's life: the public API, and what a run is made of."""

from outlast.jobs.context import Context
from outlast.jobs.job import Job, job
from outlast.jobs.outcome import ExitCode, Outcome, Summary
from outlast.jobs.run import Done, Progress, Run

__all__ = ["Context", "Done", "ExitCode", "Job", "Outcome", "Progress", "Run", "Summary", "job"]
