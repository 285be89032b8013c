"""A batch on a Dask cluster: workers on other machines, each behind a wall of its own (`desk` there, `crew` here)."""
