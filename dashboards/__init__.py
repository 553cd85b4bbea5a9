"""The dashboards: JSON that Grafana loads, and in build/ and render/ the code around it."""
