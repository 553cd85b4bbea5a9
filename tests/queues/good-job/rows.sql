SET timezone = 'UTC';

-- One process lives, one was killed, and one more is locked by but gone.
INSERT INTO good_job_processes (id, created_at, updated_at) VALUES
    ('00000000-0000-0000-0000-00000000000a', now() - interval '1 day', now() - interval '20 s'),
    ('00000000-0000-0000-0000-00000000000b', now() - interval '1 day', now() - interval '6 min');

INSERT INTO good_job_settings (created_at, updated_at, key, value) VALUES
    (now(), now(), 'cron_keys_disabled', '["old"]'),
    (now(), now(), 'pauses',
     '{"queues": ["reports"], "job_classes": ["PausedJob"], "labels": ["bulk"]}');

INSERT INTO good_jobs
    (queue_name, created_at, scheduled_at, performed_at, finished_at, updated_at, executions_count,
     error, error_event, locked_by_id, locked_at, job_class, labels, serialized_params)
SELECT queue, now() - created::interval, now() + at::interval, now() - performed::interval,
       now() - finished::interval, now() - updated::interval, executions,
       CASE WHEN event IS NOT NULL THEN 'Secret: error' END, event,
       ('00000000-0000-0000-0000-00000000000' || locker)::uuid,
       CASE WHEN locker IS NOT NULL THEN now() - performed::interval END,
       class, labels::text[], '{"secret": true}'
FROM (VALUES
    -- What can be taken now.
    ('default', '10m', '-10m', NULL, NULL, '10m', 0, NULL, NULL, 'Job', NULL),
    ('default', '2h', '-5m', NULL, NULL, '2h', 0, NULL, NULL, 'Job', '{urgent}'),
    ('default', '1m', '-5h', NULL, NULL, '1m', 0, NULL, NULL, 'Job', NULL),  -- for a time past
    ('default', '1h', '-20m', NULL, NULL, '40m', 2, 3, NULL, 'Job', NULL),  -- its retry is due
    ('default', '3h', '-3h', '25m', NULL, '25m', 1, NULL, NULL, 'Job', NULL),  -- lost
    ('default', '1h', '0m', NULL, NULL, '1h', NULL, NULL, NULL, 'Job', NULL),  -- at this moment
    -- What waits for its time.
    ('default', '4h', '1h', NULL, NULL, '4h', NULL, NULL, NULL, 'Job', NULL),
    ('default', '30m', '1h', NULL, NULL, '5m', 1, 3, NULL, 'Job', NULL),  -- failed lately
    ('default', '5h', '1h', NULL, NULL, '2h', 4, 3, NULL, 'Job', NULL),  -- failed long ago
    -- What runs: with a live process, a dead one, and one that is gone.
    ('default', '5m', '-5m', '3m', NULL, '3m', 1, NULL, 'a', 'Job', NULL),
    ('default', '1h', '-1h', '50m', NULL, '50m', 1, NULL, 'b', 'Job', NULL),
    ('default', '1d', '-1d', '2h', NULL, '2h', 2, 3, 'c', 'Job', NULL),
    -- What is paused by its class or a label.
    ('default', '6h', '-6h', NULL, NULL, '6h', 0, NULL, NULL, 'PausedJob', NULL),
    ('default', '6h', '-6h', NULL, NULL, '6h', 0, NULL, NULL, 'Job', '{urgent,bulk}'),
    -- What has ended.
    ('default', '6m', '-6m', '5m', '5m', '5m', 1, NULL, NULL, 'Job', NULL),
    ('default', '2h', '-1h', '41m', '40m', '40m', 2, NULL, NULL, 'Job', NULL),
    ('default', '4h', '-4h', '4h', '3h', '3h', 1, NULL, NULL, 'Job', NULL),  -- before the last hour
    ('default', '20d', '-1h', '11m', '10m', '10m', 5, 4, NULL, 'Job', NULL),  -- gave up
    ('default', '5d', '-2d', '2d', '2d', '2d', 5, 1, NULL, 'Job', NULL),  -- long ago
    ('default', '1h', '-1h', '35m', '30m', '30m', 1, 5, NULL, 'Job', NULL),  -- discarded on purpose
    -- A paused queue, in which a job still runs.
    ('reports', '15m', '-15m', NULL, NULL, '15m', 0, NULL, NULL, 'Job', NULL),
    ('reports', '15m', '1h', NULL, NULL, '15m', 0, NULL, NULL, 'Job', NULL),
    ('reports', '1h', '-1h', '10m', NULL, '10m', 1, NULL, 'a', 'Job', NULL)
) AS job (queue, created, at, performed, finished, updated, executions, event, locker, class,
          labels);

-- What cron has made: the last at its minute, 40 seconds ago.
INSERT INTO good_jobs
    (queue_name, created_at, updated_at, scheduled_at, finished_at, executions_count,
     cron_key, cron_at)
SELECT 'cron', now() - ago, now() - ago, now() - ago, now() - ago, 1, 'nightly', now() - ago
FROM unnest('{2d,1d,40s}'::interval[]) AS ago;
