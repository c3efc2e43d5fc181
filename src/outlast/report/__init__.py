"""A report on a job: what was finished and given up, when and why, as one page, as Markdown or as data."""
