"""`parquet:DIR` and `parquet:s3://bucket/prefix`: scans side by side in a Hive layout."""
