INSERT INTO river_queue (name, paused_at, updated_at) VALUES
    ('default', NULL, now()), ('reports', now() - interval '1 day', now()), ('idle', NULL, now());

-- Renewed 4 seconds ago.
INSERT INTO river_leader (elected_at, expires_at, leader_id)
VALUES (now() - interval '1 day', now() + interval '11 seconds', 'host-1');

INSERT INTO river_job
    (queue, state, attempt, created_at, scheduled_at, attempted_at, finalized_at, kind, args)
SELECT queue, state::river_job_state, attempt, now() - created::interval, now() + at::interval,
       now() - attempted::interval, now() - finalized::interval, what, '{"secret": true}'
FROM (VALUES
    -- What can be taken now.
    ('default', 'available', 0, '10m', '-10m', NULL, NULL, 'plain'),
    ('default', 'available', 0, '2h', '-5m', NULL, NULL, 'was scheduled, and promoted'),
    ('default', 'available', 0, '1m', '-5h', NULL, NULL, 'scheduled for a time before it was made'),
    -- A retry and a snooze that are available before their time.
    ('default', 'available', 1, '10m', '10m', '1h 5m', NULL, 'short retry'),
    ('default', 'available', 0, '10m', '10m', '1m', NULL, 'short snooze'),
    -- What waits for its time.
    ('default', 'scheduled', 0, '30m', '1h', NULL, NULL, 'later'),
    ('default', 'scheduled', 2, '2h', '30m', '1h', NULL, 'snoozed after two failures'),
    ('default', 'retryable', 3, '30m', '1h', '5m', NULL, 'failed lately'),
    ('default', 'retryable', 9, '3h 30m', '1h', '2h', NULL, 'failed long ago'),
    -- What the leader should have promoted.
    ('default', 'scheduled', 0, '3h', '-20m', NULL, NULL, 'forgotten'),
    ('default', 'retryable', 1, '1h', '-25m', '30m', NULL, 'forgotten retry'),
    ('default', 'scheduled', 0, '1h', '0m', NULL, NULL, 'due at this very moment'),
    -- What runs, the second for too long.
    ('default', 'running', 1, '5m', '-5m', '3m', NULL, 'at work'),
    ('default', 'running', 1, '3h', '-3h', '2h', NULL, 'its process is gone'),
    ('default', 'pending', 0, '4h', '-4h', NULL, NULL, 'waits for another job'),
    -- What has ended.
    ('default', 'discarded', 25, '20d', '-1h', '11m', '10m', 'gave up'),
    ('default', 'discarded', 25, '30d', '-3d', '2d', '2d', 'gave up long ago'),
    ('default', 'discarded', 0, '1h', '-5m', NULL, '5m', 'a duplicate'),
    ('default', 'completed', 1, '6m', '-6m', '5m', '5m', 'done'),
    ('default', 'completed', 2, '2h', '-1h', '41m', '40m', 'done'),
    ('default', 'completed', 1, '4h', '-4h', '4h', '3h', 'done before the last hour'),
    ('default', 'cancelled', 1, '2h', '-2h', '31m', '30m', 'not wanted any more'),
    -- A paused queue: a running job goes on, and the leader still promotes.
    ('reports', 'available', 0, '15m', '-15m', NULL, NULL, 'held'),
    ('reports', 'available', 0, '25m', '-25m', NULL, NULL, 'held'),
    ('reports', 'running', 1, '2d', '-2d', '10m', NULL, 'began before the pause'),
    ('reports', 'scheduled', 0, '1d', '-1m', NULL, NULL, 'about to be promoted, and held'),
    -- A queue whose row is gone, for no client has worked it for a day.
    ('old', 'available', 0, '2d', '-2d', NULL, NULL, 'nobody will come')
) AS job (queue, state, attempt, created, at, attempted, finalized, what);
