-- A paas at work: a deployment of every kind, and a live release with an instance.
INSERT INTO deployments (id, status, created_at, updated_at) VALUES
  ('00000000-0000-0000-0000-0000000000a1', 'Live', now() - interval '1 day', now() - interval '1 day'),
  ('00000000-0000-0000-0000-0000000000a2', 'Live', now() - interval '2 days', now() - interval '2 days'),
  (gen_random_uuid(), 'Queued', now() - interval '1 min', now() - interval '1 min'),
  (gen_random_uuid(), 'Building', now() - interval '12 min', now() - interval '10 min'),
  (gen_random_uuid(), 'Superseded', now() - interval '3 days', now() - interval '1 day'),
  (gen_random_uuid(), 'Failed', now() - interval '3 days', now() - interval '3 days');
-- The second live release was scaled to none on purpose.
INSERT INTO container_instances (release_id, status, failure_reason, created_at) VALUES
  ('00000000-0000-0000-0000-0000000000a1', 'Healthy', NULL, now() - interval '1 day'),
  ('00000000-0000-0000-0000-0000000000a1', 'Stopped', NULL, now() - interval '1 day'),
  ('00000000-0000-0000-0000-0000000000a2', 'Stopped', NULL, now() - interval '2 days'),
  (gen_random_uuid(), 'Failed', 'health check GET / timed out after 30s', now() - interval '3 days');
INSERT INTO databases (name, status, created_at) VALUES
  ('main', 'Ready', now() - interval '1 day'), ('new', 'Provisioning', now() - interval '1 min');
INSERT INTO domains (hostname, tls_status, last_error, created_at, updated_at) VALUES
  ('a.example.com', 'Active', NULL, now() - interval '1 day', now() - interval '1 day'),
  ('b.example.com', 'RenewalDue', NULL, now() - interval '60 days', now() - interval '1 h'),
  ('c.example.com', 'Issuing', '', now() - interval '60 days', now() - interval '1 min'),
  ('d.example.com', 'Pending', NULL, now() - interval '2 min', now() - interval '1 min');
