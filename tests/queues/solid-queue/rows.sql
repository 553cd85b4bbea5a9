SET timezone = 'UTC';

INSERT INTO solid_queue_pauses (queue_name, created_at) VALUES ('reports', now());

-- The second worker was killed; process 9 has been pruned already.
INSERT INTO solid_queue_processes
    (id, kind, name, last_heartbeat_at, supervisor_id, pid, created_at)
SELECT id, kind, kind || id, now() - seen::interval, supervisor, id, now() - interval '1 day'
FROM (VALUES
    (1, 'Supervisor(fork)', '30s', NULL),
    (2, 'Dispatcher', '70s', 1),
    (3, 'Scheduler', '10s', 1),
    (4, 'Worker', '30s', 1),
    (5, 'Worker', '6m', 1)
) AS process (id, kind, seen, supervisor);

-- `state` is the table with the job's execution, `since` when that row was made.
CREATE TEMPORARY TABLE seed (id, queue, state, created, at, since, process) AS
SELECT id, queue, state, created::interval, at::interval, since::interval, process
FROM (VALUES
    -- What can be taken now.
    (1, 'default', 'ready', '10m', '-10m', '10m', NULL::int),
    (2, 'default', 'ready', '2h', '-5m', '5m', NULL),  -- was scheduled, and dispatched
    (3, 'default', 'ready', '1d', '-1d', '1m', NULL),  -- given back by a worker that was stopped
    -- What waits for its time, or for the dispatcher.
    (4, 'default', 'scheduled', '30m', '1h', '30m', NULL),
    (5, 'default', 'scheduled', '3h', '-20m', '3h', NULL),
    (6, 'default', 'scheduled', '1h', '0m', '1h', NULL),  -- due at this very moment
    -- What waits for others: the first beyond the time of its semaphore.
    (7, 'default', 'blocked', '4h', '-4h', '4h', NULL),
    (8, 'default', 'blocked', '2m', '-2m', '2m', NULL),
    -- What runs: with a live process, a dead one, one that is gone, and none.
    (9, 'default', 'claimed', '5m', '-5m', '3m', 4),
    (10, 'default', 'claimed', '1h', '-1h', '50m', 5),
    (11, 'default', 'claimed', '1d', '-1d', '2h', 9),
    (12, 'default', 'claimed', '1d', '-1d', '2h', NULL),
    -- What has ended.
    (13, 'default', 'failed', '1h', '-1h', '10m', NULL),
    (14, 'default', 'failed', '1d', '-1d', '40m', NULL),
    (15, 'default', 'failed', '3d', '-3d', '2d', NULL),
    (16, 'default', 'finished', '6m', '-6m', '5m', NULL),
    (17, 'default', 'finished', '2h', '-2h', '40m', NULL),
    (18, 'default', 'finished', '4h', '-4h', '3h', NULL),
    -- A paused queue, in which a job still runs and one is due to be dispatched.
    (19, 'reports', 'ready', '15m', '-15m', '15m', NULL),
    (20, 'reports', 'claimed', '20m', '-20m', '10m', 4),
    (21, 'reports', 'scheduled', '1h', '-1m', '1h', NULL),
    -- A queue in which all is done, and one whose job was dropped on the way.
    (22, 'cron', 'finished', '40s', '-40s', '35s', NULL),
    (23, 'lost', 'none', '1h', '-1h', NULL, NULL)
) AS job (id, queue, state, created, at, since, process);

INSERT INTO solid_queue_jobs
    (id, queue_name, class_name, arguments, scheduled_at, finished_at, created_at, updated_at)
SELECT id, queue, 'Job', '{"secret": true}', now() + at,
       CASE state WHEN 'finished' THEN now() - since END, now() - created, now()
FROM seed;
INSERT INTO solid_queue_ready_executions (job_id, queue_name, created_at)
SELECT id, queue, now() - since FROM seed WHERE state = 'ready';
INSERT INTO solid_queue_scheduled_executions (job_id, queue_name, scheduled_at, created_at)
SELECT id, queue, now() + at, now() - since FROM seed WHERE state = 'scheduled';
INSERT INTO solid_queue_blocked_executions
    (job_id, queue_name, concurrency_key, expires_at, created_at)
SELECT id, queue, 'account/1', now() - since + interval '3 minutes', now() - since
FROM seed WHERE state = 'blocked';
INSERT INTO solid_queue_claimed_executions (job_id, process_id, created_at)
SELECT id, process, now() - since FROM seed WHERE state = 'claimed';
INSERT INTO solid_queue_failed_executions (job_id, error, created_at)
SELECT id, '{"message": "secret"}', now() - since FROM seed WHERE state = 'failed';

-- Of two tasks one has run; the executions of a third are left though it was removed.
INSERT INTO solid_queue_recurring_tasks (key, schedule, created_at, updated_at)
VALUES ('nightly', '0 3 * * *', now(), now()), ('new', '0 4 * * *', now(), now());
INSERT INTO solid_queue_recurring_executions (job_id, task_key, run_at, created_at)
VALUES (18, 'nightly', now() - interval '1 day', now()),
       (22, 'nightly', now() - interval '40 s', now()),
       (17, 'removed', now() - interval '1 hour', now());
