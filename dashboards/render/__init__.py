"""The dashboards drawn with Grafana's own components, without a Grafana: pictures, and a proof."""
