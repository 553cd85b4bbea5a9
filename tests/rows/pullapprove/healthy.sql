-- A pullapprove at work: two workers, a job that is due, one for later, one that runs; most go well.
INSERT INTO plainjobs_workerheartbeat (worker_id, hostname, pid, queues, last_heartbeat_at) VALUES
  ('00000000-0000-0000-0000-0000000000a1', 'worker-1', 7, '["default"]', now() - interval '20 s'),
  ('00000000-0000-0000-0000-0000000000a2', 'worker-2', 7, '["default"]', now() - interval '40 s');
INSERT INTO plainjobs_jobrequest (job_class, created_at, start_at) VALUES
  ('app.Update', now() - interval '10 s', NULL),
  ('app.Sync', now() - interval '2 h', now() + interval '1 h');
INSERT INTO plainjobs_jobprocess (job_class, job_request_uuid, worker_id, created_at, started_at) VALUES
  ('app.Sync', gen_random_uuid(), '00000000-0000-0000-0000-0000000000a1', now() - interval '30 min', now() - interval '30 min');
INSERT INTO plainjobs_jobresult (job_process_uuid, job_request_uuid, status, job_class, created_at, started_at, ended_at)
SELECT gen_random_uuid(), gen_random_uuid(), 'SUCCESSFUL', 'app.Update', at, at, at
FROM generate_series(1, 40) AS n, LATERAL (SELECT now() - n * interval '1 min') AS t(at);
-- One failed and is to be tried again.
INSERT INTO plainjobs_jobresult (job_process_uuid, job_request_uuid, status, job_class, created_at, started_at, ended_at, retries, retry_job_request_uuid)
  VALUES (gen_random_uuid(), gen_random_uuid(), 'ERRORED', 'app.Update', now() - interval '5 min', now() - interval '5 min', now() - interval '5 min', 3, gen_random_uuid());
