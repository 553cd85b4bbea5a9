"""What the dashboards show, said in code, and made into Grafana's JSON."""
