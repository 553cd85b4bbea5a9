"""Brokers: probes that speak a broker's own words, and read how long its queues are."""
