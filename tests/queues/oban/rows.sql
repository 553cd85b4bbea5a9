SET timezone = 'UTC';

-- Renewed 10 seconds ago.
INSERT INTO oban_peers (name, node, started_at, expires_at)
VALUES ('Oban', 'node-1', now() - interval '1 day', now() + interval '20 seconds');

INSERT INTO oban_jobs
    (queue, state, attempt, inserted_at, scheduled_at, attempted_at,
     completed_at, discarded_at, cancelled_at, worker, args)
SELECT queue, state::oban_job_state, attempt, now() - inserted::interval, now() + at::interval,
       now() - attempted::interval,
       CASE state WHEN 'completed' THEN now() - ended::interval END,
       CASE state WHEN 'discarded' THEN now() - ended::interval END,
       CASE state WHEN 'cancelled' THEN now() - ended::interval END,
       what, '{"secret": true}'
FROM (VALUES
    -- What can be taken now.
    ('default', 'available', 0, '10m', '-10m', NULL, NULL, 'plain'),
    ('default', 'available', 0, '2h', '-5m', NULL, NULL, 'was scheduled, and staged'),
    ('default', 'available', 0, '1m', '-5h', NULL, NULL, 'scheduled for a time before it was made'),
    ('default', 'available', 0, '1m', '30m', NULL, NULL, 'taken though its time is not yet there'),
    ('default', 'available', 1, '1d', '-1d', '12m', NULL, 'rescued'),
    -- What nobody will take.
    ('default', 'available', 20, '3h', '-3h', '2h', NULL, 'no attempt is left'),
    ('default', 'suspended', 0, '5h', '-5h', NULL, NULL, 'held'),
    -- What waits for its time.
    ('default', 'scheduled', 0, '30m', '1h', NULL, NULL, 'later'),
    ('default', 'scheduled', 2, '2h', '30m', '1h', NULL, 'snoozed after two failures'),
    ('default', 'retryable', 3, '30m', '1h', '5m', NULL, 'failed'),
    -- What the stager should have moved.
    ('default', 'scheduled', 0, '3h', '-20m', NULL, NULL, 'forgotten'),
    ('default', 'retryable', 1, '1h', '-25m', '30m', NULL, 'forgotten retry'),
    ('default', 'scheduled', 0, '1h', '0m', NULL, NULL, 'due at this very moment'),
    -- What runs, the second for too long.
    ('default', 'executing', 1, '5m', '-5m', '3m', NULL, 'at work'),
    ('default', 'executing', 1, '3h', '-3h', '2h', NULL, 'its node is gone'),
    -- What has ended.
    ('default', 'discarded', 20, '20d', '-1h', '11m', '10m', 'gave up'),
    ('default', 'discarded', 20, '30d', '-3d', '2d', '2d', 'gave up long ago'),
    ('default', 'completed', 1, '6m', '-6m', '5m', '5m', 'done'),
    ('default', 'completed', 2, '2h', '-1h', '41m', '40m', 'done'),
    ('default', 'completed', 1, '4h', '-4h', '4h', '3h', 'done before the last hour'),
    ('default', 'cancelled', 1, '2h', '-2h', '31m', '30m', 'not wanted any more'),
    -- Another queue: a retry, and what the stager should have moved.
    ('mail', 'retryable', 1, '15m', '10m', '2m', NULL, 'failed'),
    ('mail', 'scheduled', 0, '10m', '-3m', NULL, NULL, 'forgotten')
) AS job (queue, state, attempt, inserted, at, attempted, ended, what);
