-- What a live locker's connection has done: its row, and an advisory lock on each job it has taken.
INSERT INTO que_lockers
VALUES (pg_backend_pid(), 6, '{10}', 2, 'host-1', '{default,mail}', true, 2);
SELECT pg_advisory_lock(id) FROM que_jobs WHERE id IN (6, 4294967303, 8);
SELECT pg_advisory_lock(0, 10);
