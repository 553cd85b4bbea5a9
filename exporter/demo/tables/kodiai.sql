-- The tables of kodiai that tell how it fares, as its migrations leave them (xbmc/kodiai,
-- src/db/migrations), reduced. Only the queue of webhooks has a life in the demo. They are
-- unlogged: nobody needs them after a crash of the demo.
CREATE UNLOGGED TABLE _migrations (
  id serial PRIMARY KEY,
  name text NOT NULL UNIQUE,
  applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNLOGGED TABLE webhook_queue (
  id bigserial PRIMARY KEY,
  source text NOT NULL,
  delivery_id text,
  event_name text,
  headers jsonb NOT NULL,
  body text NOT NULL,
  queued_at timestamptz NOT NULL DEFAULT now(),
  claimed_at timestamptz,
  processed_at timestamptz,
  status text NOT NULL DEFAULT 'pending',
  error_message text
);
CREATE INDEX idx_webhook_queue_pending
  ON webhook_queue (status, queued_at) WHERE status = 'pending';
CREATE INDEX idx_webhook_queue_processing_claimed
  ON webhook_queue (status, claimed_at) WHERE status = 'processing';

CREATE UNLOGGED TABLE run_state (
  id serial PRIMARY KEY,
  run_key text NOT NULL UNIQUE,
  repo text NOT NULL,
  pr_number integer NOT NULL,
  base_sha text NOT NULL,
  head_sha text NOT NULL,
  delivery_id text NOT NULL,
  action text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  created_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz,
  superseded_by text
);

CREATE UNLOGGED TABLE telemetry_events (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  delivery_id text,
  repo text NOT NULL,
  pr_number integer,
  event_type text NOT NULL,
  model text NOT NULL,
  duration_ms integer NOT NULL DEFAULT 0,
  cost_usd real NOT NULL DEFAULT 0,
  conclusion text NOT NULL,
  stop_reason text
);

CREATE UNLOGGED TABLE resilience_events (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  delivery_id text NOT NULL UNIQUE,
  repo text NOT NULL,
  pr_number integer,
  event_type text NOT NULL,
  kind text NOT NULL,
  execution_conclusion text,
  recent_timeouts integer,
  chronic_timeout boolean,
  retry_enqueued boolean,
  timeout_classification text
);

CREATE UNLOGGED TABLE rate_limit_events (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  delivery_id text,
  repo text NOT NULL,
  event_type text NOT NULL,
  cache_hit_rate real NOT NULL,
  skipped_queries integer NOT NULL,
  retry_attempts integer NOT NULL,
  degradation_path text NOT NULL
);

CREATE UNLOGGED TABLE llm_cost_events (
  id bigserial PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now(),
  repo text NOT NULL,
  task_type text NOT NULL,
  model text NOT NULL,
  provider text NOT NULL,
  sdk text NOT NULL,
  estimated_cost_usd numeric(12,8) NOT NULL DEFAULT 0,
  used_fallback boolean NOT NULL DEFAULT false,
  error text
);

CREATE UNLOGGED TABLE wiki_staleness_run_state (
  id serial PRIMARY KEY,
  last_run_at timestamptz,
  pages_flagged integer NOT NULL DEFAULT 0,
  pages_evaluated integer NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'pending',
  error_message text,
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNLOGGED TABLE embedding_repair_state (
  id serial PRIMARY KEY,
  corpus text NOT NULL,
  repair_key text NOT NULL DEFAULT 'default',
  run_id text NOT NULL,
  status text NOT NULL DEFAULT 'running',
  processed integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  last_failure_class text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (corpus, repair_key)
);

CREATE UNLOGGED TABLE review_graph_builds (
  id bigserial PRIMARY KEY,
  repo text NOT NULL,
  workspace_key text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  started_at timestamptz,
  completed_at timestamptz,
  last_error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (repo, workspace_key)
);

CREATE UNLOGGED TABLE issue_sync_state (
  id serial PRIMARY KEY,
  repo text NOT NULL UNIQUE,
  last_synced_at timestamptz,
  backfill_complete boolean NOT NULL DEFAULT false,
  updated_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO _migrations (name) VALUES ('054-learning-memory-cluster-training-index.sql');
