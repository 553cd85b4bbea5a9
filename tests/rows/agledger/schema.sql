-- The tables of agledger that carry state, from the project's seed schemas (their rows left out).
CREATE SCHEMA pgboss;                                        -- v12 shape (default schema name; AGLedger may rename it)
CREATE TYPE pgboss.job_state AS ENUM ('created','retry','active','completed','cancelled','failed');
CREATE TABLE pgboss.version (version int PRIMARY KEY, cron_on timestamptz, bam_on timestamptz, flow_on timestamptz);
CREATE TABLE pgboss.queue (
  name text PRIMARY KEY, policy text NOT NULL, retry_limit int NOT NULL, retry_delay int NOT NULL, retry_backoff bool NOT NULL, retry_delay_max int,
  expire_seconds int NOT NULL, retention_seconds int NOT NULL, deletion_seconds int NOT NULL,
  dead_letter text REFERENCES pgboss.queue (name), partition bool NOT NULL, table_name text NOT NULL,
  deferred_count int NOT NULL DEFAULT 0, queued_count int NOT NULL DEFAULT 0, ready_count int NOT NULL DEFAULT 0, warning_queued int NOT NULL DEFAULT 0,
  active_count int NOT NULL DEFAULT 0, failed_count int NOT NULL DEFAULT 0, total_count int NOT NULL DEFAULT 0,
  heartbeat_seconds int, notify bool NOT NULL DEFAULT false, singletons_active text[],
  monitor_on timestamptz, maintain_on timestamptz, created_on timestamptz NOT NULL DEFAULT now(), updated_on timestamptz NOT NULL DEFAULT now());
CREATE TABLE pgboss.job (
  id uuid NOT NULL DEFAULT gen_random_uuid(), name text NOT NULL, priority int NOT NULL DEFAULT 0, data jsonb,
  state pgboss.job_state NOT NULL DEFAULT 'created',
  retry_limit int NOT NULL DEFAULT 2, retry_count int NOT NULL DEFAULT 0, retry_delay int NOT NULL DEFAULT 0, retry_backoff bool NOT NULL DEFAULT false, retry_delay_max int,
  expire_seconds int NOT NULL DEFAULT 900, deletion_seconds int NOT NULL DEFAULT 604800,
  singleton_key text, singleton_on timestamp, start_after timestamptz NOT NULL DEFAULT now(),
  created_on timestamptz NOT NULL DEFAULT now(), started_on timestamptz, completed_on timestamptz,
  keep_until timestamptz NOT NULL DEFAULT now() + interval '1209600', output jsonb, dead_letter text, policy text,
  heartbeat_on timestamptz, heartbeat_seconds int, blocked bool NOT NULL DEFAULT false
) PARTITION BY LIST (name);
CREATE TABLE pgboss.job_common PARTITION OF pgboss.job DEFAULT;
CREATE TABLE pgboss.warning (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), type text NOT NULL /* slow_query|queue_backlog|clock_skew */, message text NOT NULL, data jsonb, created_on timestamptz NOT NULL DEFAULT now());
CREATE TABLE pgboss.schedule (name text REFERENCES pgboss.queue ON DELETE CASCADE, key text NOT NULL DEFAULT '', cron text NOT NULL, timezone text, data jsonb, options jsonb,
  created_on timestamptz NOT NULL DEFAULT now(), updated_on timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (name, key));
CREATE TABLE _migrations (id serial PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()); -- only "_migrations" and "id" are documented; other columns inferred
