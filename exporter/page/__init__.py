"""The status page: snapshots, samples and an hour of latencies in, one page of HTML out."""
