-- A locker that was killed. Another one lives as long as session.sql keeps its connection.
INSERT INTO que_lockers VALUES (2147483647, 6, '{10,30}', 1, 'host-1', '{default}', true, 2);

INSERT INTO que_jobs
    (id, queue, run_at, error_count, finished_at, expired_at, job_class, args, last_error_message,
     job_schema_version)
SELECT id, queue, now() + at::interval, errors, now() - finished::interval,
       now() - expired::interval, 'Job', '["secret"]', 'secret', 2
FROM (VALUES
    -- What can be taken now.
    (1, 'default', '-10m', 0, NULL, NULL),
    (2, 'default', '-20m', 3, NULL, NULL),  -- its retry is due
    (3, 'default', '0m', 0, NULL, NULL),  -- at this very moment
    -- What waits for its time.
    (4, 'default', '1h', 0, NULL, NULL),
    (5, 'default', '1h', 2, NULL, NULL),
    -- What the locker has taken; the second has an id of more than 32 bits, and the third was
    -- fetched again before its lock was given back.
    (6, 'default', '-1h', 0, NULL, NULL),
    (4294967303, 'default', '-2h', 1, NULL, NULL),
    (8, 'default', '1h', 1, NULL, NULL),
    -- Locked by somebody else, or by another kind of lock: not taken.
    (9, 'default', '-5m', 0, NULL, NULL),
    (10, 'default', '-5m', 0, NULL, NULL),
    -- What has ended: given up, and done by a job that says `finish`.
    (11, 'default', '-2h', 16, NULL, '10m'),
    (12, 'default', '-2h', 16, NULL, '40m'),
    (13, 'default', '-9d', 16, NULL, '8d'),
    (14, 'default', '-1h', 0, '5m', NULL),
    -- Another queue.
    (15, 'mail', '-1m', 0, NULL, NULL)
) AS job (id, queue, at, errors, finished, expired);
