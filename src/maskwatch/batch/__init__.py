"""Many pictures: a list cut into chunks, judged by processes or by Ray, kept as Parquet files."""
