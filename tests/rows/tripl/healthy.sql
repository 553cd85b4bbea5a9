-- A tripl at work: configurations that are collected, one that fails, a demo that pauses.
INSERT INTO projects (id, slug, is_demo) VALUES
  ('00000000-0000-0000-0000-0000000000a1', 'shop', false),
  ('00000000-0000-0000-0000-0000000000a2', 'demo', true);
INSERT INTO data_sources (id, name, db_type, last_test_at, last_test_status) VALUES
  ('00000000-0000-0000-0000-0000000000b1', 'warehouse', 'clickhouse', now(), 'success'),
  ('00000000-0000-0000-0000-0000000000b2', 'new', 'postgres', NULL, NULL);
INSERT INTO scan_configs (id, data_source_id, project_id, name, interval, time_column, updated_at)
SELECT ('00000000-0000-0000-0000-0000000000' || id)::uuid, '00000000-0000-0000-0000-0000000000b1',
  ('00000000-0000-0000-0000-0000000000' || project)::uuid, name, "interval"::scan_interval, "column",
  now() - interval '30 days'
FROM (VALUES
  ('c1', 'a1', 'orders', '1h', 'ts'),
  ('c2', 'a1', 'fails', '1h', 'ts'),
  ('c3', 'a2', 'a demo that pauses', '1h', 'ts'),
  ('c4', 'a1', 'by hand', NULL, 'ts'),
  ('c5', 'a1', 'long at work', '15m', 'ts')
) AS v(id, project, name, "interval", "column");
-- Hourly and well, but for one failure; a manual scan is no collection.
INSERT INTO scan_jobs (id, scan_config_id, status, started_at, completed_at, created_at, updated_at, result_summary)
SELECT gen_random_uuid(), '00000000-0000-0000-0000-0000000000c1',
  (CASE n WHEN 2 THEN 'failed' ELSE 'completed' END)::scan_job_status,
  at, at + interval '1 min', at, at + interval '1 min', '{"mode": "metrics_collection"}'
FROM generate_series(0, 5) AS n, LATERAL (SELECT now() - n * interval '1 hour' - interval '40 min') AS t(at);
-- Two failures in a row are no three.
INSERT INTO scan_jobs (id, scan_config_id, status, started_at, completed_at, created_at, updated_at, result_summary)
SELECT gen_random_uuid(), '00000000-0000-0000-0000-0000000000c2', status::scan_job_status, at, at, at, at,
  '{"mode": "metrics_collection"}'
FROM (VALUES ('failed', interval '40 min'), ('failed', '100 min'), ('completed', '160 min')) AS v(status, ago),
  LATERAL (SELECT now() - ago) AS t(at);
INSERT INTO scan_jobs (id, scan_config_id, status, started_at, created_at, updated_at, result_summary) VALUES
  (gen_random_uuid(), '00000000-0000-0000-0000-0000000000c5', 'running', now() - interval '50 min',
   now() - interval '50 min', now() - interval '50 min', '{"mode": "metrics_collection"}');
INSERT INTO alert_destinations (id, project_id, type, name)
  VALUES ('00000000-0000-0000-0000-0000000000d1', '00000000-0000-0000-0000-0000000000a1', 'slack', 'ops');
INSERT INTO alert_rules (id, destination_id, name)
  VALUES ('00000000-0000-0000-0000-0000000000e1', '00000000-0000-0000-0000-0000000000d1', 'spikes');
INSERT INTO alert_deliveries (id, project_id, scan_config_id, destination_id, rule_id, channel, status, sent_at, created_at, updated_at)
SELECT gen_random_uuid(), '00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-0000000000c1',
  '00000000-0000-0000-0000-0000000000d1', '00000000-0000-0000-0000-0000000000e1', 'slack',
  status::alert_delivery_status, CASE status WHEN 'sent' THEN now() - ago END, now() - ago, now() - ago
FROM (VALUES ('pending', interval '2 min'), ('sent', '10 min'), ('sent', '30 min'), ('sent', '3 h'),
  ('failed', '3 h')) AS v(status, ago);
INSERT INTO alert_pending_items (id, destination_id, rule_id, scan_config_id, scope_type, scope_ref, direction, created_at, updated_at)
  VALUES (gen_random_uuid(), '00000000-0000-0000-0000-0000000000d1', '00000000-0000-0000-0000-0000000000e1',
  '00000000-0000-0000-0000-0000000000c1', 'event', 'x', 'up', now() - interval '20 h', now());
