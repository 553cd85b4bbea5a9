"""What several tests share: servers of another make, processes, waiting."""
