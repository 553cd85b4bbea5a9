"""What others load: rule files for Prometheus or Grafana, and Alertmanager's configuration."""
