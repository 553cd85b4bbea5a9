-- The tables of tripl that carry state, from the project's seed schemas (their rows left out).
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);   -- head seen in source: d1c6e84f27ab or later
CREATE TYPE scan_job_status AS ENUM ('pending','running','completed','failed','cancelled'); -- 'cancelled' added by c3d4e5f6a7b8 (2026-06-15)
CREATE TYPE scan_interval AS ENUM ('15m','1h','6h','1d','1w');
CREATE TYPE alert_delivery_status AS ENUM ('pending','sent','failed');  -- older versions: varchar(20)
CREATE TABLE projects (id uuid PRIMARY KEY, slug varchar(255), name varchar(255), is_demo boolean NOT NULL DEFAULT false, generation_status varchar(32) NOT NULL DEFAULT 'ready');
CREATE TABLE data_sources (
  id uuid PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, db_type varchar(20) NOT NULL,
  last_test_at timestamptz, last_test_status varchar(16) /* success|failed|NULL */, last_test_message text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE scan_configs (
  id uuid PRIMARY KEY, data_source_id uuid NOT NULL REFERENCES data_sources(id) ON DELETE CASCADE,
  project_id uuid NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
  name varchar(255) NOT NULL, interval scan_interval, time_column varchar(255), -- both set => scheduled collection
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE scan_jobs (
  id uuid PRIMARY KEY, scan_config_id uuid NOT NULL REFERENCES scan_configs(id) ON DELETE CASCADE,
  status scan_job_status NOT NULL, started_at timestamptz, completed_at timestamptz,
  result_summary json /* {"mode":"metrics_collection"} marks dispatcher jobs; NB json, not jsonb */,
  error_message text, celery_task_id text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ix_scan_job_config ON scan_jobs (scan_config_id);
CREATE TABLE alert_destinations (
  id uuid PRIMARY KEY, project_id uuid NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
  type varchar(32) NOT NULL /* slack|telegram|webhook|email|jira|linear */, name varchar(255) NOT NULL, enabled boolean NOT NULL DEFAULT true,
  delivery_schedule_cron varchar(255));
CREATE TABLE alert_rules (id uuid PRIMARY KEY, destination_id uuid REFERENCES alert_destinations(id) ON DELETE CASCADE, name varchar(255), enabled boolean NOT NULL DEFAULT true);
CREATE TABLE alert_deliveries (
  id uuid PRIMARY KEY, project_id uuid NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
  scan_config_id uuid NOT NULL REFERENCES scan_configs(id) ON DELETE CASCADE,
  scan_job_id uuid REFERENCES scan_jobs(id) ON DELETE SET NULL,
  destination_id uuid NOT NULL REFERENCES alert_destinations(id) ON DELETE CASCADE,
  rule_id uuid NOT NULL REFERENCES alert_rules(id) ON DELETE CASCADE,
  status alert_delivery_status NOT NULL DEFAULT 'pending', channel varchar(32) NOT NULL, matched_count integer NOT NULL DEFAULT 0,
  dispatch_attempts integer NOT NULL DEFAULT 0,          -- reaper cap MAX_DISPATCH_ATTEMPTS = 5
  payload_snapshot json, error_message text, sent_at timestamptz,
  claimed_at timestamptz,                                 -- lease, added by d1c6e84f27ab (2026-09-14)
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE alert_pending_items (                        -- digest buffer; grows if flush-due-alert-digests stops
  id uuid PRIMARY KEY, destination_id uuid NOT NULL REFERENCES alert_destinations(id) ON DELETE CASCADE,
  rule_id uuid NOT NULL, scan_config_id uuid NOT NULL, scope_type varchar(32) NOT NULL, scope_ref varchar(64) NOT NULL, direction varchar(16) NOT NULL,
  observation_count integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE metric_definitions (                         -- catalog metrics: collection status is inline, no job table
  id uuid PRIMARY KEY, project_id uuid NOT NULL REFERENCES projects(id) ON DELETE CASCADE, name varchar(255) NOT NULL,
  status varchar(16) NOT NULL DEFAULT 'draft', interval scan_interval,
  last_collected_at timestamptz, last_collection_status varchar(32) /* running|success-like|error|NULL */, last_collection_error text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
