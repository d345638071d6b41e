"""Engines that run the workers of a scan: Dask, which is an extra and imported only where it is used."""
