SET timezone = 'UTC';

INSERT INTO delayed_jobs
    (queue, created_at, run_at, attempts, locked_at, locked_by, failed_at, handler, last_error)
SELECT queue, now() - created::interval, now() + at::interval, attempts, now() - locked::interval,
       CASE WHEN locked IS NOT NULL THEN 'host:worker pid:1' END, now() - failed::interval,
       'secret', 'secret'
FROM (VALUES
    -- What can be taken now.
    ('default', '10m', '-10m', 0, NULL, NULL),
    ('default', '2h', '-20m', 3, NULL, NULL),  -- its retry is due
    ('default', '1m', '-5h', 0, NULL, NULL),  -- for a time before it was made
    ('default', '1h', '0m', 0, NULL, NULL),  -- at this very moment
    ('default', '6h', '-6h', 0, '4h 30m', NULL),  -- locked for longer than any job may take
    -- What waits for its time.
    ('default', '30m', '1h', 0, NULL, NULL),
    ('default', '7h', '1h', 2, NULL, NULL),
    -- What runs: the second long, but not too long.
    ('default', '5m', '-5m', 0, '3m', NULL),
    ('default', '1d', '-4h', 1, '3h 59m', NULL),
    -- What has failed for good; the lock of the last attempt is kept.
    ('default', '20d', '-1h', 25, '11m', '10m'),
    ('default', '20d', '-1h', 25, '41m', '40m'),
    ('default', '30d', '-3d', 25, '2d', '2d'),
    -- Another queue, and none.
    ('mail', '15m', '10m', 1, NULL, NULL),
    (NULL, '2m', '-2m', 0, NULL, NULL)
) AS job (queue, created, at, attempts, locked, failed);
