-- An agledger at work: its queue is worked on, supervision and cron stamp the tables.
INSERT INTO pgboss.version VALUES (37, now() - interval '20 s', now(), NULL);
INSERT INTO pgboss.queue (name, policy, retry_limit, retry_delay, retry_backoff, expire_seconds, retention_seconds, deletion_seconds, partition, table_name, monitor_on, maintain_on) VALUES
  ('webhook-delivery-dlq', 'standard', 2, 0, false, 900, 1209600, 604800, false, 'job_common', now() - interval '30 s', now() - interval '1 h'),
  ('webhook-delivery', 'standard', 5, 30, true, 900, 1209600, 604800, false, 'job_common', now() - interval '30 s', now() - interval '1 h');
UPDATE pgboss.queue SET dead_letter = 'webhook-delivery-dlq' WHERE name = 'webhook-delivery';
INSERT INTO pgboss.schedule (name, cron) VALUES ('webhook-delivery', '* * * * *');
INSERT INTO pgboss.job (name, state, start_after, started_on, created_on, completed_on, retry_limit, retry_count)
SELECT 'webhook-delivery', state::pgboss.job_state, now() - since, now() - started, now() - since, now() - ended, 5, tries
FROM (VALUES
  ('created', interval '10 s', NULL::interval, NULL::interval, 0),
  ('created', '-1 h', NULL, NULL, 0),
  ('active', '5 min', '4 min', NULL, 0),
  ('retry', '-2 min', '3 min', NULL, 1),
  ('completed', '30 min', '20 min', '10 min', 0),
  ('failed', '3 days', '3 days', '3 days', 5)
) AS v(state, since, started, ended, tries);
INSERT INTO _migrations (name, applied_at) VALUES ('0001_first', now() - interval '90 days'), ('0002_second', now() - interval '30 days');
